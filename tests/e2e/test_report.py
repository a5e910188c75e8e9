"""The report in a browser, at the width of a desk and of a phone."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support import report_rows
from support.browser import browser, console_errors, expect

from dlib_bvae.re_beta_vae.figures import Gallery


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    report_rows.whole_study().to_parquet(folder / "runs.parquet")
    picture = io.BytesIO()
    Image.fromarray(np.zeros((200, 900, 3), np.uint8)).save(picture, "PNG")  # wider than a phone
    gallery = Gallery(folder / "report" / "figures", draw=True)
    gallery.picture("figure_4_dsprites_rendered_MLP_4-VAE.png", "a run", "tiles", "a run", picture.getvalue)
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
        assert len(headings) == 17
        boxes = run(
            "return [...document.querySelectorAll('.scroll')].map(each => [each.scrollWidth, each.clientWidth])"
        )
        assert len(boxes) >= 10
        assert any(inside > outside for inside, outside in boxes) == (width == 390)
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


def _contrast(one, other):
    """WCAG 2's contrast ratio of two sRGB colours."""
    lights = []
    for colour in (one, other):
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in np.array(colour[:3]) / 255
        ]
        lights.append(float(np.dot(linear, [0.2126, 0.7152, 0.0722])) + 0.05)
    return max(lights) / min(lights)
