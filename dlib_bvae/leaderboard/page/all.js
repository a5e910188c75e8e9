// The table: columns, order, one page of rows.
const PER_PAGE = 100;
const badge = (kind, text) => make("span", { class: `badge ${kind}-${text.replace(/[^a-z]/g, "-")}` }, text);
// Of how many seeds, how many latents are active, and whether a null is there.
const NO_NULL = "no null is recorded: what chance gives is not known; evaluate with --null=20";
const badgesOf = (row) => under(...[
  [row.seeds === 1 ? "1 seed" : `${row.seeds} seeds`, "", "that count"],
  [row.latents, row.collapsed ? " warning" : "", "by the metric active_units"],
  [row.no_null ? "no null" : null, " no-null", NO_NULL],
].filter(([text]) => text).flatMap(([text, kind, title]) => [make("span", { class: `badge${kind}`, title }, text), " "]));
// With how far scores of the model that was trained again were allowed to be off.
const evidenceBadge = (row) => {
  const found = badge("evidence", row.evidence);
  if (row.retrain_tolerance !== null) found.append(` ± ${number(row.retrain_tolerance)}`);
  return found;
};
const warning = ({ exact_factors: held, supervision }) => (held.length && supervision === "none"
  ? [" ", make("span", { class: "badge warning", title: `These codes hold ${held.join(", ")} exactly, with supervision none` }, "holds factors")] : []);
const equal = ({ equal_codes: text }) => (text === null ? [] : [" ", make("span", { class: "badge warning", title: text }, "equal codes")]);
const under = (...parts) => make("span", { class: "under" }, ...parts);
const notes = (text) => (text ? make("span", { class: "under notes", title: text }, text) : ""); // three lines of it, the whole as its title

// An interval (null: none) with its point on a scale.
function bar(low, point, high, [from, to]) {
  const at = (value) => 2 + 96 * Math.min(1, Math.max(0, (value - from) / (to - from)));
  const svg = make("svg", { class: "interval", viewBox: "0 0 100 12", "aria-hidden": "true" });
  svg.append(make("line", { class: "axis", x1: 2, x2: 98, y1: 6, y2: 6 }));
  if (low !== null) svg.append(make("rect", { class: "span", x: at(low), y: 3, width: Math.max(1, at(high) - at(low)), height: 6, rx: 2 }));
  svg.append(make("circle", { class: "mean", cx: at(point), cy: 6, r: 2.6 }));
  return svg;
}

function meanCell(row) {
  if (row.mean === null) return [under(row.no_null ? "no null" : "not adjusted")];
  const spread = row.null?.std === null ? "" : ` ± ${number(row.null?.std)}`;
  const chance = adjustedNow ? (row.has_null ? null : under("not adjusted")) : row.null === null ? null : under(`null ${number(row.null.mean)}${spread}`);
  const deviation = row.std === null ? "" : ` ± ${number(row.std)}`;
  return [number(row.mean), make("span", { class: "quiet" }, deviation), make("span", { class: "narrow" }, bar(row.low, row.mean, row.high, scaleOf(row))), chance].filter(Boolean);
}

// Why a row has no rank, in words as in colour.
function rankCell(row) {
  const why = row.reference ? "reference" : row.unranked;
  return [rankText(row), ...(why ? [under(why)] : [])];
}

// "1–6": from 1 + the rows that are significantly better to the last row that is not significantly worse.
function rankText(row) {
  if (row.rank_low === null) return "";
  return row.rank_low === row.rank_high ? String(row.rank_low) : `${row.rank_low}–${row.rank_high}`;
}

// Two seeds have no interval, only their range.
function intervalText(row) {
  if (row.low === null) return "";
  return `${number(row.low)} – ${number(row.high)}${row.interval === "range" ? ", range of 2 seeds" : ""}`;
}

const smallest = (row) => row.smallest_difference.value;
const differenceText = (row) => (smallest(row) === null ? row.smallest_difference.missing : number(smallest(row)));

function scoreName(row) {
  if (row.higher_is_better === null) return row.score;
  const [arrow, meaning] = row.higher_is_better ? ["↑", "higher is better"] : ["↓", "lower is better"];
  return make("span", {}, `${row.score} `, make("span", { title: meaning, role: "img", "aria-label": meaning }, arrow));
}

function intervalCell(row) {
  if (row.mean === null) return [""];
  const text = intervalText(row) || "one seed";
  return [bar(row.low, row.mean, row.high, scaleOf(row)), under(text)];
}

const COLUMNS = [
  { name: "rank", title: "Rank", numeric: true, small: true, of: (row) => row.rank_low, cell: rankCell },
  { name: "model", title: "Model", small: true, cell: (row) => [make("button", { type: "button", class: "open", tabindex: -1 }, row.model),
    notes(row.configNote || (row.method === row.model ? "" : row.method)), badgesOf(row)] },
  { name: "supervision", title: "Supervision", cell: (row) => [badge("supervision", row.supervision)] },
  { name: "dataset", title: "Data set", cell: (row) => [dataName(row), under(badge("origin", row.origin), ` ${row.representation}`)] },
  { name: "metric", title: "Metric", of: (row) => row.axis, small: true, cell: (row) => [make("span", { title: helpOf(row.metric) }, row.metric),
    under(scoreName(row)), notes(row.parameterNote), make("span", { class: "under narrow" }, `${dataName(row)} `, badge("origin", row.origin))] },
  { name: "mean", title: "Mean ± std", numeric: true, small: true, score: true, cell: meanCell },
  { name: "interval", title: "95 % interval", numeric: true, score: true, of: (row) => row.low, cell: intervalCell },
  { name: "difference", title: "Least diff.", numeric: true, of: smallest, cell: (row) => (smallest(row) === null ? [make("span", { class: "quiet", title: differenceText(row) }, "not known")] : [differenceText(row)]) },
  { name: "iqm", title: "IQM", numeric: true, score: true, cell: (row) => [number(row.iqm)] },
  { name: "median", title: "Median", numeric: true, score: true, cell: (row) => [number(row.median)] },
  { name: "normalised", title: "Norm.", numeric: true, score: true, cell: (row) => [number(row.normalised)] },
  { name: "seeds", title: "Seeds", numeric: true, cell: (row) => [String(row.seeds), ...equal(row)] },
  { name: "parameters", title: "Params", numeric: true, cost: true, cell: (row) => [amount(row.parameters)] },
  { name: "seconds", title: "Time", numeric: true, cost: true, cell: (row) => [seconds(row.seconds)] },
  { name: "images", title: "Images", numeric: true, cost: true, cell: (row) => [amount(row.images)] },
  { name: "evidence", title: "Evidence", cell: (row) => [evidenceBadge(row), ...warning(row)] },
];
const HINTS = {
  rank: "within one data set, metric, parameters, score and supervision: from 1 + the rows that are significantly better (Tukey–Kramer, 5 %) to the last that is not significantly worse; none for fewer than 3 seeds, fewer than 20 degrees of freedom, reference rows, scores that are not above chance and those that are only claimed; rows with the same codes count once",
  metric: "what it measures, and when it lies, stands in a row's details",
  difference: "the smallest difference between two models of as many seeds that is found with 80 % probability, by a t test at 5 %",
  normalised: "mean with random_encoder's as 0 and oracle's as 1; needs rows of both on the same data set",
  iqm: "interquartile mean over seeds, where it is neither the mean nor the median", interval: "of the mean over seeds: Student's t, from 10 seeds on BCa bootstrap; of two seeds their range", parameters: "of the model", seconds: "of training", images: "that training saw",
};

function ordered(found) {
  const column = COLUMNS.find(({ name }) => name === place.sort);
  if (!column) return found;
  const of = column.of ?? ((row) => row[column.name]), sign = place.dir === "desc" ? -1 : 1;
  const present = found.filter((row) => of(row) !== null), missing = found.filter((row) => of(row) === null);
  const compare = column.numeric ? (a, b) => a[0] - b[0] : (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0);
  const keyed = present.map((row) => [of(row), row]).sort((a, b) => sign * compare(a, b));
  const inOrder = keyed.map(([, row]) => row), last = (row) => column.score && row.above_chance === false;
  // What chance gives as well, and then what has no value, stands last in both orders.
  return [...inOrder.filter((row) => !last(row)), ...inOrder.filter(last), ...missing];
}

function makeHeads() {
  byId("heads").replaceChildren(...COLUMNS.map((column) => make("th", { scope: "col", class: cellClass(column), "data-column": column.name },
    make("button", { type: "button", title: HINTS[column.name] ?? null, onclick: () => sortBy(column) }, column.title))));
}

const cellClass = (column) => [column.numeric ? "number" : "", column.small ? "" : "roomy", column.cost ? "cost" : "", column.name].filter(Boolean).join(" ");

// First click: best guess (numbers from high to low, texts from a to z), second: the other way, third: the board's order.
function sortBy(column) {
  const first = column.numeric && column.name !== "rank" ? "desc" : "asc", second = first === "asc" ? "desc" : "asc";
  if (place.sort !== column.name) go({ sort: column.name, dir: first, page: "1" });
  else if (place.dir === first) go({ dir: second, page: "1" });
  else go({ sort: "", dir: "", page: "1" });
}

function makeRow(row) {
  return make("tr", { "data-row": row.id, class: row.above_chance === false ? "not-above" : null }, ...COLUMNS.map((column) => make("td", { class: cellClass(column) }, ...column.cell(row))));
}

function showAll(found) {
  const sorted = ordered(found), pages = Math.max(1, Math.ceil(sorted.length / PER_PAGE));
  const now = Math.min(pages, Math.max(1, Number.parseInt(place.page, 10) || 1));
  byId("body").replaceChildren(...sorted.slice((now - 1) * PER_PAGE, now * PER_PAGE).map(makeRow));
  byId("body").querySelector(".open")?.setAttribute("tabindex", "0");
  for (const head of byId("heads").children) {
    const here = head.dataset.column === place.sort;
    if (head.dataset.column === "mean") head.firstChild.textContent = adjustedNow ? "Adjusted ± std" : "Mean ± std";
    head.setAttribute("aria-sort", !here ? "none" : place.dir === "desc" ? "descending" : "ascending");
  }
  byId("nothing").hidden = sorted.length > 0;
  byId("count").textContent = `${sorted.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
  byId("pages").hidden = pages === 1;
  byId("page-now").textContent = `page ${now} of ${pages}`;
  byId("previous").disabled = now === 1;
  byId("next").disabled = now === pages;
  byId("previous").onclick = () => turn(now - 1);
  byId("next").onclick = () => turn(now + 1);
}

function turn(page) {
  go({ page: String(page) });
  scrollTo(0, 0);
}

// Arrow keys go from row to row; only one row's button is in the order of Tab.
function moveInTable(event) {
  const buttons = [...byId("body").querySelectorAll(".open")], here = buttons.indexOf(document.activeElement);
  const steps = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: buttons.length - 1 };
  if (here < 0 || !(event.key in steps)) return;
  event.preventDefault();
  const next = buttons[steps[event.key]];
  if (!next) return;
  buttons[here].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

function makeAll() {
  makeHeads();
  byId("body").addEventListener("keydown", moveInTable);
  byId("body").addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (!row || String(getSelection()) !== "") return; // a text that is marked is to be copied
    row.querySelector(".open").focus();
    go({ row: row.dataset.row }, { step: true });
  });
}
