"""A reader of the leaderboard's page in tests, and the runs that it reads about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from support.browser import expect
from support.leaderboard_runs import bring, null_of, score, train

HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
FORMULA = '=HYPERLINK("http://example.org";"click")'
TICKS = 'it\'s `$(touch taken)` "quoted" %s é'
METHODS = {"beta_vae": "@vae()", "ada": "@ada_gvae()", "labelled": "@s2_vae()", "reference": "@random_encoder()"}
SEEDS = 3


def fill(root: Path) -> None:
    """Runs of METHODS on two data sets, a submission, and runs with names that could do harm."""
    for dataset, fingerprint in {"dsprites_rendered": "a" * 16, "dsprites_full": "b" * 16}.items():
        for place, (name, method) in enumerate(METHODS.items()):
            for seed in range(SEEDS):
                config = {"model.name": name, "model.model": method, "model.optimizer": "@adam", "adam.beta1": 0.9}
                encoded = train(
                    root,
                    f"{dataset} {name} {seed}",
                    seed=seed,
                    config=config,
                    dataset=dataset,
                    fingerprint=fingerprint,
                    num_parameters=1000 * (place + 1),
                )
                value = 0.2 * (place + 1) + 0.01 * seed
                scores = {"discrete_mig": value}
                # beta_vae is as good as chance there
                null = null_of("mig", scores, 0.21 if name == "beta_vae" else 0.02, seed=seed)
                score(encoded, "mig", scores, **(null if dataset == "dsprites_full" else {}))
                score(encoded, "reconstruction_error", {"squared_error": 10 - place + 0.1 * seed})
    told = {"method": "PCA", "supervision": "none", "evidence": "recomputed", "exact_factors": ["shape"]}
    score(bring(root, "submitted", "codes.npy", told), "mig", {"discrete_mig": 0.3})
    exported = bring(root, "exported", saved_model="my models/exported", seed=3, num_latents=10)
    score(exported, "mig", {"discrete_mig": 0.2})
    score(exported, "active_units", {"active_units": 1}, {"threshold": 0.01})
    for name in (HOSTILE, FORMULA, TICKS):
        encoded = train(root, f"odd #{len(name)}", config={"model.name": name, "note.text": name})
        score(encoded, "mig", {"discrete_mig": 0.5})


class Reader:
    """The open page, a path or an address: what it shows, and hands on mouse and keyboard."""

    def __init__(self, driver, page):
        self.driver, self.page = driver, page
        self.run: Callable = driver.execute_script

    def open(self, place="", width=1280, height=900, dark=False):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        self.driver.get("about:blank")
        self.driver.get(f"{self.page if isinstance(self.page, str) else self.page.as_uri()}{place}")
        self.shows("#about", lambda texts: texts and texts[0])  # which the script fills in
        return self

    def expect(self, ask, wanted):
        """Waits until `ask()` gives `wanted`, a value or a condition on it; see browser.expect."""
        return expect(self.driver, ask, wanted)

    def shows(self, css, wanted):
        """Waits until the texts of `css` are `wanted`, or until there are some of which `wanted` is true."""
        # A table that is made anew has no texts for a moment.
        condition = (lambda texts: texts and wanted(texts)) if callable(wanted) else wanted
        return self.expect(lambda: self.texts(css), condition)

    def until(self, question):
        """Waits until the JavaScript expression `question` is true."""
        self.expect(lambda: (question, self.run(f"return Boolean({question})")), (question, True))

    def at(self, *parts):
        """Waits until the address has each of `parts`, and none of those that begin with "-"."""
        self.expect(
            self.place, lambda place: all(each in place if each[0] != "-" else each[1:] not in place for each in parts)
        )

    def texts(self, css):
        return self.run("return [...document.querySelectorAll(arguments[0])].map((each) => each.innerText.trim())", css)

    def click(self, css):
        self.expect(lambda: self.driver.find_element("css selector", css).is_displayed(), True)
        self.driver.find_element("css selector", css).click()

    def choose(self, css, value):
        self.until(f"document.querySelector({json.dumps(css)}) !== null")
        self.run(
            "const field = document.querySelector(arguments[0]); field.value = arguments[1];"
            "field.dispatchEvent(new Event('change', {bubbles: true}));",
            css,
            value,
        )

    def keys(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def inside(self, css):
        """Whether the whole element is inside the viewport."""
        return self.run(
            "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return box.height > 0 && box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth",
            css,
        )

    def place(self):
        return self.run("return location.hash")

    def colour(self):
        return self.run("return getComputedStyle(document.documentElement).backgroundColor")

    def scrolls_sideways(self):
        return self.run("return document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth")
