// Agreement: how far the scores of one data set order the runs alike, over all runs and between the seeds of one configuration.
function showAgreement() {
  const set = dataShown(), { on } = set;
  byId("agreement-of").replaceChildren(dataChooser(set));
  const of = (adjustedNow ? board.agreement_adjusted : board.agreement).find((each) => ofSet({ data: dataKey(each), budget: each.budget }, set));
  const pairs = of ? pairsOf(of) : [];
  const known = pairs.filter(({ rho }) => rho !== null);
  if (known.length === 0) {
    const few = pairs.every(({ runs }) => runs < 3);
    return byId("agreement").replaceChildren(make("p", {}, few ? `Fewer than 3 models were scored by two metrics on this data set${adjustedNow ? ", with a null," : ""} so there is nothing to correlate. Reference rows do not count.` : "No two scores vary over the models on this data set."));
  }
  byId("agreement").replaceChildren(
    make("p", { class: "quiet" }, "Spearman's ρ of two scores. Lower left: over all runs, which differ in method, settings and seed. Upper right: within configurations, between runs that differ in their seeds only. 1: they order runs alike, −1: in opposite ways, as where of one less is better (↓)."),
    figure(`Spearman's ρ between scores ${on}`, heat(of), scaleLegend()), make("p", { class: "quiet" }, "Empty: fewer than 3 runs, or fewer than 2 seeds more than configurations, have both, or a score does not vary. Reference rows and exported steps do not count. A cell opens the two scores against each other."),
    make("h2", {}, "The same as a table"), pairTable(pairs));
}

const pairName = (of, place) => {
  const { metric, score } = of.scores[place];
  const row = rows.find((each) => each.headline && each.data === dataKey(of) && each.metric === metric && each.score === score);
  const alone = new Set(rows.filter((each) => each.headline && each.data === row.data && each.metric === metric).map((each) => each.score)).size === 1;
  return { key: alone ? metric : `${metric} · ${score}`, text: `${titles.get(metric) ?? metric}${row.higher_is_better === false && !(adjustedNow && row.has_null) ? " ↓" : ""}` };
};

// Every pair of two scores once.
function pairsOf(of) {
  const names = of.scores.map((_, place) => pairName(of, place));
  return names.flatMap((first, i) => names.slice(0, i).map((second, j) => ({ first, second, rho: of.spearman[i][j], runs: of.runs[i][j] ?? 0, within: of.within[i][j], freedom: of.within_df[i][j] ?? 0 })));
}

const rhoText = (value) => (value === null ? "" : value.toFixed(2).replace(/^-(?!0\.00)/, "−").replace("-", ""));

function heat(of) {
  const names = of.scores.map((_, place) => pairName(of, place)), n = names.length;
  const cells = names.flatMap((row, i) => names.map((column, j) => {
    const inside = j > i, value = i === j ? null : (inside ? of.within : of.spearman)[i][j], basis = inside ? `${of.within_df[i][j] ?? 0} degrees of freedom, within configurations` : `${of.runs[i][j] ?? 0} runs`;
    return { row: row.text, column: column.text, value, diagonal: i === j, title: i === j ? row.text : `${row.text} and ${column.text}\nρ = ${value === null ? "not known" : rhoText(value)} (${basis})`, open: i === j ? null : { view: "pareto", y: row.key, x: column.key, data: dataKey(of), budget: place.budget } };
  }));
  const letter = chartWidth() < 600 ? 5.2 : 6.5, lengths = names.map(({ text }) => letter * text.length), longest = Math.max(...lengths), marginLeft = longest + 14;
  const slanted = Math.max(...lengths.slice(-3)) * 0.6, size = Math.max(14, Math.min(46, (chartWidth() - marginLeft - slanted) / n)), marginTop = longest * 0.85 + 16;
  const fontSize = size >= 32 ? 11 : size >= 26 ? 9 : 0;
  return plotted(`Spearman's ρ between ${n} scores, over runs and within configurations; the table below has the same values`, {
    width: marginLeft + n * size + slanted, height: marginTop + n * size + 8, marginLeft, marginTop, marginBottom: 8, marginRight: slanted, padding: 0.04,
    x: { domain: names.map(({ text }) => text), axis: "top", label: null, tickRotate: -55, tickSize: 0 }, y: { domain: names.map(({ text }) => text), label: null, tickSize: 0 }, color: { type: "identity" }, opacity: { type: "identity" },
    style: { fontSize: letter < 6 ? "9px" : "12px", background: "transparent", maxWidth: "none" },
    marks: [
      Plot.cell(cells, { x: "column", y: "row", fill: (cell) => (cell.diagonal ? "var(--line)" : cell.value === null ? "var(--ground)" : cell.value < 0 ? "var(--against)" : "var(--alike)"), fillOpacity: (cell) => (cell.value === null ? 1 : 0.06 + 0.74 * Math.abs(cell.value)) }),
      ...(fontSize ? [Plot.text(cells, { x: "column", y: "row", text: (cell) => (cell.diagonal ? "" : rhoText(cell.value) || "–"), fontSize, fill: "var(--ink)" })] : []),
      tipOf(cells, { x: "column", y: "row", title: "title" }),
    ],
  });
}

function scaleLegend() {
  const steps = [-1, -0.5, 0, 0.5, 1];
  return make("ul", { class: "legend" }, ...steps.map((value) => make("li", {}, make("svg", { class: "swatch", width: 18, height: 14, "aria-hidden": "true" },
    make("rect", { width: 18, height: 14, fill: value < 0 ? "var(--against)" : "var(--alike)", "fill-opacity": 0.06 + 0.74 * Math.abs(value) })), `ρ = ${String(value).replace("-", "−")}`)));
}

function pairTable(pairs) {
  const lines = [...pairs].sort((a, b) => (a.rho ?? 2) - (b.rho ?? 2)).map((pair) => [
    make("button", { type: "button", class: "open", onclick: () => go({ view: "pareto", y: pair.first.key, x: pair.second.key }, { step: true }) }, `${pair.first.text} and ${pair.second.text}`),
    rhoText(pair.rho) || "–", String(pair.runs), rhoText(pair.within) || "–", String(pair.freedom)]);
  return tableOf("Spearman's ρ of every two scores", ["Scores", "ρ over runs", "Runs", "ρ within configurations", "Degrees of freedom"], lines, [1, 2, 3, 4]);
}
