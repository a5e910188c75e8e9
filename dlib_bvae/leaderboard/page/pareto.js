// Pareto: a score of one data set against another score or a cost, with the front of each supervision class.
function showPareto(found) {
  const set = dataShown(), { on } = set, configurations = configurationsOf(found, set), keys = metricsOf(configurations);
  const costs = Object.keys(COSTS).filter((key) => configurations.some(({ row }) => COSTS[key].of(row) > 0));
  const y = asKey(place.y, configurations) || firstMetric(configurations);
  const x = asKey(place.x, configurations) || [reconstructionKey(configurations), ...costs, ...keys].find((key) => key && key !== y) || y;
  const entries = [...keys, ...costs].map((key) => [key, axisOf(key, configurations).text]);
  byId("axes").replaceChildren(dataChooser(set, { x: "", y: "" }), ...(entries.length ? [chooser("Across", "x", x, entries), chooser("Up", "y", y, entries)] : []));
  byId("front").replaceChildren();
  if (keys.length === 0) return byId("pareto").replaceChildren(make("p", {}, "No row matches these filters."));
  const across = axisOf(x, configurations), up = axisOf(y, configurations);
  const points = configurations.map((each) => ({ ...each, x: across.at(each), y: up.at(each) })).filter((point) => point.x !== null && point.y !== null);
  if (points.length === 0) return byId("pareto").replaceChildren(make("p", {}, `No configuration ${on} has both: ${across.text}; ${up.text}.`));
  for (const point of points) {
    const row = up.rowOf(point) ?? across.rowOf(point) ?? point.row;
    Object.assign(point, { open: { row: row.id }, byChance: [across, up].some((axis) => axis.rowOf(point)?.above_chance === false) });
  }
  const fronts = frontsOf(points, across, up);
  const look = looks(configurations);
  const note = fronts.size === 0 ? null : make("p", { class: "quiet" }, "Larger points: on the front, which no other of their supervision class beats in one without losing in the other. Hollow: reference rows and scores not above chance, which do not compete. Lines: one method over its β or the like.");
  byId("pareto").replaceChildren(figure(`${up.text} against ${across.text} ${on}`, scatter(points, fronts, across, up, look), ...[legendOf(look, points), note].filter(Boolean)));
  byId("front").replaceChildren(...listed(points, fronts, across, up));
}

// The key of an axis in the address, which may be a metric with its score as earlier versions wrote them.
function asKey(said, configurations) {
  const former = configurations.flatMap(({ of }) => [...of]).find(([, row]) => row.axis === said);
  return former ? former[0] : said;
}

// By supervision class, the points that no other of the class beats in one axis without losing in the other; none where a direction is not known. Reference
// rows, claims, and scores that are not above chance do not compete.
function frontsOf(points, across, up) {
  if (across.better === null || up.better === null) return new Map();
  const worth = (axis, value) => (axis.better ? value : -value);
  const competing = points.filter((point) => point.row.competes && !point.row.reference && point.row.evidence !== "claimed" && !point.byChance);
  const fronts = [...grouped(competing, ({ row }) => row.supervision)].map(([supervision, of]) => {
    const sorted = of.sort((a, b) => worth(across, b.x) - worth(across, a.x) || worth(up, b.y) - worth(up, a.y));
    let best = -Infinity;
    return [supervision, sorted.filter((point) => worth(up, point.y) > best && ((best = worth(up, point.y)), true))];
  });
  return new Map(fronts.sort(([a], [b]) => (b === "none") - (a === "none") || a.localeCompare(b)));
}

const frontNote = (point, fronts) => [...fronts].filter(([, of]) => of.includes(point)).map(([supervision]) => `on the front, ${SUPERVISIONS[supervision] ?? supervision}`)[0] ?? null;

function tipText(point, fronts, across, up) {
  const said = (axis) => `${axis.text}: ${axis.rowOf(point) ? valueText(axis.rowOf(point)) : costText(axis.at(point))}`;
  return [point.name, said(up), said(across), frontNote(point, fronts), point.row.reference ? "reference row, not on the front" : null, ...new Set([across, up].flatMap((axis) => (axis.rowOf(point) ? reliability(axis.rowOf(point)) : [])))]
    .filter(Boolean).join("\n");
}

const costText = (value) => (value >= 10000 ? amount(value) : number(value, 1));

function scatter(points, fronts, across, up, look) {
  const width = chartWidth(), onFront = new Set([...fronts.values()].flat());
  const order = [...onFront, ...points.filter(({ row }) => row.reference), ...points.filter((point) => !onFront.has(point) && !point.row.reference)];
  const paths = pathsOf(points), titles = new Map(points.map((point) => [point, tipText(point, fronts, across, up)]));
  const lows = (axis) => points.map((point) => axis.rowOf(point)?.low ?? axis.at(point)), highs = (axis) => points.map((point) => axis.rowOf(point)?.high ?? axis.at(point));
  const ends = (axis) => (axis.log ? [0.8 * Math.min(...lows(axis)), 1.25 * Math.max(...highs(axis))] : [Math.min(...lows(axis)), Math.max(...highs(axis))].map((value) => (axis.percent ? 100 * value : value)));
  const scale = (axis) => ({ label: fitting(axis, axis === up ? 340 : width), percent: axis.percent, type: axis.log ? "log" : "linear", nice: !axis.log, domain: ends(axis), labelAnchor: "center", tickFormat: axis.log ? "~s" : undefined, ticks: axis === across ? Math.max(3, width / 130) : 6 });
  const dots = (those, options) => Plot.dot(those, { x: "x", y: "y", symbol: (point) => look.get(point.row.method).symbol, stroke: (point) => look.get(point.row.method).colour, ...options });
  const staired = [...fronts].flatMap(([supervision, front]) => front.map((point) => ({ x: point.x, y: point.y, supervision })));
  return plotted(`${up.text} against ${across.text}: ${points.length} configurations, ${onFront.size} on the front; the table below has the same values`, {
    width, height: Math.round(Math.min(540, Math.max(340, width * 0.55))), marginLeft: 62, marginBottom: 48, marginRight: 24, marginTop: 24, inset: 6,
    x: scale(across), y: scale(up), symbol: { type: "identity" }, color: { type: "identity" },
    marks: [
      ...[[across, Plot.gridX], [up, Plot.gridY]].filter(([axis]) => !axis.log).map(([, grid]) => grid({ strokeOpacity: 0.12 })),
      Plot.line(paths, { x: "x", y: "y", z: "series", stroke: (each) => look.get(each.row.method).colour, strokeOpacity: 0.45, strokeWidth: 1.5 }),
      Plot.line(staired, { x: "x", y: "y", z: "supervision", curve: "step-after", stroke: "currentColor", strokeDasharray: "4 3", strokeOpacity: 0.6 }),
      dots(points.filter(({ row }) => row.reference), { fill: "var(--card)", strokeWidth: 1.8, r: 4.5 }),
      dots(points.filter((point) => !point.row.reference), { fill: (point) => (point.byChance ? "var(--card)" : look.get(point.row.method).colour), r: (point) => (onFront.has(point) ? 6.5 : 4.5) }),
      Plot.text(order, { x: "x", y: "y", text: "name", textAnchor: "start", render: spread, fill: "var(--ink)", stroke: "var(--card)", strokeWidth: 3, fontWeight: (point) => (onFront.has(point) ? 650 : 400) }),
      Plot.ruleX(points, Plot.pointer({ x: "x", px: "x", py: "y", y1: (point) => up.rowOf(point)?.low ?? point.y, y2: (point) => up.rowOf(point)?.high ?? point.y, stroke: "currentColor", strokeWidth: 2 })),
      Plot.ruleY(points, Plot.pointer({ y: "y", px: "x", py: "y", x1: (point) => across.rowOf(point)?.low ?? point.x, x2: (point) => across.rowOf(point)?.high ?? point.x, stroke: "currentColor", strokeWidth: 2 })),
      tipOf(points, { x: "x", y: "y", title: (point) => titles.get(point) }),
    ],
  });
}

// The points of each method in the order of its β (or its strongest setting), where several differ in nothing else.
function pathsOf(points) {
  return [...grouped(points.filter(({ row }) => !row.reference), ({ row }) => row.method).values()].flatMap((of) => {
    const [parameter] = strengthsOf(of);
    return parameter ? seriesOf(of, parameter).filter(({ members }) => members.length > 1).flatMap(({ members, name }) => members.map((point) => ({ ...point, series: `${point.row.method} ${name}` }))) : [];
  });
}

// The same as a list: the fronts, then the others.
function listed(points, fronts, across, up) {
  const heads = ["Configuration", up.text, across.text, "n", "Front"], onFront = [...fronts.values()].flat();
  const order = [...onFront, ...points.filter((point) => !onFront.includes(point)).sort((a, b) => (up.better === false ? a.y - b.y : b.y - a.y))];
  const said = (axis, point) => (axis.rowOf(point) ? shortValue(axis.rowOf(point)) : costText(axis.at(point))), rowsOf = (point) => [up, across].map((axis) => axis.rowOf(point)).filter(Boolean);
  const lines = order.map((point) => [rowButton({ id: point.open.row }, point.name), said(up, point), said(across, point), String(Math.min(...rowsOf(point).map((row) => row.seeds), point.row.seeds)), frontNote(point, fronts) ?? (point.row.reference ? "reference" : point.byChance ? "not above chance" : "")]);
  const none = across.better === null || up.better === null ? make("p", { class: "quiet" }, "No front: of one of these neither more nor less is better.") : null;
  return [none, make("h2", {}, "The same as a table"), bracketNote(order.flatMap(rowsOf)), tableOf("Configurations of the chart", heads, lines, [1, 2, 3])].filter(Boolean);
}
