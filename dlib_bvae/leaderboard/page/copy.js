// Copying: a button's text, the address, and how the board is cited.
// navigator.clipboard is there on https and localhost only; on http and files the older way takes over.
async function copyText(said, near) {
  try {
    await navigator.clipboard.writeText(said);
    return true;
  } catch {
    const field = make("textarea", { class: "hidden", readonly: true, "aria-hidden": "true" });
    field.value = said;
    near.after(field); // inside an open dialog, as nothing outside it can be selected
    field.select();
    try {
      return document.execCommand("copy");
    } catch {
      return false;
    } finally {
      field.remove();
      near.focus();
    }
  }
}

function copyButton(saidBy, label = "Copy") {
  const button = make("button", { type: "button", class: "copy", onclick: async () => {
    button.textContent = (await copyText(saidBy(), button)) ? "Copied" : "Copying failed: select the text";
    setTimeout(() => { button.textContent = label; }, 4000);
  } }, label);
  return button;
}

// Version, commit and fingerprints, and an entry for a bibliography, where the board has them.
function makeCite() {
  const link = copyButton(() => location.href, "Copy link");
  byId("tools").append(link);
  const { cite } = board;
  byId("cite").hidden = !cite;
  if (!cite) return;
  const prints = Object.entries(cite.fingerprints).map(([name, print]) => `${name} ${print.join(" ")}`).join(", ");
  byId("cite").append(make("p", {}, cite.text), facts([["version", cite.version], ["commit", cite.commit], ["date", cite.date], ["fingerprints", prints]]),
    make("div", { class: "command" }, make("h3", {}, "BibTeX"), copyButton(() => cite.bibtex), make("pre", { tabindex: "0" }, cite.bibtex)));
}

// Figures and tables next to the page.
const TABLES = [["CSV", "board.csv"], ["LaTeX", "board.tex"], ["Markdown", "board.md"], ["Parquet", "board.parquet"], ["JSON", "board.json"]];
function makeFiles() {
  const links = (entries) => entries.flatMap(([name, href], place) => [place ? " · " : "", make("a", { href: path(href) }, name)]);
  const figures = board.figures.map(({ title, ...formats }) => make("li", {}, `${title}: `, ...links(Object.entries(formats).map(([kind, href]) => [kind.toUpperCase(), href]))));
  byId("files").append(make("p", {}, "Tables: ", ...links(TABLES), board.note ? make("span", { class: "quiet" }, ` ${board.note}`) : ""),
    ...(figures.length ? [make("details", {}, make("summary", {}, "Figures for a paper"), make("ul", {}, ...figures))] : []));
}
