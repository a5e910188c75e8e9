// Agreement: how far scores order the runs of one data set alike.
function showAgreement() {
  const of = adjustedNow ? board.agreement_adjusted : board.agreement, key = (each) => dataKey(each);
  const chosen = of.find((each) => key(each) === place.data) ?? of[0];
  if (!chosen) return byId("agreement").replaceChildren(make("p", {}, adjustedNow ? "No run has two scores with a null." : "There are reference rows only, so there is nothing to correlate."));
  const select = make("select", { onchange: (event) => go({ data: event.target.value }) });
  options(select, of.map((each) => [key(each), dataName(each)]), key(chosen));
  byId("agreement-of").replaceChildren(make("label", {}, "Data set", select));
  const head = make("tr", {}, make("th", { scope: "col" }, "Spearman's ρ over runs"),
    ...chosen.scores.map((name, place) => make("th", { scope: "col", title: name }, make("span", { "aria-hidden": "true" }, String(place + 1)), make("span", { class: "hidden" }, name))));
  const lines = chosen.scores.map((name, line) => make("tr", {}, make("th", { scope: "row" }, make("span", { class: "quiet" }, `${line + 1} `), make("span", { title: name }, withoutNone(name))),
    ...chosen.spearman[line].map((value, place) => cellOf(value, `${name} and ${chosen.scores[place]}`, chosen.runs[line][place]))));
  const table = make("table", { class: "heat" }, make("thead", {}, head), make("tbody", {}, ...lines));
  byId("agreement").replaceChildren(make("p", { class: "quiet" }, "1: two scores order the runs alike, −1: in opposite ways. Empty: fewer than three runs have both, or a score is the same in all. Reference rows do not count."), table);
}

// "beta_vae.eval_accuracy (batch_size=64, factors=None)" without what says nothing.
const withoutNone = (name) => name.replace(/, [\w.]+=None(?=[,)])/g, "").replace(/\([\w.]+=None, /, "(").replace(/ \([\w.]+=None\)$/, "");

function cellOf(value, names, runs) {
  const cell = make("td", { title: `${names}: ${value === null ? "no value" : value.toFixed(3)}, ${runs ?? 0} runs` }, value === null ? "" : value.toFixed(2).replace("-", "−"));
  if (value !== null) {
    cell.style.setProperty("--strength", `${Math.round(Math.abs(value) * 78)}%`);
    cell.className = value < 0 ? "against" : "alike";
  }
  return cell;
}
