// What stands in the search field, as terms, and whether a row has them.
const TERM = /"([^"]*)"?|([^\s"=]+)\s*=\s*([^\s"]+)|(\S+)/g;

// Lower case, with the same spaces around every "=".
function plainText(text) {
  return text.toLowerCase().replace(/[^\S\n]*=[^\S\n]*/g, " = ").replace(/[^\S\n]+/g, " ");
}

// '"ada gvae" β=4 mig' → ["ada gvae", "β = 4", "mig"]
function termsOf(text) {
  return [...text.matchAll(TERM)].map(([, quoted, name, value, word]) => (quoted ?? (name ? `${name} = ${value}` : word)).trim()).filter(Boolean);
}

const quoted = (term) => (/[\s=]/.test(term) ? `"${term}"` : term);
const searchOf = (terms) => terms.map(quoted).join(" ");

// A test of a row's text. A number at an end of a term ends there: "β = 4" is not in "β = 40" or "β = 4.5".
function testOf(term) {
  const plain = plainText(term), escaped = plain.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const starts = /^\d{1,4}(?!\d)/.test(plain) ? "(?<![\\w.])" : "", ends = /(?<![\w.])(\d{1,4}|\d*\.\d+)$/.test(plain) ? "(?![\\w]|\\.\\d)" : "";
  const found = new RegExp(starts + escaped + ends);
  return (row) => found.test(textOf(row));
}

// The terms as buttons that take them away.
function showChips() {
  const terms = termsOf(place.q);
  byId("chips").hidden = terms.length === 0;
  byId("chips").replaceChildren(...terms.map((term, at) => make("button", { type: "button", class: "chip", "aria-label": `Remove ${term}`,
    onclick: () => go({ q: searchOf(terms.filter((_, other) => other !== at)) }) }, term, make("span", { "aria-hidden": "true" }, " ×"))));
}

// A text that is searched for when it is clicked.
function searchChip(term) {
  return make("button", { type: "button", class: "chip", title: "search for it", onclick: () => {
    const terms = termsOf(place.q);
    go({ row: "", view: place.view === "summary" ? "summary" : "all", q: searchOf(terms.includes(term) ? terms : [...terms, term]) }, { step: true });
  } }, term);
}
