// Compare: two configurations of one data set, score by score: difference, its interval, and the probability that one is better. All of it was computed
// when the board was made.
function showCompare(found) {
  const set = dataShown(), { on } = set, configurations = configurationsOf(found, set);
  const first = firstMetric(configurations), order = firstMetric(configurations) ? bestFirst(configurations, axisOf(first, configurations)) : [];
  const a = configurations.find(({ key }) => key === place.a) ?? (place.a ? null : order[0]);
  const b = configurations.find(({ key }) => key === place.b) ?? (place.b ? null : order.find((each) => each !== a && each.row.method === "pca") ?? order.find((each) => each !== a));
  const entries = configurations.map(({ key, name }) => [key, name]);
  byId("compare-of").replaceChildren(dataChooser(set, { a: "", b: "" }), ...(entries.length ? [chooser("A", "a", a?.key ?? place.a, entries), chooser("B", "b", b?.key ?? place.b, entries)] : []));
  const say = (text) => byId("compare").replaceChildren(make("p", {}, text));
  if (configurations.length < 2) return say("There are fewer than two configurations on this data set, so there is nothing to compare.");
  if (!a || !b) return say("Choose two configurations of this data set.");
  if (a === b) return say("A and B are the same configuration.");
  const lines = metricsOf([a, b]).map((key) => comparisonOf(key, a, b));
  byId("compare").replaceChildren(...[
    make("p", {}, make("strong", {}, "A: "), a.name, make("br"), make("strong", {}, "B: "), b.name), make("p", {}, countText(lines)),
    differenceChart(lines, a, b, on), comparisonTable(lines, a, b), make("p", { class: "quiet" }, `A − B: the difference of the means over seeds${adjustedNow ? ", of scores as they are, not adjusted for chance" : ""}. Two ranked configurations: intervals and p by Tukey–Kramer's test, which holds for all ranked ones of their kind of supervision together, on the variance between seeds of one configuration. With a reference row such as PCA: Student's t (Welch), adjusted for as many configurations. Probability of improvement: the share of pairs of a run of A and a run of B in which A's is better.`)]);
}

// What is no reference first, then what has no supervision, the best before others.
function bestFirst(configurations, axis) {
  const worth = (each) => (axis.at(each) === null ? -Infinity : axis.better === false ? -axis.at(each) : axis.at(each));
  return [...configurations].sort((x, y) => x.row.reference - y.row.reference || (y.row.supervision === "none") - (x.row.supervision === "none") || worth(y) - worth(x));
}

const comparedIn = grouped(board.differences.flatMap((group) => group.ids.map((id, place) => ({ id, group, place }))), ({ id }) => id);

// One metric of two configurations; `missing` says why there is no difference.
function comparisonOf(key, a, b) {
  const [rowA, rowB] = [a.of.get(key) ?? null, b.of.get(key) ?? null], known = rowA ?? rowB;
  const found = { name: plainWords(known, key), rowA, rowB, known, better: PLAIN.get(known).higher_is_better, range: PLAIN.get(known).range };
  if (!rowA || !rowB) return { ...found, missing: `${rowA ? "B" : "A"} was not scored` };
  // A baseline is compared with the rows of every budget.
  const others = comparedIn.get(rowB.id) ?? [], one = comparedIn.get(rowA.id)?.find(({ group }) => others.some((each) => each.group === group)), other = others.find(({ group }) => group === one?.group);
  found.difference = PLAIN.get(rowA).mean - PLAIN.get(rowB).mean;
  if (!one) return { ...found, missing: whyNot(rowA, rowB) };
  const at = (name) => one.group[name][one.place][other.place];
  found.improvement = at("improvement");
  if (at("low") === null) return { ...found, missing: found.improvement === null ? whyNot(rowA, rowB) : "not defined: fewer than 20 degrees of freedom on this data set" };
  return { ...found, low: at("low"), high: at("high"), p: at("p"), missing: null };
}

// The words of a score where the switch "adjusted for chance" does not count.
const plainWords = (row, key) => `${titles.get(row.metric) ?? row.metric}${key === row.metric ? "" : ` (${row.score})`}${isPercent(row) ? ", %" : ""}`;

function whyNot(rowA, rowB) {
  if ([rowA, rowB].some((row) => row.evidence === "claimed")) return "not defined: only claimed";
  if ([rowA, rowB].some((row) => !row.reference && row.seeds < 3)) return "not defined: n < 3";
  if (PLAIN.get(rowA).higher_is_better === null) return "not compared: neither more nor less is better";
  return rowA.default_parameters ? "not compared: more than 60 configurations" : "not compared: not the metric's default parameters";
}

const verdictOf = ({ missing, p, difference, better }) => (missing ? missing : p >= 0.05 ? "no significant difference" : better === null ? "they differ" : (difference > 0) === better ? "A is better" : "B is better");

function countText(lines) {
  const verdicts = lines.map(verdictOf), count = (text) => verdicts.filter((verdict) => verdict === text).length, scores = (n) => `${n} ${n === 1 ? "score" : "scores"}`;
  const defined = lines.filter(({ missing }) => !missing).length;
  if (defined === 0) return "No difference has an interval: that takes 3 seeds of A and of B, and 20 degrees of freedom within the configurations of the data set.";
  return `Of ${scores(defined)} with an interval, A is significantly better in ${count("A is better")}, B in ${count("B is better")}.`;
}

// Scores in % on one axis, turned so that what is better for A lies to the right.
function differenceChart(lines, a, b, on) {
  const shown = lines.filter(({ missing, known }) => !missing && isPercent(known)).map((line) => {
    const sign = line.better ? 1 : -1, ends = [sign * line.low, sign * line.high], verdict = verdictOf(line);
    return { name: `${line.name.replace(/, %$/, "")}${line.better ? "" : " ↓"}`, x: sign * line.difference, low: Math.min(...ends), high: Math.max(...ends), sure: line.p < 0.05, open: { row: line.rowA.id },
      title: `${line.name}\nA − B: ${signed(line, line.difference)} [${signed(line, line.low)}, ${signed(line, line.high)}]\nprobability of improvement: ${percent(line.improvement)}\n${verdict}` };
  });
  if (shown.length === 0) return make("p", { class: "quiet" }, "No score in % has a difference with an interval.");
  const width = chartWidth(860), longest = Math.max(...shown.map(({ name }) => name.length)), reach = Math.max(...shown.flatMap(({ low, high }) => [Math.abs(low), Math.abs(high)]));
  const title = `Differences of scores in % ${on}, with 95 % intervals`;
  return figure(title, plotted(`${title}: ${a.name} against ${b.name}; the table below has the same values`, {
    width, height: 84 + 26 * shown.length, marginLeft: Math.min(longest * 7 + 14, width * 0.4), marginBottom: 44, marginTop: 14, marginRight: 20, symbol: { type: "identity" },
    x: { label: "← B is better · difference in percentage points · A is better →", percent: true, labelAnchor: "center", labelArrow: "none", domain: [-100 * reach, 100 * reach], nice: true, ticks: width / 110 }, y: { label: null, domain: shown.map(({ name }) => name), tickSize: 0 },
    marks: [Plot.gridX({ strokeOpacity: 0.12 }), Plot.ruleX([0], { stroke: "var(--quiet)" }), Plot.ruleY(shown, { y: "name", x1: "low", x2: "high", stroke: "var(--mark-0)", strokeWidth: 2.5 }),
      Plot.dot(shown, { y: "name", x: "x", r: 5, stroke: "var(--mark-0)", strokeWidth: 2, fill: ({ sure }) => (sure ? "var(--mark-0)" : "var(--card)"), symbol: ({ sure }) => (sure ? "circle" : "diamond") }), tipOf(shown, { x: "x", y: "name", title: "title" })],
  }), make("p", { class: "quiet" }, "Filled circle: significant at 5 %; hollow diamond: not."));
}

const signed = ({ known }, value) => `${value > 0 ? "+" : ""}${scoreText(known, value)}`;
const percent = (value) => (value === null || value === undefined ? "" : `${Math.round(100 * value)} %`);

function comparisonTable(lines, a, b) {
  const of = (row) => (row ? rowButton(row, `${shortValue(row)}, n = ${row.seeds}`) : "–");
  return tableOf(`${a.name} against ${b.name}`, ["Score", "A", "B", "A − B", "95 % interval", "p", "Probability of improvement", "Verdict"], lines.map((line) => [
    `${line.name}${line.better === false ? " ↓" : ""}`, of(line.rowA), of(line.rowB), line.difference === undefined ? "" : signed(line, line.difference), line.missing ? "" : `${signed(line, line.low)} … ${signed(line, line.high)}`,
    line.missing ? "" : line.p < 0.001 ? "< 0.001" : number(line.p), percent(line.improvement), verdictOf(line)]), [3, 4, 5, 6]);
}
