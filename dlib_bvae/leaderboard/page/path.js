// Path: one method over β (or another number it is set by): a score against it, against reconstruction, over training steps, against cost.
function showPath(found) {
  const set = dataShown(), { on } = set, configurations = configurationsOf(found, set);
  const byMethod = grouped(configurations.filter(({ row }) => !row.reference), ({ row }) => row.method);
  const methods = [...byMethod].map(([method, of]) => ({ method, of, parameters: strengthsOf(of) })).sort((a, b) => (b.parameters.length > 0) - (a.parameters.length > 0) || b.of.length - a.of.length || a.method.localeCompare(b.method));
  const chosen = methods.find(({ method }) => method === place.path) ?? (place.path ? { method: place.path, of: [], parameters: [] } : methods[0]);
  const key = asKey(place.y, configurations) || firstMetric(configurations);
  const parameter = place.over || chosen?.parameters[0] || "";
  byId("path-of").replaceChildren(dataChooser(set, { path: "", y: "", over: "" }), ...(!chosen ? [] : [
    chooser("Method", "path", chosen.method, methods.map(({ method, of, parameters }) => [method, parameters.length ? methodName(method, of) : `${methodName(method, of)} (one value)`]), { over: "" }),
    chooser("Score", "y", key, metricsOf(configurations).map((each) => [each, axisOf(each, configurations).text])),
    ...(chosen.parameters.length ? [chooser("Over", "over", parameter, chosen.parameters.map((each) => [each, each]))] : [])]));
  if (!chosen) return byId("path").replaceChildren(make("p", {}, "No row matches these filters."));
  const up = axisOf(key, configurations), of = { configurations, chosen, parameter, up, on, look: looks(configurations) };
  byId("path").replaceChildren(...[overParameter(of), againstReconstruction(of), overSteps(of), againstCost(of)]);
}

// Two charts stand side by side where there is room.
const pathWidth = () => (chartWidth(2000) > 1000 ? Math.floor((chartWidth(2000) - 28) / 2) : chartWidth());
const withValue = (configurations, up) => configurations.filter((each) => up.at(each) !== null);
const lineColour = (place) => `var(--mark-${place % MARKS})`;
const lineSymbol = (place) => SYMBOLS[place % SYMBOLS.length];

// Every seed of the rows: {x, value, seed}.
const seedsOf = (members, up, at) => members.flatMap((each) => up.rowOf(each).runs.map((run) => ({ run, value: valueOf(up.rowOf(each), run), x: at(each, run), each }))
  .filter(({ value, x }) => value !== null && x !== null));

function seriesLegend(series) {
  return series.length < 2 ? null : make("ul", { class: "legend" }, ...series.map(({ name }, place) => make("li", {}, make("svg", { class: "swatch", width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" },
    make("path", { d: d3.symbol(d3[`symbol${lineSymbol(place)[0].toUpperCase()}${lineSymbol(place).slice(1)}`], 55)(), fill: lineColour(place) })), name)));
}

function overParameter({ configurations, chosen, parameter, up, on }) {
  const title = `${up.text} over ${parameter || "its settings"} ${on}`, own = methodName(chosen.method, chosen.of);
  const series = parameter ? seriesOf(withValue(chosen.of, up), parameter).filter(({ members }) => members.length > 1) : [];
  if (series.length === 0) return figure(title, make("p", {}, parameter ? `No two configurations of ${own} differ in ${parameter} only, so there is no path.` : `${own} has one value of each of its numbers on this data set, so there is no path.`));
  const points = series.flatMap(({ members, name }, place) => members.map((each) => pathPoint(each, up, place, name, each.row.settings[parameter])));
  const seeds = series.flatMap(({ members }, place) => seedsOf(members, up, ({ row }) => row.settings[parameter]).map((each) => ({ ...each, place })));
  const pca = configurations.find(({ row, of }) => row.method === "pca" && of.get(up.key)?.mean !== null && of.has(up.key));
  const chance = points.filter(({ chance: value }) => value !== null), width = pathWidth();
  const first = points.map(({ x }) => x), type = scaleType(first);
  const svg = plotted(`${title}, ${points.length} configurations of ${own}; the table below has the same values`, {
    width, height: 360, marginLeft: 62, marginRight: 80, marginBottom: 46, marginTop: 22, inset: 6, color: { type: "identity" }, symbol: { type: "identity" },
    x: { label: parameter, type, labelAnchor: "center", ticks: [...new Set(first)], tickFormat: String, grid: false }, y: upScale(up, up.text),
    marks: [
      Plot.gridY({ strokeOpacity: 0.12 }),
      ...(pca ? [Plot.ruleY([up.at(pca)], { stroke: "var(--quiet)", strokeWidth: 1.5 }), Plot.text([up.at(pca)], { y: (value) => value, text: ["PCA"], frameAnchor: "right", dx: 8, textAnchor: "start", fill: "var(--quiet)" })] : []),
      Plot.line(chance, { x: "x", y: "chance", z: "place", stroke: "var(--quiet)", strokeDasharray: "2 4", sort: "x" }),
      Plot.text(chance.filter((each) => each.x === Math.max(...chance.map(({ x }) => x))).slice(0, 1), { x: "x", y: "chance", text: ["chance"], textAnchor: "start", dx: 12, fill: "var(--quiet)" }),
      Plot.ruleX(points, { x: "x", y1: "low", y2: "high", stroke: "colour", strokeWidth: 2, strokeOpacity: 0.5 }),
      Plot.line(points, { x: "x", y: "y", z: "place", stroke: "colour", strokeWidth: 1.8 }),
      Plot.dot(seeds, { x: "x", y: "value", dx: 9, r: 2, fill: ({ place }) => lineColour(place), fillOpacity: 0.5 }),
      Plot.dot(points, { x: "x", y: "y", r: 5, fill: "colour", symbol: "symbol" }),
      tipOf(points, { x: "x", y: "y", title: "title" }),
    ],
  });
  return figure(title, svg, seriesLegend(series), noteOf(points, up, pca), folded(bracketNote(points.map(({ each }) => up.rowOf(each))), tableOf(title, ["Configuration", parameter, up.text, "Seeds", "Chance"], points.map((point) => [rowButton(up.rowOf(point.each), point.each.name), String(point.x), shortValue(up.rowOf(point.each)),
    up.rowOf(point.each).runs.map((run) => scoreText(up.rowOf(point.each), valueOf(up.rowOf(point.each), run))).join(", "), point.chance === null ? "no null" : scoreText(up.rowOf(point.each), point.chance)]), [1, 2, 4])));
}

function pathPoint(each, up, place, series, x) {
  const row = up.rowOf(each), chance = chanceOf(row);
  const title = [each.name, `${up.text}: ${valueText(row)}`, chance === null ? null : `chance: ${scoreText(row, chance)}${unitOf(row)}`, ...reliability(row)].filter(Boolean).join("\n");
  return { each, place, series, x, y: row.mean, low: row.low ?? row.mean, high: row.high ?? row.mean, chance, title, colour: lineColour(place), symbol: lineSymbol(place), open: { row: row.id } };
}

function noteOf(points, up, pca) {
  const kinds = [...new Set(points.map(({ each }) => up.rowOf(each).interval))].filter(Boolean).map((kind) => INTERVALS[kind]);
  return make("p", { class: "quiet" }, `Small points: seeds. Vertical lines: ${kinds.join("; ") || "none, one seed each"}. ${points.some(({ chance }) => chance !== null) ? "Dotted: the mean score of random matchings of codes and images." : "No null is recorded, so there is no line of chance."}${pca ? "" : " PCA was not scored by this metric here."}`);
}

function againstReconstruction({ configurations, chosen, parameter, up, on }) {
  const key = reconstructionKey(configurations), title = `${up.text} against reconstruction ${on}`;
  const across = key && axisOf(key, configurations);
  const points = !across || key === up.key ? [] : withValue(chosen.of, up).map((each) => ({ ...each, x: across.at(each), y: up.at(each) })).filter(({ x }) => x !== null);
  if (points.length === 0) return figure(title, make("p", {}, key === up.key ? "This is the reconstruction itself." : "No reconstruction error of these configurations is known."));
  const series = parameter ? seriesOf(points, parameter) : [{ members: points, name: methodName(chosen.method, chosen.of) }];
  const marks = series.flatMap(({ members }, place) => members.map((each) => ({ ...pathPoint(each, up, place, "", each.x), label: parameter ? `${symbolOf(parameter, each.row)} = ${each.row.settings[parameter]}` : each.name })));
  const width = pathWidth();
  return figure(title, plotted(`${title}, ${plural(marks.length, "configuration")}; the table below has the same values`, {
    width, height: 340, marginLeft: 62, marginRight: 60, marginBottom: 46, marginTop: 22, inset: 6, color: { type: "identity" }, symbol: { type: "identity" },
    x: { label: fitting(across, width), percent: across.percent, labelAnchor: "center", nice: true, ticks: Math.max(3, width / 130) }, y: upScale(up),
    marks: [
      Plot.gridY({ strokeOpacity: 0.12 }),
      Plot.line(marks, { x: "x", y: "y", z: "place", stroke: "colour", strokeOpacity: 0.6 }),
      Plot.ruleX(marks, { x: "x", y1: "low", y2: "high", stroke: "colour", strokeOpacity: 0.4, strokeWidth: 2 }),
      Plot.dot(marks, { x: "x", y: "y", r: 5, fill: "colour", symbol: "symbol" }),
      Plot.text(marks, { x: "x", y: "y", text: "label", textAnchor: "start", render: spread, fill: "var(--ink)", stroke: "var(--card)", strokeWidth: 3 }),
      tipOf(marks, { x: "x", y: "y", title: "title" }),
    ],
  }), seriesLegend(series), folded(bracketNote(marks.map(({ each }) => up.rowOf(each))), tableOf(title, ["Configuration", across.text, up.text], marks.map((mark) => [rowButton(up.rowOf(mark.each), mark.each.name), number(mark.x), shortValue(up.rowOf(mark.each))]), [1, 2])));
}

// Rows of the same configurations, scored at exported steps and after training.
function overSteps({ chosen, up, on }) {
  const title = `${up.text} over training steps ${on}`;
  const final = withValue(chosen.of, up).map((each) => ({ each, row: up.rowOf(each) }));
  const series = final.map(({ each, row }) => ({ each, name: each.name, members: rows.filter((other) => other.compared === row.compared && other.config === row.config && other.model === row.model && other.codes === row.codes && other.evidence === row.evidence && other.step !== null && other.mean !== null)
    .sort((a, b) => a.step - b.step) })).filter(({ members }) => new Set(members.map(({ step }) => step)).size > 1);
  if (series.length === 0) return figure(title, make("p", {}, "No exported steps of these configurations were scored (dlib_bvae_train with model.export_steps, then dlib_bvae_postprocess --step)."));
  const points = series.flatMap(({ members, name }, place) => members.map((row) => ({ row, place, x: row.step, y: row.mean, low: row.low ?? row.mean, high: row.high ?? row.mean, colour: lineColour(place), symbol: lineSymbol(place), name,
    title: `${name}, step ${row.step.toLocaleString("en")}\n${up.text}: ${valueText(row)}`, open: { row: row.id } })));
  const seeds = points.flatMap((point) => point.row.runs.map((run) => ({ x: point.x, value: valueOf(point.row, run), colour: point.colour })).filter(({ value }) => value !== null));
  const svg = plotted(`${title}, ${plural(series.length, "configuration")}; the table below has the same values`, {
    width: pathWidth(), height: 320, marginLeft: 62, marginBottom: 46, marginTop: 22, inset: 6, marginRight: 24, color: { type: "identity" }, symbol: { type: "identity" },
    x: { label: "training step", labelAnchor: "center", ticks: 6 }, y: upScale(up, up.text),
    marks: [Plot.gridY({ strokeOpacity: 0.12 }), Plot.ruleX(points, { x: "x", y1: "low", y2: "high", stroke: "colour", strokeOpacity: 0.5, strokeWidth: 2 }), Plot.line(points, { x: "x", y: "y", z: "place", stroke: "colour", strokeWidth: 1.8 }),
      Plot.dot(seeds, { x: "x", y: "value", dx: 9, r: 2, fill: "colour", fillOpacity: 0.5 }), Plot.dot(points, { x: "x", y: "y", r: 5, fill: "colour", symbol: "symbol" }), tipOf(points, { x: "x", y: "y", title: "title" })],
  });
  return figure(title, svg, seriesLegend(series), folded(bracketNote(points.map(({ row }) => row)), tableOf(title, ["Configuration", "Step", up.text, "n"], points.map((point) => [rowButton(point.row, point.name), point.x.toLocaleString("en"), shortValue(point.row), String(point.row.seeds)]), [1, 2, 3])));
}

function againstCost({ configurations, chosen, up, on, look }) {
  const title = `${up.text} against training time ${on}`, cost = axisOf("training: seconds", configurations);
  const points = withValue(configurations, up).map((each) => ({ ...each, x: cost.at(each), y: up.at(each) })).filter(({ x }) => x !== null)
    .map((each) => ({ ...each, ours: each.row.method === chosen.method, open: { row: up.rowOf(each).id }, title: `${each.name}\n${up.text}: ${valueText(up.rowOf(each))}\ntraining: ${seconds(each.x)}, mean of seeds` }));
  if (points.length === 0) return figure(title, make("p", {}, "How long training took is not known of these configurations."));
  const values = points.map(({ x }) => x), low = (point) => up.rowOf(point).low ?? point.y, high = (point) => up.rowOf(point).high ?? point.y;
  const style = (point) => look.get(point.row.method), width = pathWidth();
  return figure(title, plotted(`${title}, ${plural(points.length, "configuration")}; the table below has the same values`, {
    width, height: 340, marginLeft: 62, marginRight: 60, marginBottom: 46, marginTop: 22, inset: 6, color: { type: "identity" }, symbol: { type: "identity" },
    x: { label: cost.text, type: "log", domain: [Math.min(...values) / 1.3, Math.max(...values) * 1.3], labelAnchor: "center", tickFormat: "~s", ticks: width / 110 }, y: upScale(up),
    marks: [Plot.gridY({ strokeOpacity: 0.12 }), Plot.ruleX(points, { x: "x", y1: low, y2: high, stroke: (point) => style(point).colour, strokeOpacity: 0.35, strokeWidth: 2 }),
      Plot.dot(points, { x: "x", y: "y", symbol: (point) => style(point).symbol, stroke: (point) => style(point).colour, fill: (point) => (style(point).hollow ? "var(--card)" : style(point).colour), fillOpacity: (point) => (point.ours ? 1 : 0.45), r: 5 }),
      Plot.text([...points].sort((a, b) => b.ours - a.ours), { x: "x", y: "y", text: "name", textAnchor: "start", render: spread, stroke: "var(--card)", strokeWidth: 3, fill: (point) => (point.ours ? "var(--ink)" : "var(--quiet)") }), tipOf(points, { x: "x", y: "y", title: "title" })],
  }), legendOf(look, points), folded(bracketNote(points.map(up.rowOf)), tableOf(title, ["Configuration", "Training, seconds", up.text, "n"], [...points].sort((a, b) => a.x - b.x).map((point) => [rowButton(up.rowOf(point), point.name), number(point.x, 1), shortValue(up.rowOf(point)), String(up.rowOf(point).seeds)]), [1, 2, 3])));
}
