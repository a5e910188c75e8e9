// Path: one method over its β, a metric against β and against reconstruction.
function showPath(found) {
  byId("path").replaceChildren(make("p", { class: "quiet" }, `${found.length} rows.`));
}
