"use strict";
// A link to a picture that a switch hides shows it; buttons copy, also where a page has no clipboard of its own (http, files).
const say = (text) => { document.getElementById("said").textContent = text; };

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

async function copied(text, what) {
  say(await copy(text) ? `${what} copied.` : `${what} could not be copied; select it and copy by hand: ${text}`);
}

document.getElementById("copy-link").addEventListener("click", () => copied(location.href, "Link"));
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () => copied(document.getElementById(button.dataset.copy).textContent, "Citation"));
}
for (const input of document.querySelectorAll(".switch > input")) {
  input.addEventListener("change", () => history.replaceState(null, "", `#${input.id.replace("show-", "")}`));
}

function follow() {
  const input = document.getElementById(`show-${decodeURIComponent(location.hash.slice(1))}`);
  if (input) {
    input.checked = true;
    input.closest("section").scrollIntoView();
  }
}
addEventListener("hashchange", follow);
follow();
