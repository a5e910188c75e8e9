"""Every page that is written, on a desk and on a phone, light and dark: axe finds nothing wrong with contrast and labels."""

import re

import pytest
from support import report_rows
from support.axe import DESK, PHONE, show, violations
from support.browser import browser, expect

from dlib_bvae import re_beta_vae

LOOKS = pytest.mark.parametrize(
    ("size", "dark"),
    [
        pytest.param(DESK, False, id="desk-light"),
        pytest.param(DESK, True, id="desk-dark", marks=pytest.mark.slow),
        pytest.param(PHONE, False, id="phone-light", marks=pytest.mark.slow),
        pytest.param(PHONE, True, id="phone-dark"),
    ],
)
SHOWN = """
const view = document.getElementById("view-" + arguments[0]);
return !view.hidden && view.innerText.trim() !== "";
"""


@pytest.fixture(scope="module")
def chromium():
    with browser(*DESK) as driver:
        yield driver


@LOOKS
def test_every_view_of_the_board_and_a_row_s_details(board, chromium, size, dark):
    views = re.findall(r'id="tab-([^"]+)"', board.read_text(encoding="utf-8"))
    assert len(views) >= 3
    found = []
    for view in views:
        show(chromium, f"{board.as_uri()}#view={view}", size, dark=dark)
        expect(chromium, lambda view=view: chromium.execute_script(SHOWN, view), True)
        found += [f"{view}: {each}" for each in violations(chromium)]
    show(chromium, f"{board.as_uri()}#view={views[0]}", size, dark=dark)
    opened = "document.querySelector('section:not([hidden]) .open').click()"
    expect(chromium, lambda: chromium.execute_script("return document.querySelector('main .open') !== null"), True)
    chromium.execute_script(opened)
    expect(chromium, lambda: chromium.execute_script("return document.querySelector('dialog').open"), True)
    found += [f"details: {each}" for each in violations(chromium)]
    assert not found, "\n".join(found)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    report_rows.whole_study().to_parquet(folder / "runs.parquet")
    (page,) = (
        path
        for path in re_beta_vae.write(folder / "runs.parquet", folder / "report", pictures=False)
        if path.suffix == ".html"
    )
    return page


@LOOKS
def test_the_report(report, chromium, size, dark):
    show(chromium, report.as_uri(), size, dark=dark)
    found = violations(chromium)
    assert not found, "\n".join(found)


@LOOKS
def test_a_run_s_page(drawn, chromium, size, dark):
    show(chromium, (drawn[1] / "index.html").as_uri(), size, dark=dark)
    loaded = "return [...document.images].every((image) => image.loading === 'lazy' || image.complete)"
    expect(chromium, lambda: chromium.execute_script(loaded), True)
    found = violations(chromium)
    assert not found, "\n".join(found)


BAD = """<!DOCTYPE html><html lang="en"><title>bad</title><main><h1>Bad</h1>
<p style="color: #aaa; background: #fff">pale</p><img src="data:,"><input></main></html>"""


def test_what_is_wrong_is_found_in_the_colours_that_are_shown(chromium, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(BAD, encoding="utf-8")
    show(chromium, page.as_uri(), DESK, dark=False)
    found = violations(chromium)
    assert {line.split(" ")[0] for line in found} == {"color-contrast", "image-alt", "label"}
    dark = "<style>p { color: #666 } @media (prefers-color-scheme: dark) { body { background: #555 } }</style>"
    page.write_text(f'<!DOCTYPE html><html lang="en"><title>x</title>{dark}<main><h1>x</h1><p>grey</p></main></html>')
    rules = {}
    for each in (False, True):
        show(chromium, page.as_uri(), PHONE, dark=each)
        rules[each] = {line.split(" ")[0] for line in violations(chromium)}
    assert ("color-contrast" in rules[False], "color-contrast" in rules[True]) == (False, True)
