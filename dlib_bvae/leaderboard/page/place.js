// Where the reader is: view, filters, order, open row and theme, all in the address after "#".
const FILTERS = [
  { name: "data", title: "Data set", of: (row) => row.data, label: (row) => dataName(row) },
  { name: "origin", title: "Origin", of: (row) => row.origin },
  { name: "metric", title: "Metric", of: (row) => row.metric },
  { name: "score", title: "Score", of: (row) => row.score, within: "metric" },
  { name: "method", title: "Method", of: (row) => row.method },
  { name: "budget", title: "Budget", of: (row) => row.budget ?? "no training" },
  { name: "supervision", title: "Supervision", of: (row) => row.supervision },
  { name: "evidence", title: "Evidence", of: (row) => row.evidence },
];
const START = {
  view: "summary", q: "", ...Object.fromEntries(FILTERS.map(({ name }) => [name, ""])),
  sort: "", dir: "", cols: "", by: "", row: "", x: "", y: "", a: "", b: "", path: "", over: "", adjusted: "", theme: "auto",
};
// Charts show one data set and budget and choose their scores themselves.
const CHOSEN_IN_CHARTS = ["data", "budget", "metric", "score"];
const VIEWS = ["summary", "all", "compare", "path", "pareto", "agreement"];
const FORMER_VIEWS = { table: "all" }; // names in addresses of earlier versions
const THEMES = ["auto", "light", "dark"];

let place = read();

function read() {
  const said = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const known = Object.fromEntries(Object.entries(said).filter(([name]) => Object.hasOwn(START, name)));
  const now = { ...START, ...known };
  now.view = Object.hasOwn(FORMER_VIEWS, now.view) ? FORMER_VIEWS[now.view] : now.view;
  if (!VIEWS.includes(now.view)) now.view = START.view;
  if (!THEMES.includes(now.theme)) now.theme = START.theme;
  return now;
}

// Goes to `changes` of the place; `step` makes it one that the browser's Back returns from, `shown` says that the page shows it already.
function go(changes, { step = false, shown = false } = {}) {
  place = { ...place, ...changes };
  const said = Object.entries(place).filter(([name, value]) => value !== START[name]);
  const hash = `#${new URLSearchParams(said)}`;
  history[step ? "pushState" : "replaceState"](null, "", hash);
  if (shown) nothingNew();
  else show();
}

// The rows that pass all filters but those in `except`, and the reference rows of what they are compared with.
function matching(except = []) {
  const terms = termsOf(place.q).map(testOf);
  const wanted = FILTERS.filter(({ name }) => place[name] !== "" && !except.includes(name));
  const passing = new Set(rows.filter((row) => wanted.every(({ name, of }) => of(row) === place[name]) && terms.every((has) => has(row))));
  const compared = new Set([...passing].map((row) => row.compared));
  return rows.filter((row) => passing.has(row) || (row.reference && compared.has(row.compared)));
}

function options(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, label]) => make("option", { value }, label)));
  if (!entries.some(([value]) => value === chosen)) select.prepend(make("option", { value: chosen }, `${chosen} (none here)`));
  select.value = chosen;
}

function makeFilters() {
  const fields = FILTERS.map(({ name, title }) => make("label", {}, title, make("select", { id: `filter-${name}`, onchange: (event) => {
    const cleared = FILTERS.filter(({ within }) => within === name).map((each) => [each.name, ""]);
    go({ [name]: event.target.value, ...Object.fromEntries(cleared) });
  } })));
  byId("reset").before(...fields);
  byId("search").addEventListener("input", (event) => go({ q: event.target.value }));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", (event) => {
    event.preventDefault();
    go({ ...START, view: place.view, adjusted: place.adjusted, theme: place.theme, cols: place.cols });
  });
  byId("theme").addEventListener("change", (event) => go({ theme: event.target.value }));
  byId("adjusted").disabled = !rows.some((row) => row.adjusted !== null);
  byId("adjusted").parentElement.title = byId("adjusted").disabled ? "no score here has a null: evaluate with --null=20"
    : "scores as shares of the way from what chance gives (0) to the best value (1)";
  byId("adjusted").addEventListener("change", (event) => go({ adjusted: event.target.checked ? "yes" : "" }));
}

// The values of a filter with their labels, in their order; found once for each value of the filter it lies within.
const choices = new Map();
function choicesOf({ name, of, label, within }) {
  const outer = within ? place[within] : "", key = `${name}\n${outer}`;
  if (!choices.has(key)) {
    const among = outer ? rows.filter((row) => row[within] === outer) : rows;
    const entries = new Map(among.map((row) => [of(row), label ? label(row) : of(row)]));
    choices.set(key, [...entries].sort((a, b) => alphabetically(a[1], b[1])));
  }
  return choices.get(key);
}

function showFilters() {
  for (const filter of FILTERS) {
    const { name } = filter, select = byId(`filter-${name}`);
    options(select, [["", "all"], ...choicesOf(filter)], place[name]);
    select.parentElement.hidden = place.view !== "all" && CHOSEN_IN_CHARTS.includes(name);
  }
  byId("filter-box").hidden = place.view === "agreement";
  showChips();
  if (byId("search").value !== place.q) byId("search").value = place.q;
  const active = FILTERS.filter(({ name }) => place[name] !== "").length + (place.q === "" ? 0 : 1);
  byId("filter-count").textContent = active ? `(${active})` : "";
  byId("theme").value = place.theme;
  byId("adjusted").checked = place.adjusted !== "";
  document.documentElement.dataset.theme = place.theme;
}
