// One row's seeds, commands, pictures and configuration, in a dialog.
const path = (link) => link.split("/").map(encodeURIComponent).join("/");
const shell = (text) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const bindings = (settings) => Object.entries(settings).sort().map(([key, value]) => `--gin_bindings=${shell(`${key} = ${value}`)}`);
const line = (parts) => parts.join(" \\\n  ");

// Next to the run that is there: a stage that is done is not done again.
const again = (run) => `${run.directory}-again`;

function trainCommand(run) {
  const settings = { ...board.configs[run.config], ...run.own };
  if (Object.keys(settings).length === 0) return null;
  return line(["dlib_bvae_train", `--model_dir=${shell(again(run))}`, ...bindings(settings)]);
}

function evaluateCommand(row, run, from) {
  if (run.submission !== null) return `dlib_bvae_leaderboard verify ${shell(`submissions/${run.submission}`)}`;
  const evaluation = board.evaluations[row.evaluation];
  const settings = bindings({ ...evaluation.settings, ...evaluation.own[from] });
  if (evaluation.run_set) return line(["dlib_bvae_metrics", "rank", `--metric=${shell(row.metric)}`, ...settings, ...evaluation.run_set.map(shell)]);
  const external = run.source !== null ? `--codes=${shell(run.source)}` : run.saved_model !== null ? `--saved_model=${shell(run.saved_model)}` : null;
  const what = external === null ? [`--model_dir=${shell(again(run))}`] : [external, `--name=${shell(row.model)}`, `--training_seed=${run.seed}`];
  return line(["dlib_bvae_evaluate", `--metric=${shell(row.metric)}`, ...what, ...settings]);
}

function commandBox(title, text) {
  if (text === null) return null;
  return make("div", { class: "command" }, make("h3", {}, title), copyButton(() => text), make("pre", { tabindex: "0" }, text));
}

function facts(entries) {
  const present = entries.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return make("dl", {}, ...present.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function seedTable(row, chosen) {
  const head = make("tr", {}, ...["Seed", unitOf(row) ? "Score, %" : "Score", "Run"].map((text) => make("th", { scope: "col" }, text)));
  const body = row.runs.map((each, place) => make("tr", { class: place === chosen ? "chosen" : "" },
    make("td", { class: "number" }, String(each.seed)),
    make("td", { class: "number" }, scoreText(row, valueOf(row, each), 2)),
    make("td", {}, make("button", { type: "button", class: "open", "aria-pressed": String(place === chosen), onclick: () => fill(row, place) }, board.runs[each.run].path))));
  return make("table", { class: "seeds" }, make("thead", {}, head), make("tbody", {}, ...body));
}

function pictures(run) {
  const shown = run.pictures.map((link) => {
    const name = link.split("/").at(-1);
    const embedded = board.embedded[link], picture = make("img", { src: embedded ?? path(link), alt: `${name} of ${run.directory}`, loading: "lazy" });
    // What is embedded is there where the run directories are not, too.
    return make("figure", {}, embedded ? picture : make("a", { href: path(link) }, picture),
      make("figcaption", {}, name));
  });
  const more = run.page ? make("p", {}, make("a", { href: path(run.page) }, "All pictures of this run")) : null;
  return shown.length || more ? [make("h3", {}, "Pictures"), make("div", { class: "pictures" }, ...shown), more] : [];
}

function configuration(run) {
  const shared = Object.entries(board.configs[run.config] ?? {}), own = Object.entries(run.own);
  if (shared.length + own.length === 0) return [];
  const lines = (entries, note) => entries.sort().map(([key, value]) => make("tr", {}, make("th", { scope: "row" }, key), make("td", {}, value, note ? make("span", { class: "quiet" }, note) : null)));
  return [make("h3", {}, "Configuration"), make("div", { class: "scroll" }, make("table", { class: "settings" }, make("tbody", {},
    ...lines(own, shared.length ? "  this run's" : ""), ...lines(shared, ""))))];
}

// The same models under the same configuration on the same data: their other scores.
function otherScores(row) {
  const others = rows.filter((each) => each !== row && each.config === row.config && each.model === row.model && each.data === row.data && each.representation === row.representation && each.evidence === row.evidence);
  if (others.length === 0) return [];
  return [make("h3", {}, "Its other scores"), make("div", { class: "scroll" }, make("table", { class: "others" }, make("tbody", {}, ...others.map((each) => make("tr", {},
    make("td", {}, make("button", { type: "button", class: "open", onclick: () => go({ row: each.id }, { step: true }) }, each.axis)),
    make("td", { class: "number" }, each.mean === null ? "" : `${scoreText(each, each.mean)}${unitOf(each)}`), make("td", { class: "quiet" }, intervalText(each)))))))];
}

// What chance gives, and what a difference must be to count.
function chance(row) {
  const { null: given, smallest_difference: least } = row;
  const spread = given?.std === null || !given ? "" : ` ± ${scoreText(row, given.std, 2)}`;
  return [make("h3", {}, "Against chance"), row.no_null ? make("p", {}, `${NO_NULL[0].toUpperCase()}${NO_NULL.slice(1)}.`) : null, row.has_null ? null : make("p", {}, "This score has no null: chance cannot be measured by other matchings of codes and images."),
    facts([["null", given ? `${scoreText(row, given.mean, 2)}${spread}${unitOf(row)}` : ""], ["matchings", given ? String(given.n) : ""], ["z", number(given?.z)], ["above chance", { true: "yes", false: "no" }[row.above_chance] ?? row.chance_missing], ["p of chance", number(row.chance_p)],
      ["adjusted", number(given?.adjusted, 4)], ["adjusted to random_encoder", number(row.adjusted_random, 4)],
      ["smallest difference", `${differenceText(row)}${least.value === null || !unitOf(row) ? "" : " points"}`], ["of a standard deviation with", `${least.df} degrees of freedom`],
      ["active latents", row.latents ?? "not known: no result of active_units"]])];
}

// What a metric measures, and when it lies.
const helpOf = (metric) => board.metrics[metric] ?? null;

// Shows the row with the run in this place among its seeds.
function fill(row, place = 0) {
  const each = row.runs[place], run = board.runs[each.run], spread = row.std === null ? "" : `${scoreText(row, row.std, 2)}${unitOf(row)}`, limits = [...configurationBadges(row), chanceBadge(row)].filter(Boolean);
  const rank = rankText(row) ? `${rankText(row)} of ${row.rank_of}, ${SUPERVISIONS[row.supervision] ?? row.supervision}, ${row.budget}` : row.unranked ? `none: ${row.unranked}` : "";
  byId("details-body").replaceChildren(...[
    make("h2", { id: "details-title" }, row.name),
    make("p", { class: "quiet" }, `${titles.get(row.metric) ?? row.metric} (${row.axis}) on ${dataName(row)}`),
    thumbnail(row),
    make("p", {}, badge(row.origin, `origin-${row.origin}`), " ", evidenceBadge(row), " ", badge(SUPERVISIONS[row.supervision] ?? row.supervision, `supervision-${row.supervision.replace(/[^a-z]/g, "-")}`), ...limits.flatMap((one) => [" ", one])),
    make("p", { class: "chips" }, ...settingTexts(row).map(searchChip)),
    facts([[adjustedNow && row.has_null ? "adjusted mean" : "mean", row.mean === null ? "none" : `${scoreText(row, row.mean, 2)}${unitOf(row)}`], ["standard deviation", spread], [INTERVALS[row.interval] ?? "interval", row.interval === null ? "" : `${intervalText(row)}${unitOf(row)}`],
      ["rank", rank], ["IQM", scoreText(row, row.iqm, 2)], ["median", scoreText(row, row.median, 2)], ["normalised (0 random, 1 oracle)", number(row.normalised)], ["parameters", amount(row.parameters)], ["training", seconds(row.seconds)],
      ["budget", row.budget ?? ""], ["images seen", amount(row.images)], ["images scored", row.num_images.toLocaleString("en")]]),
    make("div", { class: "alone" }, row.mean === null ? "" : bar(row, scalesOf([row]).get(row.compared))),
    helpOf(row.metric) ? make("p", { class: "help" }, helpOf(row.metric)) : null, ...chance(row),
    make("h3", {}, row.seeds === 1 ? "One seed" : `${row.seeds} seeds`), row.equal_codes === null ? null : make("p", {}, `Equal codes: ${row.equal_codes}.`), make("div", { class: "scroll" }, seedTable(row, place)),
    commandBox("Train it again", trainCommand(run)), commandBox("Score it again", evaluateCommand(row, run, each.paths[0])),
    ...pictures(run), ...configuration(run), ...otherScores(row),
    facts([["submission", run.told], ["paper", run.paper], ["code", run.code], ["model", row.model], ["method", row.method], ["representation", row.representation], ["fingerprint", row.fingerprint], ["data version", String(row.data_version)], ["metric version", String(row.metric_version)], ["configuration", row.config],
      ["started", run.started], ["device", run.device], ["package", run.package_version], ["commit", run.git_commit], ["result", each.paths.join(", ")]]),
  ].filter(Boolean));
}

function showDetails() {
  const dialog = byId("details"), row = rowById.get(place.row);
  if (!row) {
    if (dialog.open) dialog.close();
    return;
  }
  if (dialog.dataset.row === row.id && dialog.open) return;
  dialog.dataset.row = row.id;
  fill(row);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function makeDetails() {
  const dialog = byId("details"), shut = () => { if (place.row) go({ row: "" }, { step: true }); };
  dialog.addEventListener("close", shut); // Escape closes a dialog by itself
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  byId("close").addEventListener("click", () => dialog.close());
}
