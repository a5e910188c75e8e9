// What stands in the cells of both tables: values, ranks, intervals as bars, badges.
const INTERVALS = { t: "95 % interval (Student's t)", BCa: "95 % interval (BCa bootstrap)", range: "range of 2 seeds, no interval" };
const SUPERVISIONS = { none: "unsupervised", pairs: "learns from pairs of images", labels: "learns from labels", factors: "learns from the factors", "not stated": "supervision not stated" };
const NO_NULL = "no null is recorded: what chance gives is not known; evaluate with --null=20";
const isPercent = (row) => PLAIN.get(row).range[0] === 0 && PLAIN.get(row).range[1] === 1;
const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

// A value of a row's score: in % where the score is in [0, 1].
function scoreText(row, value, digits = 1) {
  if (value === null || value === undefined) return "";
  return isPercent(row) ? (100 * value).toFixed(digits).replace("-", "−") : number(value);
}
const unitOf = (row) => (isPercent(row) ? " %" : "");

function intervalText(row) {
  if (row.mean === null) return "";
  if (row.interval === null) return "one seed";
  return `${scoreText(row, row.low)} – ${scoreText(row, row.high)}`;
}

function rankText(row) {
  if (row.rank_low === null || row.rank_low === undefined) return "";
  return row.rank_low === row.rank_high ? String(row.rank_low) : `${row.rank_low}–${row.rank_high}`;
}

// All that is known of a row's score, in words.
function scoreTitle(row) {
  if (row.mean === null) return row.no_null ? NO_NULL : "has no value adjusted for chance";
  const chance = chanceOf(row);
  return [`${row.name}: ${scoreText(row, row.mean, 2)}${unitOf(row)} by ${row.metric} · ${row.score}`, row.interval === null ? "one seed, no interval" : `${INTERVALS[row.interval]}: ${intervalText(row)}${unitOf(row)}`,
    plural(row.seeds, "seed"), rankText(row) ? `rank ${rankText(row)} of ${row.rank_of}` : row.unranked ? `no rank: ${row.unranked}` : null,
    chance === null ? (row.no_null ? "no null is recorded" : null) : `chance: ${scoreText(row, chance)}${unitOf(row)}`].filter(Boolean).join("\n");
}

// The interval, the mean, the value of each seed (of few), and a tick where chance is, on a scale.
function bar(row, [from, to]) {
  const at = (value) => 3 + 94 * Math.min(1, Math.max(0, (value - from) / (to - from)));
  const svg = make("svg", { class: "interval", viewBox: "0 0 100 14", "aria-hidden": "true" }, make("line", { class: "axis", x1: 3, x2: 97, y1: 7, y2: 7 }));
  const chance = chanceOf(row);
  if (row.interval === "t" || row.interval === "BCa") svg.append(make("rect", { class: "span", x: at(row.low), y: 4, width: Math.max(1, at(row.high) - at(row.low)), height: 6, rx: 2 }));
  if (chance !== null) svg.append(make("line", { class: "chance", x1: at(chance), x2: at(chance), y1: 1, y2: 13 }));
  if (row.seeds <= MOST_POINTS) svg.append(...row.runs.map((each) => valueOf(row, each)).filter((value) => value !== null).map((value) => make("circle", { class: "seed", cx: at(value), cy: 7, r: 1.7 })));
  svg.append(make("line", { class: "mean", x1: at(row.mean), x2: at(row.mean), y1: 2.5, y2: 11.5 }));
  return svg;
}

const badge = (text, kind = "", title = null) => make("span", { class: `badge ${kind}`, title }, text);
const under = (...parts) => make("span", { class: "under" }, ...parts);
const evidenceBadge = (row) => badge(row.evidence, `evidence-${row.evidence.replace(/[^a-z]/g, "-")}`);

// What limits what a configuration's scores say.
function configurationBadges(row) {
  return [
    row.collapsed ? badge(row.latents, "warning", "by the metric active_units") : null,
    row.seeds < 3 ? badge(plural(row.seeds, "seed"), "few", "too few for an interval or a rank") : null,
    row.evidence === "trained here" ? null : evidenceBadge(row),
    row.exact_factors.length && row.supervision === "none" ? badge("holds factors", "warning", `These codes hold ${row.exact_factors.join(", ")} exactly, with supervision none`) : null,
    row.equal_codes === null ? null : badge("equal codes", "warning", row.equal_codes),
  ].filter(Boolean);
}

// Whether a score is above chance, as far as that is known.
function chanceBadge(row) {
  if (row.no_null) return badge("no null", "no-null", NO_NULL);
  if (row.above_chance === false) return badge("not above chance", "not-above-chance");
  return row.above_chance === true ? badge("above chance", "above-chance") : null;
}

const thumbnailOf = (row) => row.runs.map((each) => board.runs[each.run].pictures.find((link) => link.endsWith("/visualize/thumbnail.png"))).find(Boolean) ?? null;
function thumbnail(row) {
  const link = thumbnailOf(row);
  return link === null ? null : make("img", { class: "thumbnail", src: board.embedded[link] ?? path(link), alt: `Latent traversals of a run of ${row.name}`, loading: "lazy" });
}

// Text for Tabulator, which takes titles of columns and groups as markup.
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const tableHeight = () => Math.max(360, innerHeight - 130); // of a table that scrolls

// Arrow keys go from row to row, also to those that are not in the document yet; `keyOf` names the row of a button.
async function moveInRows(event, table, keyOf) {
  const button = document.activeElement;
  if (!button.classList.contains("open") || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  event.preventDefault();
  const here = table.getRow(keyOf(button)), every = table.options.groupBy ? table.getGroups().flatMap((group) => group.getRows()) : table.getRows("active");
  const next = { ArrowDown: () => here.getNextRow(), ArrowUp: () => here.getPrevRow(), Home: () => every[0], End: () => every.at(-1) }[event.key]();
  if (!next) return;
  await next.scrollTo("nearest", false);
  const other = next.getElement().querySelector(".open");
  if (other.tabIndex < 0) [button.tabIndex, other.tabIndex] = [-1, 0]; // where Tab stops at one row only
  other.focus();
}

// Roles that a reader of the screen expects: Tabulator's heads of groups hold no row, and its scrolled box is no part of a grid.
function withRoles(table) {
  table.on("renderComplete", () => {
    table.element.querySelector(".tabulator-tableholder")?.removeAttribute("tabindex");
    for (const group of table.element.querySelectorAll(".tabulator-group")) {
      group.setAttribute("role", "row");
      group.querySelector(".group")?.setAttribute("role", "gridcell");
    }
  });
  return table;
}
