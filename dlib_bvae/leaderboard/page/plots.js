// What the chart views share: the configurations of one data set, the axes, and how Observable Plot (vendor/) is used.
const MARKS = 8; // --mark-0 … --mark-7 in charts.css
const SYMBOLS = ["circle", "square", "triangle", "diamond", "star", "cross", "wye"];
const COSTS = {
  "training: seconds": { of: (row) => row.seconds, text: "training time, seconds, log scale", log: true },
  "training: parameters": { of: (row) => row.parameters, text: "parameters of the model, log scale", log: true },
  "training: images": { of: (row) => row.images, text: "images seen in training, log scale", log: true },
  "training: reconstruction": { of: (row) => row.reconstruction, text: "reconstruction error at the end of training, nats per image" },
};
const UNITS = { "reconstruction_error bernoulli_error": "nats per image", "reconstruction_error squared_error": "squared error per image", "elbo elbo": "nats per image" };
const FIDELITY = ["reconstruction_error", "elbo", "image_quality"]; // metrics of images, the others are of codes

// What to show: the data set and budget in the address, else those that the summary begins with.
function dataShown() {
  const those = SETS.filter(({ data }) => data === place.data), known = those.find(({ budget }) => budget === place.budget) ?? those[0];
  const unknown = { data: place.data, budget: null, key: place.data, label: place.data, each: null };
  const first = SETS.find(({ each }) => each.columns?.some(({ metric }) => metric === "beta_vae")) ?? SETS[0];
  const set = known ?? (place.data ? unknown : first);
  return { ...set, on: `on ${setTitle(set)}`, sets: SETS.map((each) => [each.key, setTitle(each)]).sort((a, b) => a[1].localeCompare(b[1], "en")) };
}
const setTitle = ({ label, each }) => (each === null ? label : `${label} (${each.origin})`);

// The field that chooses it; `reset` as in chooser.
function dataChooser({ key, sets }, reset) {
  return make("label", {}, "Data set", dataSelect(make("select", { "data-key": "data" }), sets, key, reset));
}

function dataSelect(select, sets, key, reset = {}) {
  select.onchange = () => {
    const { data, budget } = SETS.find((each) => each.key === select.value);
    go({ ...reset, data, budget: select.value === data ? "" : budget });
  };
  options(select, sets, key);
  return select;
}

// A field with its label that changes the address; `reset` are other parts of the address that no longer hold.
function chooser(title, key, chosen, entries, reset = {}) {
  const select = make("select", { "data-key": key, onchange: (event) => go({ ...reset, [key]: event.target.value }) });
  options(select, entries, chosen);
  return make("label", {}, title, select);
}

// The rows of one data set and budget that stand for their metrics, as configurations: {key, name, row, of: metric key → row}.
function configurationsOf(found, set) {
  const here = found.filter((row) => ofSet(row, set) && row.headline);
  const several = new Set([...grouped(here, (row) => row.metric)].filter(([, of]) => new Set(of.map((row) => row.score)).size > 1).map(([metric]) => metric));
  const metricKey = (row) => (several.has(row.metric) ? `${row.metric} · ${row.score}` : row.metric);
  const groups = [...grouped(here, (row) => [row.model, row.config, row.representation, row.evidence].join("\n")).values()];
  const alike = grouped(groups, ([row]) => row.config);
  return groups.map((of) => ({
    key: alike.get(of[0].config).length === 1 ? of[0].config : [of[0].config, of[0].model, of[0].representation, of[0].evidence].join("/"), row: of[0],
    of: new Map(of.map((row) => [metricKey(row), row])), name: of[0].evidence === "claimed" ? `${of[0].name} (claimed)` : of[0].name,
  })).sort((a, b) => alphabetically(a.name, b.name));
}

const metricsOf = (configurations) => [...new Set(configurations.flatMap(({ of }) => [...of.keys()]))].sort();

// "β-VAE metric, %": a score by what papers call its metric, with its unit.
function scoreWords(row, several) {
  const unit = isPercent(row) ? "%" : UNITS[`${row.metric} ${row.score}`] ?? null, title = titles.get(row.metric) ?? row.metric;
  return [several && !UNITS[`${row.metric} ${row.score}`] ? `${title} (${row.score})` : title, unit, adjustedNow && row.has_null ? "adjusted for chance" : null].filter(Boolean).join(", ");
}

// An axis: what a configuration has on it (null: nothing), in words, and whether more is better (null: neither).
function axisOf(key, configurations) {
  if (Object.hasOwn(COSTS, key)) {
    const cost = COSTS[key];
    return { key, better: false, text: cost.text, log: cost.log ?? false, percent: false, rowOf: () => null, at: ({ row }) => (cost.log && !(cost.of(row) > 0) ? null : cost.of(row)) };
  }
  const known = configurations.map(({ of }) => of.get(key)).find(Boolean);
  return { key, better: known?.higher_is_better ?? null, text: known ? scoreWords(known, key !== known.metric) : key, log: false, percent: known ? isPercent(known) : false,
    rowOf: ({ of }) => of.get(key) ?? null, at: ({ of }) => of.get(key)?.mean ?? null };
}
const directed = (axis) => `${axis.text}${axis.better === null ? "" : axis.better ? " (higher is better)" : " (lower is better)"}`;

// The words of an axis as far as they fit into so many pixels.
const fitting = (axis, room) => (directed(axis).length * 6.3 > room ? axis.text : directed(axis));
const upScale = (axis, label = fitting(axis, 280)) => ({ label, percent: axis.percent, nice: true, labelAnchor: "center", ticks: 6 });

// The metric that a view begins with: the β-VAE metric, else MIG, else the first of codes of which more is better.
function firstMetric(configurations) {
  const keys = metricsOf(configurations), rowOf = (key) => configurations.map(({ of }) => of.get(key)).find(Boolean);
  return ["beta_vae", "mig"].flatMap((metric) => keys.filter((key) => rowOf(key).metric === metric))[0]
    ?? keys.find((key) => rowOf(key).higher_is_better && !FIDELITY.includes(rowOf(key).metric)) ?? keys[0];
}
const reconstructionKey = (configurations) => metricsOf(configurations).find((key) => configurations.some(({ of }) => of.get(key)?.metric === "reconstruction_error"))
  ?? (configurations.some(({ row }) => row.reconstruction !== null) ? "training: reconstruction" : null);

// Colour and symbol of each method, the same in every chart of a data set; reference rows are grey and hollow.
function looks(configurations) {
  const methods = [...new Set(configurations.filter(({ row }) => !row.reference).map(({ row }) => row.method))].sort();
  const references = [...new Set(configurations.filter(({ row }) => row.reference).map(({ row }) => row.method))].sort();
  const found = new Map(methods.map((method, place) => [method, { colour: `var(--mark-${place % MARKS})`, symbol: SYMBOLS[place % SYMBOLS.length], hollow: false }]));
  references.forEach((method, place) => found.set(method, { colour: "var(--quiet)", symbol: SYMBOLS[(place + 3) % SYMBOLS.length], hollow: true }));
  return found;
}

function legendOf(look, shown) {
  const entries = [...look].filter(([method]) => shown.some(({ row }) => row.method === method));
  return make("ul", { class: "legend" }, ...entries.map(([method, { colour, symbol, hollow }]) => {
    const kind = d3[`symbol${symbol[0].toUpperCase()}${symbol.slice(1)}`];
    const icon = make("svg", { class: "swatch", width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" },
      make("path", { d: d3.symbol(kind, 55)(), fill: hollow ? "none" : colour, stroke: colour, "stroke-width": 1.5 }));
    return make("li", {}, icon, hollow ? `${methodName(method, shown)} (reference)` : methodName(method, shown));
  }));
}

// "β-VAE" of "β-VAE β = 4 · conv"; the method's gin name where its configurations are named differently.
function methodName(method, configurations) {
  const names = new Set(configurations.filter(({ row }) => row.method === method).map(({ row }) => (row.clauses.length ? row.name.split(` ${row.clauses[0][0]} = `)[0] : row.name.split(" · ")[0])));
  return names.size === 1 ? [...names][0] : method;
}

// "86.1 [84.2, 88.0]"; of two seeds "86.1 (84.2 … 88.0)".
function shortValue(row) {
  if (row.mean === null) return "no value";
  const [mean, low, high] = [row.mean, row.low, row.high].map((value) => scoreText(row, value));
  return row.low === null ? mean : row.interval === "range" ? `${mean} (${low} … ${high})` : `${mean} [${low}, ${high}]`;
}

// What brackets in a table of these rows are, with the number of seeds.
function bracketNote(shown) {
  const kinds = [...new Set(shown.map((row) => row.interval))].filter(Boolean), words = { t: "in square brackets 95 % intervals (Student's t)", BCa: "in square brackets 95 % intervals (bootstrap BCa)", range: "in round brackets minimum … maximum of 2 seeds" };
  return make("p", { class: "quiet" }, `Means over seeds${kinds.length ? `, ${kinds.map((kind) => words[kind]).join(", ")}` : ""}.`);
}

// "86.1 [84.2, 88.0], 95 % interval (Student's t), n = 5"
const valueText = (row) => (row.mean === null ? "no value" : `${shortValue(row)}${row.low === null ? "" : `, ${INTERVALS[row.interval]}`}, n = ${row.seeds}`);
const reliability = (row) => [row.above_chance === false ? "not above chance" : null, row.no_null ? "no null is recorded" : null, row.evidence === "claimed" ? "only claimed, not recomputed" : null].filter(Boolean);

// The width of a chart of the open view, and half of it where two stand side by side.
const chartWidth = (most = 1000) => Math.max(280, Math.min(most, byId(`view-${place.view}`).clientWidth));

// A picture by Observable Plot with a text for those who do not see it. A click opens the row of the point that the tip names. Its own style element is
// taken out, as the page's policy lets in none that is not in charts.css.
function plotted(label, options) {
  for (const mark of options.marks.flat(Infinity)) mark.ariaHidden = "true"; // the picture has one text
  const plain = (axis) => axis && { labelArrow: "none", ...axis };
  const svg = Plot.plot({ style: { fontSize: "12px", background: "transparent" }, ...options, x: plain(options.x), y: plain(options.y) });
  svg.querySelectorAll("style").forEach((style) => style.remove());
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.addEventListener("pointerdown", (event) => { if (event.pointerType === "mouse") event.stopImmediatePropagation(); }, true); // the tip does not stay
  svg.addEventListener("input", () => svg.style.setProperty("cursor", svg.value?.open ? "pointer" : "default"));
  svg.addEventListener("click", () => {
    if (svg.value?.open) go(svg.value.open, { step: true });
  });
  return svg;
}
const figure = (title, svg, ...after) => make("figure", { class: "plot" }, make("figcaption", {}, title), svg, ...after);
const folded = (...inside) => make("details", { class: "folded" }, make("summary", {}, "The same as a table"), ...inside);
const tipOf = (data, channels) => Plot.tip(data, Plot.pointer({ ...channels, fill: "var(--card)", stroke: "var(--line)", fontSize: 12, lineWidth: 24 }));

// A log axis from 10 times up, where all is above 0.
function scaleType(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low > 0 && high >= 10 * low ? "log" : "linear";
}

// Puts the labels of Plot.text next to their points, right, left, above or below; one that would cover a label or point is left out.
function spread(index, scales, values, dimensions, context, next) {
  const [half, X, Y] = [7, values.x.slice(), values.y.slice()];
  const taken = Array.from(index, (i) => [X[i] - 5, Y[i] - 5, X[i] + 5, Y[i] + 5]);
  const free = (box) => box[0] >= dimensions.marginLeft && box[2] <= dimensions.width - dimensions.marginRight + 4 && box[1] >= 0 && box[3] <= dimensions.height - dimensions.marginBottom
    && taken.every((other) => box[2] <= other[0] || box[0] >= other[2] || box[3] <= other[1] || box[1] >= other[3]);
  const kept = index.filter((i) => {
    const wide = 6.4 * values.text[i].length, [x, y] = [X[i], Y[i]];
    const places = [[x + 9, y], [x - 9 - wide, y], [x - wide / 2, y - 14], [x - wide / 2, y + 14], [x + 6, y - 12], [x + 6, y + 12], [x - 6 - wide, y - 12], [x - 6 - wide, y + 12]];
    const here = places.find(([left, middle]) => free([left, middle - half, left + wide, middle + half]));
    if (!here) return false;
    taken.push([here[0], here[1] - half, here[0] + wide, here[1] + half]);
    [X[i], Y[i]] = here;
    return true;
  });
  return next(kept, scales, { ...values, x: X, y: Y }, dimensions, context);
}

const rowButton = (row, text) => make("button", { type: "button", class: "open", onclick: () => go({ row: row.id }, { step: true }) }, text);

// A table of what a chart shows; cells are texts or elements, those in `numbers` stand to the right.
function tableOf(caption, heads, lines, numbers = []) {
  const side = (place) => (numbers.includes(place) ? "number" : null);
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, make("table", { class: "values" }, make("caption", { class: "hidden" }, caption),
    make("thead", {}, make("tr", {}, ...heads.map((head, place) => make("th", { scope: "col", class: side(place) }, head)))),
    make("tbody", {}, ...lines.map((cells) => make("tr", {}, ...cells.map((cell, place) => make(place ? "td" : "th", { scope: place ? null : "row", class: side(place) }, cell)))))));
}

// The configurations of one method along one of its numbers, as series: those that have all other settings in common.
function seriesOf(configurations, parameter) {
  const along = configurations.filter(({ row }) => typeof row.settings[parameter] === "number");
  const groups = grouped(along, ({ row }) => JSON.stringify([row.method, row.representation, row.evidence, ...Object.entries(row.settings).filter(([name]) => name !== parameter).sort()]));
  return [...groups.values()].map((members) => ({
    members: members.sort((a, b) => a.row.settings[parameter] - b.row.settings[parameter]), name: seriesName(members, parameter),
  })).sort((a, b) => alphabetically(a.name, b.name));
}

// "β-VAE · conv" of "β-VAE β = 4 · conv" and "β-VAE β = 8 · conv".
function seriesName(members, parameter) {
  const names = members.map(({ name, row }) => {
    const said = `${symbolOf(parameter, row)} = ${row.settings[parameter]}`;
    return name.replace(`${said}, `, "").replace(`, ${said}`, "").replace(` ${said}`, "");
  });
  return new Set(names).size === 1 ? names[0] : members[0].row.method;
}

// The numbers in a method's settings by which its configurations differ, those in their names first.
function strengthsOf(configurations) {
  const values = new Map(), named = [...new Set(configurations.flatMap(({ row }) => row.clauses.map(([, name]) => name)))];
  for (const { row } of configurations) {
    for (const [name, value] of Object.entries(row.settings)) {
      if (typeof value === "number") values.set(name, (values.get(name) ?? new Set()).add(value));
    }
  }
  const at = (name) => (named.includes(name) ? named.indexOf(name) : named.length);
  return [...values].filter(([, of]) => of.size > 1).sort((a, b) => at(a[0]) - at(b[0]) || b[1].size - a[1].size || a[0].localeCompare(b[0])).map(([name]) => name);
}
const symbolOf = (parameter, row) => row.clauses.find(([, name]) => name === parameter)?.[0] ?? parameter.split(".").at(-1);
