// Summary: one data set, a row a configuration, a column a metric.
function showSummary(found) {
  byId("summary-table").replaceChildren(make("p", { class: "quiet" }, `${found.length} rows.`));
}
