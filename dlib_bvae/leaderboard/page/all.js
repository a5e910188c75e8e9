// All scores: every row, of which only those in sight are in the document.
let allTable = null, allBuilt = false, allShown = null, allScales = new Map();
const ROW_HEIGHT = 46;
const text = (of) => ({ sorter: (a, b, rowA, rowB) => alphabetically(of(rowA.getData()), of(rowB.getData())) });
const plainCell = (of, title = null) => (cell) => make("span", { title: title && title(cell.getData()) }, of(cell.getData()));

// Numbers: what has no value stands last in both orders; of scores what is not above chance stands before it.
function numbers(of, { score = false, first = "desc" } = {}) {
  const last = (row) => (of(row) === null || of(row) === undefined ? 2 : score && row.above_chance === false ? 1 : 0);
  return { hozAlign: "right", headerHozAlign: "right", headerSortStartingDir: first, sorter: (a, b, rowA, rowB, column, direction) => {
    const [one, other] = [rowA.getData(), rowB.getData()];
    return (last(one) - last(other)) * (direction === "asc" ? 1 : -1) || (last(one) === 2 ? 0 : of(one) - of(other));
  } };
}

const COLUMNS = [
  { name: "name", title: "Configuration", frozen: true, cell: allName, print: (row) => row.name, ...text((row) => row.name) },
  { name: "rank", title: "Rank", width: 110, cell: rankCell, print: (row) => rankText(row) || row.unranked || "", ...numbers((row) => row.rank_low, { first: "asc" }) },
  { name: "data", title: "Data set", width: 150, of: dataName, fold: (row) => dataName(row), ...text((row) => row.data) },
  { name: "metric", title: "Metric", width: 190, cell: metricCell, print: (row) => `${row.axis} ${arrow(row)}`, ...text((row) => row.axis) },
  { name: "mean", title: "Mean ± std", width: 128, cell: meanCell, print: meanText, ...numbers((row) => row.mean, { score: true }) },
  { name: "interval", title: "95 % interval", width: 150, cell: intervalCell, print: (row) => intervalText(row), ...numbers((row) => row.low, { score: true }) },
  { name: "seeds", title: "Seeds", width: 84, of: (row) => String(row.seeds), fold: (row) => plural(row.seeds, "seed"), ...numbers((row) => row.seeds) },
  { name: "supervision", title: "Supervision", width: 132, of: (row) => row.supervision, fold: (row) => SUPERVISIONS[row.supervision] ?? `supervision ${row.supervision}`, ...text((row) => row.supervision) },
  { name: "budget", title: "Budget", width: 150, of: (row) => row.budget ?? "", fold: (row) => row.budget, ...text((row) => row.budget ?? "") },
  { name: "evidence", title: "Evidence", width: 124, cell: evidenceBadge, print: (row) => row.evidence, fold: (row) => row.evidence, ...text((row) => row.evidence) },
  { name: "origin", title: "Images", width: 90, of: (row) => row.origin, fold: (row) => (row.origin === "official" ? "official images" : `images ${row.origin}`), ...text((row) => row.origin) },
  { name: "representation", title: "Codes", width: 110, of: (row) => row.representation, fold: (row) => `${row.representation} codes`, ...text((row) => row.representation) },
  { name: "seconds", title: "Training", width: 108, of: (row) => seconds(row.seconds), ...numbers((row) => row.seconds) },
  { name: "chance", title: "Chance", width: 110, hide: true, of: (row) => scoreText(row, chanceOf(row)), ...numbers(chanceOf) },
  { name: "difference", title: "Smallest difference", width: 130, hide: true, of: differenceText, ...numbers((row) => row.smallest_difference.value) },
  { name: "iqm", title: "IQM", width: 90, hide: true, of: (row) => scoreText(row, row.iqm), ...numbers((row) => row.iqm, { score: true }) },
  { name: "median", title: "Median", width: 90, hide: true, of: (row) => scoreText(row, row.median), ...numbers((row) => row.median, { score: true }) },
  { name: "normalised", title: "Normalised", width: 110, hide: true, of: (row) => number(row.normalised), ...numbers((row) => row.normalised, { score: true }) },
  { name: "latents", title: "Active latents", width: 150, hide: true, of: (row) => row.latents ?? "", ...text((row) => row.latents ?? "") },
  { name: "parameters", title: "Parameters", width: 110, hide: true, of: (row) => amount(row.parameters), ...numbers((row) => row.parameters) },
  { name: "images", title: "Images seen", width: 110, hide: true, of: (row) => amount(row.images), ...numbers((row) => row.images) },
  { name: "reconstruction", title: "Reconstruction", width: 120, hide: true, of: (row) => number(row.reconstruction), ...numbers((row) => row.reconstruction, { first: "asc" }) },
  { name: "config", title: "Configuration hash", width: 130, hide: true, of: (row) => row.config, ...text((row) => row.config) },
];
const HINTS = {
  rank: "a range, see below the table", mean: "over seeds, with the standard deviation of single seeds; in % where the score is in 0 … 1", metric: "with its score; ↑ higher is better, ↓ lower is better; what it asks stands below the table",
  interval: "of the mean: Student's t from 3 seeds, BCa bootstrap from 10; of 2 seeds their range. The bar has the value of each of up to 5 seeds and a tick where chance is; it goes as far as the rows shown",
  difference: "between two configurations of as many seeds, found with 80 % probability by a t test at 5 %", chance: "mean of the null: the same codes, given to other images at random", iqm: "interquartile mean over seeds, where it is neither mean nor median",
  normalised: "mean with random_encoder's as 0 and oracle's as 1; needs rows of both on the same data set", parameters: "of the model", images: "that training saw", reconstruction: "at the end of training, nats per image", origin: "official files, rendered by this package, re-encoded pictures of a published set, or external", seconds: "time of training", budget: "steps of training and images in each; configurations of one budget are compared",
};
const SHOWN = COLUMNS.filter(({ hide }) => !hide).map(({ name }) => name);

function allName(row) {
  return make("span", { class: "name" }, make("span", {}, make("button", { type: "button", class: "open", tabindex: -1, "data-row": row.id, title: row.name }, row.name), under(...[...configurationBadges(row), chanceBadge(row)].filter(Boolean).flatMap((each) => [each, " "]))));
}
function rankCell(row) {
  return make("span", {}, rankText(row), row.unranked ? under(row.unranked) : "");
}
function arrow(row) {
  return row.higher_is_better === null ? "" : row.higher_is_better ? "↑" : "↓";
}
function metricCell(row) {
  return make("span", { title: board.metrics[row.metric] ?? null }, titles.get(row.metric) ?? row.metric, under(`${[row.metric === row.score ? "" : row.score, row.parameterNote].filter(Boolean).join(" · ")} ${arrow(row)}`));
}
function meanText(row) {
  if (row.mean === null) return row.no_null ? "no null" : "not adjusted";
  return `${scoreText(row, row.mean)}${row.std === null ? "" : ` ± ${scoreText(row, row.std)}`}${unitOf(row)}`;
}
function meanCell(row) {
  return make("span", { "data-cell": `${row.dataset}/${row.config}/${row.metric}`, title: scoreTitle(row), class: row.above_chance === false ? "not-above" : null }, row.tied ? make("strong", {}, meanText(row)) : meanText(row));
}
function intervalCell(row) {
  return row.mean === null ? make("span", {}) : make("span", { title: scoreTitle(row) }, bar(row, allScales.get(row.compared)), under(intervalText(row)));
}
function differenceText(row) {
  const { value, missing } = row.smallest_difference;
  return value === null ? missing ?? "not known" : scoreText(row, value);
}

function makeAll() {
  byId("all-table").addEventListener("click", openFrom);
  byId("all-table").addEventListener("keydown", (event) => moveInRows(event, allTable, (button) => button.dataset.row));
  byId("all-table").addEventListener("focusin", (event) => { if (event.target.classList.contains("tabulator-tableholder")) byId("all-table").querySelector(".tabulator-row .open")?.focus(); });
  byId("pick-list").replaceChildren(...COLUMNS.slice(1).map(({ name, title }) => make("label", {}, make("input", { type: "checkbox", value: name, onchange: pickColumns }), ` ${title}`)));
}

const pickedColumns = () => (place.cols === "" ? SHOWN : place.cols.split(" "));
function pickColumns() {
  const picked = [...byId("pick-list").querySelectorAll("input:checked")].map((field) => field.value);
  go({ cols: ["name", ...picked].join(" ") });
}

function showAll(found) {
  const sorted = COLUMNS.find(({ name }) => name === place.sort), folded = foldedOf(found);
  const shown = COLUMNS.filter(({ name }) => name === "name" || (pickedColumns().includes(name) && !folded.has(name))).map(({ name }) => name);
  allScales = scalesOf(found);
  byId("nothing").hidden = found.length > 0;
  byId("all-table").hidden = found.length === 0;
  byId("count").textContent = found.length === rows.length ? plural(rows.length, "row") : `${found.length.toLocaleString("en")} of ${plural(rows.length, "row")}`;
  byId("folded").textContent = folded.size ? `All: ${[...folded.values()].join(", ")}.` : "";
  byId("pick-list").querySelectorAll("input").forEach((field) => { field.checked = pickedColumns().includes(field.value); });
  showHelp(found.map(({ metric }) => metric));
  const state = JSON.stringify([shown, adjustedNow]);
  if (allTable && state === allShown && allBuilt) return fillAll(found, sorted);
  allTable?.destroy();
  allShown = state;
  allBuilt = false;
  const table = allOf(shown, found, sorted);
  table.on("tableBuilt", () => { allBuilt = allTable === table; });
  allTable = table;
}

// New rows and order in the table that is there.
function fillAll(found, sorted) {
  allTable.replaceData(found);
  const order = allTable.getSorters()[0], wanted = sorted ? [{ column: sorted.name, dir: place.dir === "asc" ? "asc" : "desc" }] : [];
  if ((order?.field ?? "") === (wanted[0]?.column ?? "") && (order?.dir ?? "") === (wanted[0]?.dir ?? "")) return;
  if (wanted.length) allTable.setSort(wanted);
  else allTable.clearSort();
}

function allOf(shown, found, sorted) {
  const narrow = innerWidth < 780;
  const table = withRoles(new Tabulator("#all-table", {
    data: found, index: "id", layout: "fitDataFill", height: tableHeight(), rowHeight: ROW_HEIGHT, headerSortTristate: true, columnHeaderSortMulti: false, keybindings: false,
    printAsHtml: true, printStyled: false, printRowRange: "active", initialSort: sorted ? [{ column: sorted.name, dir: place.dir === "asc" ? "asc" : "desc" }] : [],
    rowFormatter: (row) => row.getElement().classList.toggle("not-above", row.getData().above_chance === false),
    columns: COLUMNS.filter(({ name }) => shown.includes(name)).map(({ name, title, cell, of, print, fold, hide, ...column }) => ({
      ...column, title, field: name, width: name === "name" ? (narrow ? 150 : 250) : column.width, titleFormatter: () => make("span", { title: HINTS[name] ?? null }, name === "mean" && adjustedNow ? "Adjusted ± std" : title),
      formatter: cell ? (each) => cell(each.getData()) : plainCell(of), formatterPrint: plainCell(print ?? of),
    })),
  }));
  table.on("dataSorted", (sorters) => {
    if (!allBuilt) return;
    const [first] = sorters, now = { sort: first?.field ?? "", dir: first?.dir ?? "" };
    if (now.sort !== place.sort || now.dir !== place.dir) go(now, { shown: true });
  });
  table.on("renderComplete", () => {
    const buttons = [...byId("all-table").querySelectorAll(".tabulator-row .open")];
    if (buttons.length && !buttons.some((button) => button.tabIndex === 0)) buttons[0].tabIndex = 0;
  });
  return table;
}

// Columns that have one value in all rows shown → that value in words.
function foldedOf(found) {
  if (found.length < 2) return new Map();
  const values = COLUMNS.filter(({ fold }) => fold).map(({ name, fold }) => [name, [...new Set(found.map(fold))].filter((value) => value !== null)]);
  return new Map(values.filter(([, those]) => those.length < 2).map(([name, those]) => [name, those[0] ?? "no training"]));
}
