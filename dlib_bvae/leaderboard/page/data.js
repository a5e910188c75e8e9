// The board, what its rows are called so that no two look the same, and numbers as text.
const board = JSON.parse(document.getElementById("board").textContent);
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
const dataKey = (each) => `${each.dataset}@${shortly(each.fingerprint)}`;

// What tells each of the dictionaries {key: text} from the others, as text: entries that several have with other values,
// those that only some have where the first do not suffice, and a number where nothing else does. No two texts are the same.
function differences(dictionaries) {
  const values = new Map();
  for (const each of dictionaries) {
    for (const [key, value] of Object.entries(each)) values.set(key, (values.get(key) ?? new Set()).add(value));
  }
  const varying = [...values.keys()].filter((key) => values.get(key).size > 1);
  const optional = [...values.keys()].filter((key) => values.get(key).size === 1 && dictionaries.some((each) => !Object.hasOwn(each, key)));
  const notes = dictionaries.map((each) => note(each, varying));
  const fuller = distinct(notes, (place) => note(dictionaries[place], [...varying, ...optional]));
  return distinct(fuller, (place, text) => `${text} #${place + 1}`.trim());
}

// The texts, with those that stand there more than once renamed.
function distinct(texts, rename) {
  const alike = grouped(texts, (text) => text);
  return texts.map((text, place) => (alike.get(text).length === 1 ? text : rename(place, text)));
}

// "beta = 4, classifier = mlp": an entry that is empty says nothing.
function note(settings, keys) {
  const said = keys.filter((key) => Object.hasOwn(settings, key) && !["None", "null"].includes(settings[key]));
  return said.map((key) => `${key} = ${settings[key].replaceAll('"', "")}`).join(", ");
}

function grouped(items, key) {
  const groups = new Map();
  for (const item of items) {
    const name = key(item);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(item);
  }
  return groups;
}

// Model names and metrics that stand for several configurations or parameters get what differs between them.
const configNotes = new Map();
for (const [model, of] of grouped(rows, (row) => row.model)) {
  const configs = [...new Set(of.map((row) => row.config))];
  differences(configs.map((config) => board.configs[config] ?? {})).forEach((each, place) => {
    configNotes.set(`${model}\n${configs[place]}`, each);
  });
}
const parameterNotes = new Map();
const asTexts = (values) => Object.fromEntries(Object.entries(values).map(([key, value]) => [key, JSON.stringify(value)]));
for (const [metric, of] of grouped(rows, (row) => row.metric)) {
  const texts = [...new Set(of.map((row) => JSON.stringify(row.metric_parameters)))];
  differences(texts.map((text) => asTexts(JSON.parse(text)))).forEach((each, place) => {
    parameterNotes.set(`${metric}\n${texts[place]}`, each);
  });
}
const fingerprints = new Map([...grouped(rows, (row) => row.dataset)].map(([name, of]) => [name, new Set(of.map((row) => row.fingerprint)).size]));
const dataName = (each) => (fingerprints.get(each.dataset) > 1 ? `${each.dataset} ${shortly(each.fingerprint)}` : each.dataset);

for (const row of rows) {
  row.configNote = configNotes.get(`${row.model}\n${row.config}`);
  row.parameterNote = parameterNotes.get(`${row.metric}\n${JSON.stringify(row.metric_parameters)}`);
  row.data = dataKey(row);
  // What one axis of a chart shows: a score under its own name and parameters.
  row.axis = [row.metric, row.score, row.parameterNote].filter(Boolean).join(" · ");
  row.compared = [row.data, row.num_images, row.metric, JSON.stringify(row.metric_parameters), row.score].join("\n");
  row.text = [row.model, row.configNote, row.method, row.supervision, row.evidence, row.dataset, row.origin, row.fingerprint,
    row.config, row.representation, row.metric, row.score, JSON.stringify(row.metric_parameters)].join("\n").toLowerCase();
}
const rowById = new Map(rows.map((row) => [row.id, row]));

// Scores as they are, or adjusted for chance: what every view shows of a row that chance can be measured of.
const STATISTICS = ["mean", "std", "median", "iqm", "low", "high", "interval", "rank_low", "rank_high", "tied", "unranked", "normalised", "higher_is_better", "range"];
const PLAIN = new Map(rows.map((row) => [row, Object.fromEntries(STATISTICS.map((name) => [name, row[name]]))]));
const NOTHING = Object.fromEntries(STATISTICS.map((name) => [name, null]));
let adjustedNow = false;

function adjust(adjusted) {
  for (const row of rows) {
    const shown = !adjusted || !row.has_null ? PLAIN.get(row) : { ...NOTHING, ...row.adjusted, higher_is_better: row.adjusted && true, range: [null, 1] };
    Object.assign(row, shown);
  }
  adjustedNow = adjusted;
  makeScales();
}
const valueOf = (row, each) => (adjustedNow && row.has_null ? each.adjusted : each.value);

// Each score's scale: its range where that is bounded, else as far as its rows on this data set go.
const scales = new Map();
function makeScales() {
  for (const [name, of] of grouped(rows, (row) => `${row.data}\n${row.metric}\n${row.score}`)) {
    const known = of.filter((row) => row.mean !== null), chance = adjustedNow && of[0].has_null ? [0] : [];
    const lows = [...chance, ...known.map((row) => row.low ?? row.mean)], highs = known.map((row) => row.high ?? row.mean);
    const low = of[0].range[0] ?? Math.min(...lows), high = of[0].range[1] ?? Math.max(...highs);
    scales.set(name, [low, high > low ? high : low + 1]);
  }
}
const scaleOf = (row) => scales.get(`${row.data}\n${row.metric}\n${row.score}`);
