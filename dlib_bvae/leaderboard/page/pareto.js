// Pareto: scores and costs of one data set against each other, with the front.
function showPareto(found) {
  const first = found.find((row) => row.data === place.data) ?? found[0];
  if (!first) return nothingToDraw("No row matches these filters.");
  const here = found.filter((row) => row.data === first.data);
  const scores = [...new Set(here.map((row) => row.axis))].sort();
  const costs = Object.keys(COST_AXES).filter((name) => here.some((row) => COST_AXES[name].of(row) !== null));
  const metricOf = new Map(here.map((row) => [row.axis, row]));
  const x = place.x || scores.find((name) => metricOf.get(name).metric === FIDELITY[0]) || costs[0] || scores[0];
  const y = place.y || scores.find((name) => metricOf.get(name).higher_is_better && !FIDELITY.includes(metricOf.get(name).metric)) || scores[0];
  showAxes(first, [...scores, ...costs], x, y);
  const [across, up] = [axisOf(x, here), axisOf(y, here)];
  const points = pointsOf(here).filter((point) => across.at(point) !== null && up.at(point) !== null);
  if (points.length === 0) return nothingToDraw(`No model on ${dataName(first)} has both scores.`);
  const front = frontOf(points, across, up);
  byId("pareto").replaceChildren(scatter(points, front, across, up), legend(points));
  byId("front").replaceChildren(...frontList(front, across, up));
}

function nothingToDraw(text) {
  byId("pareto").replaceChildren(make("p", {}, text));
  byId("axes").replaceChildren();
  byId("front").replaceChildren();
}

function showAxes(first, names, x, y) {
  const choose = (title, key, chosen, entries) => {
    const select = make("select", { onchange: (event) => go(key === "data" ? { data: event.target.value, x: "", y: "" } : { [key]: event.target.value }) });
    options(select, entries, chosen);
    return make("label", {}, title, select);
  };
  const sets = new Map(rows.map((row) => [row.data, `${dataName(row)} (${row.origin})`]));
  const axes = names.map((name) => [name, COST_AXES[name]?.text ?? name]);
  byId("axes").replaceChildren(choose("Data set", "data", first.data, [...sets].sort()), choose("Across", "x", x, axes), choose("Up", "y", y, axes));
}

// Points that no other beats in one axis without losing in the other; none where a direction is not known. Reference rows
// and scores that are not above chance do not compete.
function frontOf(points, across, up) {
  if (across.better === null || up.better === null) return [];
  const value = (axis, point) => (axis.better ? 1 : -1) * axis.at(point);
  const byChance = (point) => [across, up].some((axis) => axis.whole(point)?.above_chance === false);
  const competing = points.filter((point) => point.row.competes && !byChance(point));
  const sorted = competing.sort((a, b) => value(across, b) - value(across, a) || value(up, b) - value(up, a));
  let best = -Infinity;
  return sorted.filter((point) => value(up, point) > best && ((best = value(up, point)), true));
}

function ticks(from, to, about) {
  const raw = (to - from) / about, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= raw);
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(12)));
}

function extent(given) {
  const values = given.filter((value) => value !== null && value !== undefined);
  const low = Math.min(...values), high = Math.max(...values), margin = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - margin, high + margin];
}

function scatter(points, front, across, up) {
  const width = Math.max(240, Math.min(1100, byId("view-pareto").clientWidth)), height = Math.round(Math.min(480, Math.max(300, width * 0.5)));
  const box = { left: 76, right: width - 14, top: 14, bottom: height - 46 };
  const [x0, x1] = extent(points.map(across.at)), [y0, y1] = extent(points.flatMap((point) => [up.at(point), up.whole(point)?.low, up.whole(point)?.high]));
  const px = (value) => box.left + ((value - x0) / (x1 - x0)) * (box.right - box.left);
  const py = (value) => box.bottom - ((value - y0) / (y1 - y0)) * (box.bottom - box.top);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": `${up.text} against ${across.text}` });
  const short = (value) => (Math.abs(value) >= 10000 ? amount(value) : String(value));
  for (const value of ticks(x0, x1, width / 110)) {
    svg.append(make("line", { class: "grid", x1: px(value), x2: px(value), y1: box.top, y2: box.bottom }),
      make("text", { x: px(value), y: box.bottom + 16, "text-anchor": "middle" }, short(value)));
  }
  for (const value of ticks(y0, y1, height / 60)) {
    svg.append(make("line", { class: "grid", x1: box.left, x2: box.right, y1: py(value), y2: py(value) }),
      make("text", { x: box.left - 7, y: py(value) + 4, "text-anchor": "end" }, short(value)));
  }
  const better = (axis) => (axis.better === null ? "" : axis.better ? " (higher is better)" : " (lower is better)");
  const label = (axis, short, room) => (axis.text.length * 6 + 110 > room ? short : axis.text) + better(axis); // the fields above say it in full
  const middle = (box.top + box.bottom) / 2;
  svg.append(make("text", { class: "label", x: (box.left + box.right) / 2, y: height - 8, "text-anchor": "middle" }, label(across, "across", box.right - box.left)),
    make("text", { class: "label", x: 14, y: middle, "text-anchor": "middle", transform: `rotate(-90 14 ${middle})` }, label(up, "up", height)));
  if (front.length > 1) svg.append(make("path", { class: "front", d: stairs(front, across, up, px, py) }));
  const methods = methodsOf(points);
  points.forEach((point, place) => svg.append(mark(point, place, front.indexOf(point) + 1, methods, across, up, px, py)));
  svg.addEventListener("keydown", moveInChart);
  return svg;
}

// What the front reaches: between two of its points, the worse of both in each axis.
function stairs(front, across, up, px, py) {
  return front.map((point, place) => {
    const [x, y] = [px(across.at(point)), py(up.at(point))];
    return place === 0 ? `M ${x} ${y}` : `H ${x} V ${y}`;
  }).join(" ");
}

const methodsOf = (points) => [...new Set(points.map(({ row }) => row.method))].sort();
const colourOf = (method, methods) => `colour-${methods.indexOf(method) % COLOURS}`;
const pointName = ({ row }) => [row.model, row.configNote].filter(Boolean).join(", ");

function mark(point, place, onFront, methods, across, up, px, py) {
  const [x, y] = [px(across.at(point)), py(up.at(point))], whole = up.whole(point), row = whole ?? across.whole(point) ?? point.row;
  const label = `${pointName(point)}: ${across.text} ${number(across.at(point))}, ${up.text} ${number(up.at(point))}${onFront ? ", on the front" : ""}`;
  const open = () => go({ row: row.id }, { step: true });
  const group = make("g", { class: `point ${colourOf(point.row.method, methods)}${onFront ? " on-front" : ""}${point.row.reference ? " reference" : ""}`, role: "button",
    tabindex: place === 0 ? 0 : -1, "aria-label": label, onclick: open, onkeydown: (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); }
    } });
  group.append(make("title", {}, label));
  if (whole && whole.low !== null) group.append(make("line", { class: "whisker", x1: x, x2: x, y1: py(whole.low), y2: py(whole.high) }));
  group.append(make("circle", { cx: x, cy: y, r: onFront ? 6 : 4.5 }));
  if (onFront) group.append(make("text", { class: "label", x: x + 10, y: y - 7 }, String(onFront)));
  return group;
}

function moveInChart(event) {
  const points = [...event.currentTarget.querySelectorAll(".point")], here = points.indexOf(document.activeElement);
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const next = step && here >= 0 ? points[here + step] : null;
  if (!next) return;
  event.preventDefault();
  points[here].setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
}

function legend(points) {
  const methods = methodsOf(points);
  return make("ul", { class: "legend" }, ...methods.map((method) => make("li", {},
    make("span", { class: `swatch ${colourOf(method, methods)}${points.some(({ row }) => row.method === method && row.reference) ? " reference" : ""}` }), method)));
}

function frontList(front, across, up) {
  if (across.better === null || up.better === null) return [make("p", { class: "quiet" }, "No front: of one of these scores neither more nor less is better.")];
  return [make("h2", {}, "On the front"), make("ol", { class: "on-front-list" }, ...front.map((point) => make("li", {},
    make("button", { type: "button", class: "open", onclick: () => go({ row: (up.whole(point) ?? point.row).id }, { step: true }) }, pointName(point)),
    make("span", { class: "quiet" }, ` ${number(across.at(point))} across, ${number(up.at(point))} up`))))];
}
