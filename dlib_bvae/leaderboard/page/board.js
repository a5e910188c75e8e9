// Starts the page, and shows it anew whenever the place changes.
const SHOW = { summary: showSummary, all: showAll, compare: showCompare, path: showPath, pareto: showPareto, agreement: showAgreement };
let shown = "";

// Opening a row or choosing a theme leaves what lies beneath as it is, with its focus.
const beneath = () => JSON.stringify({ ...place, row: "", theme: "" });
function nothingNew() {
  shown = beneath();
}

function show() {
  if ((place.adjusted !== "") !== adjustedNow) {
    adjust(place.adjusted !== "");
    byId("details").dataset.row = "";
  }
  showFilters();
  for (const view of VIEWS) {
    byId(`view-${view}`).hidden = view !== place.view;
    byId(`tab-${view}`).setAttribute("aria-selected", String(view === place.view));
    byId(`tab-${view}`).tabIndex = view === place.view ? 0 : -1;
  }
  if (beneath() !== shown) {
    nothingNew();
    SHOW[place.view](matching(place.view === "all" ? [] : CHOSEN_IN_CHARTS));
  }
  showDetails();
}

function makeTabs() {
  const tabs = VIEWS.map((view) => byId(`tab-${view}`));
  tabs.forEach((tab, here) => {
    tab.addEventListener("click", () => go({ view: tab.dataset.view }, { step: true }));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(here + step + tabs.length) % tabs.length];
      go({ view: next.dataset.view }, { step: true });
      next.focus();
    });
  });
}

addEventListener("popstate", () => {
  place = read();
  show();
});
addEventListener("keydown", (event) => {
  const writing = event.target.closest("input, select, textarea");
  if (event.key === "/" && !writing && !byId("details").open) {
    event.preventDefault();
    byId("filter-box").open = true;
    byId("search").focus();
  }
});
let width = innerWidth;
addEventListener("resize", () => {
  if (!["compare", "path", "pareto", "agreement"].includes(place.view) || innerWidth === width) return; // charts fit the width
  width = innerWidth;
  shown = "";
  show();
});

byId("filter-box").open = place.view === "all" && !matchMedia("(max-width: 780px)").matches;
byId("about").textContent = [`${plural(rows.length, "row")} of ${plural(board.runs.length, "run")}`, `dlib_bvae ${board.package_version}`, board.cite?.date].filter(Boolean).join(", ");
makeFilters();
makeTabs();
makeSummary();
makeAll();
makeDetails();
makeCite();
makeFiles();
show();
