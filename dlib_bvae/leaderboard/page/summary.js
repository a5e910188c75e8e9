// Summary: one data set; a row a configuration, a column a metric, and a sentence on who leads.
let summaryTable = null;

function showSummary(found) {
  const set = dataShown(), here = set.each?.columns ? set.each : SETS.find(({ each }) => each.columns)?.each;
  summaryTable?.destroy();
  summaryTable = null;
  if (!here) {
    byId("answer").replaceChildren(make("p", {}, "No score of this board has a known direction, so there is nothing to lead by; All scores has them."));
    return;
  }
  const headline = here.columns.find(({ metric }) => metric === place.by) ?? here.columns.find(({ metric }) => metric === "beta_vae") ?? here.columns[0];
  chooseSummary(here, headline);
  showAnswer(here, headline);
  const columns = [headline, ...here.columns.filter((column) => column !== headline)], lines = linesOf(columns, new Set(found));
  byId("summary-nothing").hidden = lines.length > 0;
  byId("summary-table").hidden = lines.length === 0;
  byId("summary-count").textContent = `${plural(lines.length, "configuration")} on ${SETS.find(({ each }) => each === here).label}, whose images are ${here.origin === "official" ? "the official ones" : here.origin}`;
  if (lines.length) summaryTable = summaryOf(columns, lines);
  showHelp(columns.map(({ metric }) => metric));
}

function chooseSummary(here, headline) {
  const [data, by] = ["summary-data", "summary-by"].map(byId), places = SETS.filter(({ each }) => each.columns);
  dataSelect(data, places.map(({ key, label, each }) => [key, `${label}${each.origin === "rendered" ? "" : ` (${each.origin})`}`]), places.find(({ each }) => each === here).key);
  options(by, here.columns.map(({ metric, title }) => [metric, title]), headline.metric);
}

function showAnswer(here, headline) {
  const said = board.answers.find((each) => each.dataset === here.dataset && each.fingerprint === here.fingerprint && each.data_version === here.data_version && each.num_images === here.num_images && each.budget === here.budget && each.metric === headline.metric);
  byId("answer").replaceChildren(...[
    make("p", { class: "lead" }, said.lead), said.more.length ? make("p", {}, said.more.join(" ")) : null,
    said.missing.length ? make("p", { class: "quiet" }, `Not known here: ${said.missing.join("; ")}.`) : null,
    adjustedNow ? make("p", { class: "quiet" }, "These sentences are on scores as they are, the table on scores adjusted for chance.") : null,
  ].filter(Boolean));
}

// The lines of the table: configurations with their row of each column, by kind of supervision, references last.
function linesOf(columns, found) {
  const lines = new Map();
  columns.forEach((column, place) => column.rows.map((id) => rowById.get(id)).filter((row) => found.has(row)).forEach((row) => {
    const key = [row.model, row.config, row.representation, row.evidence].join("\n");
    if (!lines.has(key)) lines.set(key, { key, row, name: row.name, group: row.reference ? "reference" : row.supervision, rows: [] });
    const line = lines.get(key);
    line.rows.push(row);
    line[`m${place}`] = row;
  }));
  const order = (line) => (line.m0 ? PLACES.get(line.m0) : Infinity);
  return [...lines.values()].sort((a, b) => order(a) - order(b));
}
const PLACES = new Map(rows.map((row, place) => [row, place])); // in the order of All scores

const MOST_DRAWN = 100; // lines; of more only those in sight are in the document

const GROUPS = { none: "Unsupervised", pairs: "Learns from pairs of images", labels: "Learns from labels of some images", factors: "Learns from the factors", "not stated": "Supervision not stated", reference: "Reference rows, not ranked" };

function summaryOf(columns, lines) {
  const scales = scalesOf(lines.flatMap((line) => line.rows)), groups = [...new Set(lines.map(({ group }) => group))], narrow = innerWidth < 780;
  const known = Object.keys(GROUPS), order = [...groups].sort((a, b) => (known.indexOf(a) + 1 || 5.5) - (known.indexOf(b) + 1 || 5.5));
  const several = lines.length > 1 && lines.some((line) => nOf(line) !== nOf(lines[0]));
  byId("summary-n").textContent = several || lines.length === 0 ? "" : `All: ${nOf(lines[0]) === "1" ? "1 seed" : `${nOf(lines[0])} seeds`}.`;
  return withRoles(new Tabulator("#summary-table", {
    data: lines, index: "key", layout: "fitColumns", ...(lines.length > MOST_DRAWN ? { height: tableHeight() } : { renderVertical: "basic" }), headerSortTristate: true, columnHeaderSortMulti: false, keybindings: false,
    printAsHtml: true, printStyled: false, printRowRange: "active",
    groupBy: order.length > 1 || order[0] === "reference" ? "group" : false, groupValues: order.length > 1 ? [order] : false, groupToggleElement: false,
    groupHeader: (group) => make("span", { class: "group" }, GROUPS[group] ?? `Supervision: ${group}`), groupHeaderPrint: (group) => escaped(GROUPS[group] ?? `Supervision: ${group}`),
    rowFormatter: (row) => row.getElement().classList.toggle("reference", row.getData().group === "reference"),
    columns: [
      { title: "Configuration", field: "name", frozen: true, width: narrow ? 138 : 250, sorter: alphabetically, formatter: (cell) => nameOf(cell.getData()), formatterPrint: (cell) => nameOf(cell.getData()) },
      ...(several ? [{ title: "Seeds", field: "rows", width: 70, hozAlign: "right", headerHozAlign: "right", headerSort: false, formatter: (cell) => make("span", {}, nOf(cell.getData())) }] : []),
      ...columns.map((column, place) => ({
        title: escaped(headOf(column)), field: `m${place}`, minWidth: 124, hozAlign: "left", sorter: byScore, headerSortStartingDir: column.higher_is_better ? "desc" : "asc",
        titleFormatter: () => titleOf(column), formatter: (cell) => scoreOf(cell.getData()[`m${place}`], scales), formatterPrint: (cell) => scoreOf(cell.getData()[`m${place}`], scales),
      })),
    ],
  }));
}

// What has no value stands last in both orders, and what is not above chance before it.
function byScore(a, b, rowA, rowB, column, direction) {
  const last = (row) => (!row || row.mean === null ? 2 : row.above_chance === false ? 1 : 0), sign = direction === "asc" ? 1 : -1;
  return (last(a) - last(b)) * sign || (last(a) === 2 ? 0 : a.mean - b.mean);
}

const headOf = (column) => `${column.title}${column.unit ? ", %" : ""} ${column.higher_is_better ? "↑" : "↓"}`;

function titleOf(column) {
  const parameters = column.parameters === null ? "" : ` Parameters other than the defaults: ${JSON.stringify(column.parameters)}.`;
  return make("span", { title: `${board.metrics[column.metric] ?? ""}${parameters}` }, headOf(column), under(`${column.score}${column.parameters === null ? "" : " *"}`));
}

function nOf(line) {
  const seeds = line.rows.map((row) => row.seeds), low = Math.min(...seeds), high = Math.max(...seeds);
  return low === high ? String(low) : `${low}–${high}`;
}

function nameOf(line) {
  const badges = configurationBadges(line.row);
  return make("span", { class: "name" }, thumbnail(line.row), make("span", {}, make("button", { type: "button", class: "open", "data-row": (line.m0 ?? line.row).id, "data-line": line.key }, line.name), badges.length ? under(...badges.flatMap((each) => [each, " "])) : ""));
}

function scoreOf(row, scales) {
  if (!row) return make("span", { class: "quiet" }, "–");
  const below = row.above_chance === false, note = below ? "not above chance" : row.mean === null ? (row.no_null ? "no null" : "not adjusted") : null;
  const cell = make("span", { class: `score${row.tied ? " tied" : ""}${below ? " not-above" : ""}`, "data-cell": `${row.dataset}/${row.config}/${row.metric}`, "data-row": row.id, title: scoreTitle(row) });
  if (row.mean !== null) cell.append(make(row.tied ? "strong" : "span", { class: "value" }, scoreText(row, row.mean)), make("span", { class: "quiet" }, row.interval === null ? "" : ` ${intervalText(row)}`),
    make("span", { class: "drawn" }, bar(row, scales.get(row.compared)), make("span", { class: "rank" }, rankText(row))));
  if (note) cell.append(under(note));
  return cell;
}

// What the metrics that are shown ask, and when they lie.
function showHelp(metrics) {
  const known = [...new Set(metrics)].filter((metric) => board.metrics[metric]);
  byId("help").hidden = known.length === 0;
  byId("help-list").replaceChildren(...known.map((metric) => make("div", {}, make("dt", {}, titles.get(metric) ?? metric, (titles.get(metric) ?? metric) === metric ? "" : make("span", { class: "quiet" }, ` ${metric}`)), make("dd", {}, board.metrics[metric]))));
}

function makeSummary() {
  byId("summary-by").addEventListener("change", (event) => go({ by: event.target.value }));
  byId("summary-table").addEventListener("click", openFrom);
  byId("summary-table").addEventListener("keydown", (event) => moveInRows(event, summaryTable, (button) => button.dataset.line));
}

// A click on a row opens it; on a score that score.
function openFrom(event) {
  const cell = event.target.closest("[data-row]") ?? event.target.closest(".tabulator-row")?.querySelector("[data-row]");
  if (!cell || String(getSelection()) !== "") return; // a text that is marked is to be copied
  go({ row: cell.dataset.row }, { step: true });
}
