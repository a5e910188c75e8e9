// The board, what its rows are called so that no two look the same, and numbers as text.
const letters = atob(document.getElementById("board").textContent), gzipped = new Uint8Array(letters.length);
for (let at = 0; at < letters.length; at += 1) gzipped[at] = letters.charCodeAt(at);
const board = await new Response(new Blob([gzipped]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
const rows = board.rows;

// An element; children are elements or texts, and a text is never markup.
function make(tag, attributes = {}, ...children) {
  const space = SVG_TAGS.has(tag) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const element = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}
const SVG_TAGS = new Set(["svg", "g", "line", "path", "rect", "circle", "text", "title"]);

const byId = (id) => document.getElementById(id);
// Texts from a to z, numbers in them by size; a collator made once compares many times faster than localeCompare.
const alphabetically = new Intl.Collator("en", { numeric: true }).compare;

function number(value, digits = 3) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (value < 0) return `−${number(-value, digits)}`;
  if (size !== 0 && (size >= 1e6 || size < 1e-4)) return value.toExponential(2);
  return size >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(size >= 100 ? 1 : size >= 10 ? Math.min(2, digits) : digits);
}

// 1257141 → "1.26 M"
function amount(value) {
  if (value === null || value === undefined) return "";
  for (const [size, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${letter}`;
  }
  return String(Math.round(value));
}

function seconds(value) {
  if (value === null || value === undefined) return "";
  if (value < 100) return `${value.toPrecision(2)} s`;
  return value < 5400 ? `${Math.round(value / 60)} min` : `${(value / 3600).toPrecision(3)} h`;
}

const shortly = (fingerprint) => fingerprint.slice(0, 8);
const dataKey = (each) => `${each.dataset}@${shortly(each.fingerprint)}${each.data_version > 1 ? `@${each.data_version}` : ""}`;

function grouped(items, key) {
  const groups = new Map();
  for (const item of items) {
    const name = key(item);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(item);
  }
  return groups;
}

// What stands between parameters that are the metric's defaults and others, as text: "batch_size = 16".
const parameterNotes = new Map();
for (const [metric, of] of grouped(rows, (row) => row.metric)) {
  const texts = [...new Set(of.map((row) => JSON.stringify(row.metric_parameters)))], values = new Map();
  for (const [name, value] of texts.flatMap((text) => Object.entries(JSON.parse(text)))) values.set(name, (values.get(name) ?? new Set()).add(JSON.stringify(value)));
  for (const text of texts) {
    const said = Object.entries(JSON.parse(text)).filter(([name, value]) => value !== null && (values.get(name).size > 1 || texts.some((other) => !Object.hasOwn(JSON.parse(other), name))));
    parameterNotes.set(`${metric}\n${text}`, said.map(([name, value]) => `${name} = ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", "));
  }
}
// Name → how many of something its rows have.
const numbersOf = (name, what) => new Map([...grouped(rows, (row) => row[name])].map(([value, of]) => [value, new Set(of.map((row) => row[what])).size]));
const fingerprints = numbersOf("dataset", "fingerprint"), dataVersions = numbersOf("dataset", "data_version"), metricVersions = numbersOf("metric", "metric_version");
// A data set and, where it was trained on with several, a budget: what the summary and charts show at a time. Baselines are in each.
const SETS = board.summary.map((each) => ({ each, data: dataKey(each), budget: each.budget, key: dataKey(each), label: "" }));
for (const row of rows) if (!SETS.some(({ data }) => data === dataKey(row))) SETS.push({ each: row, data: dataKey(row), budget: null, key: dataKey(row), label: "" });
const ofSet = (row, { data, budget }) => row.data === data && (budget === null || row.budget === null || row.budget === budget);
const dataName = (each) => [each.dataset, dataVersions.get(each.dataset) > 1 ? `version ${each.data_version}` : "", fingerprints.get(each.dataset) > 1 ? shortly(each.fingerprint) : ""].filter(Boolean).join(" ");
for (const set of SETS) {
  const apart = SETS.filter(({ data }) => data === set.data).length > 1;
  Object.assign(set, { key: apart ? `${set.data}@${set.budget}` : set.data, label: apart ? `${dataName(set.each)}, ${set.budget}` : dataName(set.each) });
}
// The board's order, but the metrics of the summary first.
const firsts = new Map([...new Set(board.summary.flatMap(({ columns }) => columns.map(({ metric }) => metric)))].map((metric, place) => [metric, place]));
const firstOf = (row) => firsts.get(row.metric) ?? firsts.size;
rows.sort((a, b) => (a.dataset < b.dataset ? -1 : a.dataset > b.dataset ? 1 : firstOf(a) - firstOf(b)));
const titles = new Map(board.summary.flatMap(({ columns }) => columns.map(({ metric, title }) => [metric, title])));
const settingTexts = (row) => Object.entries(row.settings ?? {}).map(([name, value]) => `${name} = ${typeof value === "string" ? value : JSON.stringify(value)}`);

for (const row of rows) {
  row.parameterNote = [metricVersions.get(row.metric) > 1 ? `version ${row.metric_version}` : "", parameterNotes.get(`${row.metric}\n${JSON.stringify(row.metric_parameters)}`)].filter(Boolean).join(", ");
  row.data = dataKey(row);
  // What one axis of a chart shows: a score under its own name and parameters.
  row.axis = [row.metric, row.score, row.parameterNote].filter(Boolean).join(" · ");
  row.compared = [row.data, row.num_images, row.metric, row.metric_version, JSON.stringify(row.metric_parameters), row.score].join("\n");
}
// What a search looks in; made of a row when it is first searched.
const textOf = (row) => (row.text ??= plainText([row.name, row.model, ...settingTexts(row), row.parameterNote, row.method, row.supervision, row.evidence, row.dataset, row.origin, row.fingerprint,
  row.config, row.representation, titles.get(row.metric), row.metric, row.score, JSON.stringify(row.metric_parameters)].filter(Boolean).join("\n")));
const rowById = new Map(rows.map((row) => [row.id, row]));

// Scores as they are, or adjusted for chance: what every view shows of a row that chance can be measured of.
const STATISTICS = ["mean", "std", "median", "iqm", "low", "high", "interval", "rank_low", "rank_high", "rank_of", "tied", "unranked", "normalised", "higher_is_better", "range"];
const PLAIN = new Map(rows.map((row) => [row, Object.fromEntries(STATISTICS.map((name) => [name, row[name]]))]));
const NOTHING = Object.fromEntries(STATISTICS.map((name) => [name, null]));
let adjustedNow = false;

function adjust(adjusted) {
  for (const row of rows) {
    const shown = !adjusted || !row.has_null ? PLAIN.get(row) : { ...NOTHING, ...row.adjusted, higher_is_better: row.adjusted && true, range: [null, 1] };
    Object.assign(row, shown);
  }
  adjustedNow = adjusted;
}
const valueOf = (row, each) => (adjustedNow && row.has_null ? each.adjusted : each.value);
const chanceOf = (row) => (adjustedNow && row.has_null ? (row.mean === null ? null : 0) : row.null?.mean ?? null);

// The scale of each score on each data set: as far as what is shown of its rows goes.
function scalesOf(shown) {
  const scales = new Map();
  for (const [name, of] of grouped(shown, (row) => row.compared)) {
    const values = of.flatMap((row) => [row.low, row.high, row.mean, chanceOf(row), ...(row.seeds <= MOST_POINTS ? row.runs.map((each) => valueOf(row, each)) : [])]).filter((value) => value !== null && value !== undefined);
    const low = Math.min(...values), high = Math.max(...values);
    scales.set(name, high > low ? [low, high] : [low - 0.5, low + 0.5]);
  }
  return scales;
}
const MOST_POINTS = 5; // seeds whose values are drawn one by one
