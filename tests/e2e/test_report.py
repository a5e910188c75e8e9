"""The report in a browser, at the width of a desk and of a phone, in print and over http."""

import functools
import http.server
import subprocess
import sys
import threading

import numpy as np
import pytest
from matplotlib.figure import Figure
from support import report_rows
from support.browser import browser, console_errors, expect

from dlib_bvae.re_beta_vae.gallery import Gallery


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    report_rows.whole_study().to_parquet(folder / "runs.parquet")
    gallery = Gallery(folder / "report" / "figures", draw=True)
    wide = lambda: Figure(figsize=(12, 2))  # wider than a phone
    gallery.picture("figure_4_dsprites_rendered_MLP_4-VAE", "a run", "tiles", "a run", wide)
    command = [
        sys.executable,
        "-m",
        "dlib_bvae",
        "report",
        "--results=runs.parquet",
        "--output=report",
        "--no_pictures",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "report" / "report.html"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_in_a_browser(page, width):
    with browser(width, 900) as driver:
        driver.get(page.as_uri())
        run = driver.execute_script
        assert run("return document.compatMode") == "CSS1Compat"
        expect(driver, lambda: run("return window.innerWidth"), width)
        assert run("return document.scrollingElement.scrollWidth") <= width
        asked = "return [...document.images].map(each => [each.naturalWidth, each.clientWidth, each.alt])"
        pictures = expect(driver, lambda: run(asked), lambda found: found and all(natural > 0 for natural, *_ in found))
        assert len(pictures) == 3
        assert all(0 < shown <= width and alt for _, shown, alt in pictures)
        headings = run("return [...document.querySelectorAll('h2')].map(each => each.textContent)")
        assert len(headings) == 18
        boxes = run(
            "return [...document.querySelectorAll('.scroll')].map(each => [each.scrollWidth, each.clientWidth])"
        )
        assert len(boxes) >= 10
        assert any(inside > outside for inside, outside in boxes) == (width == 390)
        answer, first = run(
            "return ['#answer', '#verdicts .verdict'].map(each => document.querySelector(each).getBoundingClientRect().bottom)"
        )
        assert 0 < answer < first < 900  # what holds is on the first screen
        inside, outside = run(
            "const box = document.querySelector('#verdicts').parentElement; return [box.scrollWidth, box.clientWidth]"
        )
        assert inside <= outside
        loaded = run("return performance.getEntriesByType('resource').map(each => each.name)")
        assert all(name.startswith("data:") for name in loaded)
        assert console_errors(driver) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(page, scheme):
    with browser(1280, 900) as driver:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        driver.get(page.as_uri())
        expect(
            driver,
            lambda: driver.execute_script(f"return matchMedia('(prefers-color-scheme: {scheme})').matches"),
            True,
        )
        colours = driver.execute_script(
            "const of = (what, name) => getComputedStyle(document.querySelector(what))[name].match(/[0-9]+/g).map(Number);"
            "return [of('body', 'color'), of('body', 'backgroundColor'), of('.note', 'color'), of('figure', 'backgroundColor')]"
        )
        ink, ground, quiet, card = colours
        assert (sum(ground) > sum(ink)) == (scheme == "light")
        assert card == [255, 255, 255]
        assert min(_contrast(ink, ground), _contrast(quiet, ground)) >= 4.5


def test_print_hides_what_cannot_be_pressed_and_keeps_headings_with_what_follows(page):
    with browser(1280, 900) as driver:
        driver.get(page.as_uri())
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        expect(driver, lambda: driver.execute_script("return matchMedia('print').matches"), True)
        style = lambda what, name: driver.execute_script(
            "return [...new Set([...document.querySelectorAll(arguments[0])].map(e => getComputedStyle(e)[arguments[1]]))]",
            what,
            name,
        )
        assert style("nav, .files, button", "display") == ["none"]
        assert style("h2, h3, .caption", "breakAfter") == ["avoid"]
        assert style("figure, tr", "breakInside") == ["avoid"]
        assert style(".figures, .tables", "display") == ["block"]  # a break between columns would ignore the others


@pytest.mark.parametrize(("works", "said"), [(True, "Copied"), (False, "Not copied: select the text and copy it")])
def test_copy_over_http_and_where_nothing_can_be_copied(page, works, said):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=page.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, browser(1280, 900) as driver:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        driver.get(f"http://127.0.0.1:{server.server_port}/{page.name}")
        run = driver.execute_script
        run(
            "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
        )  # as on http that is not of this machine
        run("document.addEventListener('copy', () => { window.copied = String(getSelection()); })")
        if not works:
            run("document.execCommand = () => false")
        driver.find_element("css selector", "button[data-copy]").click()
        expect(driver, lambda: run("return document.querySelector('button[data-copy]').textContent"), said)
        if works:
            assert "@software{dlib_bvae," in run("return window.copied")
        for kind in ("svg", "pdf", "png"):
            asked = "const done = arguments[1]; fetch(arguments[0]).then(each => done(each.status))"
            assert driver.execute_async_script(asked, f"figures/figure_3.{kind}") == 200
        server.shutdown()


def _contrast(one, other):
    """WCAG 2's contrast ratio of two sRGB colours."""
    lights = []
    for colour in (one, other):
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in np.array(colour[:3]) / 255
        ]
        lights.append(float(np.dot(linear, [0.2126, 0.7152, 0.0722])) + 0.05)
    return max(lights) / min(lights)
