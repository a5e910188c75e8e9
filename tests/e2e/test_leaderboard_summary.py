"""The leaderboard's first view in a headless Chromium: who leads, and how surely, read in ten seconds; print and http."""

import base64
import functools
import http.server
import re
import runpy
import threading
from pathlib import Path

import pytest
from support import fixture_board
from support.browser import browser, console_errors
from support.leaderboard_reader import Reader

from dlib_bvae.analysis.frame import collect
from dlib_bvae.leaderboard.board import build, main_part
from dlib_bvae.leaderboard.page import page

STUDY = Path(__file__).parents[2] / "benchmarks" / "results" / "re_beta_vae_small" / "runs.tar.xz"
DESK, PHONE = (1400, 900), (390, 844)
ROWS_A_SHEET = 30  # of all scores, at least


def written(board, folder):
    """The page of a board as the command writes it, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(page(main_part(board), folder), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def fixture_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fixture")
    return written(fixture_board.board(folder), folder / "board")


@pytest.fixture(scope="module")
def study_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    runpy.run_path(str(STUDY.parents[2] / "study_results.py"))["unpack"](STUDY, folder / "runs")
    frame, _ = collect(folder / "runs")
    return written(build(frame, folder / "runs", folder / "board"), folder / "board")


@pytest.fixture(scope="module")
def chromium():
    with browser(*DESK) as driver:
        yield driver


@pytest.fixture
def reader(chromium, fixture_page):
    console_errors(chromium)
    yield Reader(chromium, fixture_page)
    assert console_errors(chromium) == []


def answered(reader):
    """The text of #answer."""
    (text,) = reader.shows("#answer", lambda texts: texts and texts[0])
    return " ".join(text.split())


@pytest.mark.parametrize(("width", "height"), [DESK, PHONE])
def test_ten_seconds_on_the_fixture_board(reader, width, height):
    text = answered(reader.open(width=width, height=height))
    assert reader.inside("#answer")
    assert re.search(r"On dsprites_rendered, β-VAE β = 4 · \w+ leads by the β-VAE metric with 85\.\d %", text)
    assert re.search(r"\(95 % interval 8\d\.\d … 8\d\.\d %, 5 seeds\)", text)
    assert "1 other is within noise of it" in text
    assert re.search(r"beats PCA \(76\.\d %\) by 9\.\d points \(95 % interval \d\.\d … 1\d\.\d points\)", text)
    assert re.search(r"Of methods that learn from pairs of images, Ada-GVAE .* leads with 9\d\.\d %", text)


@pytest.mark.parametrize(("width", "height"), [DESK, PHONE])
def test_ten_seconds_on_the_committed_study(chromium, study_page, width, height):
    reader = Reader(chromium, study_page)
    text = answered(reader.open(width=width, height=height))
    assert reader.inside("#answer")
    assert (
        "On dsprites_rendered after 1,200 steps of 256, β-VAE β = 10 · higgins leads by the β-VAE metric with 83.8 %"
        in text
    )
    assert re.search(r"\(95 % interval 79\.\d … 88\.\d %, 4 seeds\); 3 others are within noise of it", text)
    assert "does not beat PCA (76.5 %): the difference of 7.4 points is within noise" in text
    assert "no nulls are recorded, so whether scores are above chance is not known" in text
    assert "no reference row of noise, random encoder and oracle" in text
    options = reader.run("return [...document.querySelectorAll('#summary-data option')].map((each) => each.value)")
    reader.choose("#summary-data", options[1])
    text = reader.expect(lambda: answered(reader), lambda said: "after 4,000 steps of 64" in said)
    assert "β-VAE β = 4 · burgess leads by the β-VAE metric with 80.4 %" in text
    assert "higgins" not in " ".join(reader.texts("#summary-table .open"))
    reader.choose("#summary-data", options[2])
    text = reader.expect(lambda: answered(reader), lambda said: "mpi3d_toy_rendered" in said)
    assert "range of 2 seeds" in text
    assert "whether that lead is more than noise is not known" in text


def test_a_row_a_configuration_and_a_column_a_metric(reader):
    reader.open()
    heads = "#summary-table .tabulator-col .tabulator-col-title"
    titles = [text.split("\n")[0] for text in reader.shows(heads, lambda texts: len(texts) == 6)]
    assert titles[:3] == ["Configuration", "β-VAE metric, % ↑", "FactorVAE metric, % ↑"]
    assert titles[-1] == "reconstruction error ↓"
    groups = reader.texts("#summary-table .tabulator-group")
    assert groups == ["Unsupervised", "Learns from pairs of images", "Reference rows, not ranked"]
    names = reader.texts("#summary-table .open")
    assert len(names) == len(set(names)) == len(fixture_board.KINDS)
    assert set(names[-4:]) == {"PCA", "oracle", "random encoder", "noise"}
    reader.shows("#summary-table .badge", ["collapsed: 1 of 10 latents active"])
    cells = reader.run(
        "return [...document.querySelectorAll('#summary-table [data-cell]')].map((each) => each.dataset.cell)"
    )
    assert len(cells) == len(set(cells)) == 4 * len(fixture_board.KINDS) + 9
    assert all(re.fullmatch(r"dsprites_rendered/\w+/\w+", cell) for cell in cells)


def test_the_best_and_what_is_tied_with_it_are_bold_and_have_ranks_and_chance_is_a_tick(reader):
    reader.open()
    first = "[...document.querySelectorAll('#summary-table [data-cell$=\"/beta_vae\"]')]"
    name = "each.closest('.tabulator-row').querySelector('.open').innerText.split(' · ')[0]"
    bold = f"return {first}.filter((each) => each.querySelector('strong')).map((each) => {name})"
    reader.expect(lambda: reader.run(bold), ["β-VAE β = 4", "FactorVAE γ = 10", "Ada-GVAE β = 1"])
    assert reader.run(f"return {first}.map((each) => each.querySelector('.rank').innerText)")[:3] == [
        "1–2",
        "1–2",
        "3–4",
    ]
    drawn = "[each.querySelectorAll('.chance').length, each.querySelectorAll('.seed').length].join()"
    assert set(reader.run(f"return {first}.map((each) => {drawn})")) == {"1,5"}
    reader.shows("#summary-table [data-cell$='/beta_vae'] > .under", ["not above chance", "not above chance"])


def test_adjusted_metric_and_data_set_are_chosen_and_kept_in_the_address(reader):
    reader.open()
    value = "#summary-table [data-cell$='/beta_vae'] .value, #summary-table [data-cell$='/beta_vae'] strong"
    reader.shows(value, lambda texts: texts and texts[0].startswith("85."))
    reader.click("#adjusted")
    reader.shows(value, lambda texts: texts and texts[0] == "82.0")  # (0.859 − 0.219) / 0.781
    reader.click("#adjusted")
    reader.choose("#summary-by", "mig")
    reader.at("by=mig")
    assert "leads by MIG" in reader.expect(lambda: answered(reader), lambda said: "MIG" in said)
    reader.choose("#summary-data", "shapes3d_rendered@55555555")
    reader.at("data=shapes3d_rendered")
    text = reader.expect(lambda: answered(reader), lambda said: "shapes3d" in said)
    for said in (
        "range of 2 seeds",
        "no PCA is scored",
        "no nulls are recorded",
        "3 configurations have fewer than 3 seeds",
    ):
        assert said in text
    reader.shows("#summary-table .badge", ["2 seeds"] * 3)
    reader.driver.refresh()
    reader.expect(lambda: answered(reader), text)


def test_search_by_a_chip_finds_a_whole_number_only(reader):
    reader.open('#q="β = 4"')
    names = reader.shows("#summary-table .open", lambda texts: 0 < len(texts) < 10)
    assert {name for name in names if "β = 4" in name}
    assert not any("β = 40" in name for name in names)
    reader.open("#q=β=40")
    reader.shows("#summary-table .open", lambda texts: [name for name in texts if "β" in name and "= 40" in name])
    reader.open("#row=" + reader.run("return document.querySelector('#summary-table [data-row]').dataset.row"))
    reader.click("dialog .chip")
    reader.at("q=", "-row=")
    reader.until("!document.querySelector('dialog').open")


def test_what_metrics_ask_how_ranks_are_made_files_and_a_citation_stand_below(reader):
    reader.open()
    reader.shows("#ranks", lambda texts: "Tukey–Kramer" in texts[0])
    reader.click("#help summary")
    reader.shows("#help dt", lambda texts: texts[0] == "β-VAE metric beta_vae")
    links = reader.run("return [...document.querySelectorAll('#files a')].map((each) => each.getAttribute('href'))")
    assert links[:3] == ["board.csv", "board.tex", "board.md"]
    reader.click("#cite summary")
    reader.shows("#cite pre", lambda texts: texts[0].startswith("@software{dlib_bvae"))


@pytest.fixture
def long_page(tmp_path):
    """The fixture's page with every configuration on it in COPIES versions, which differ in name and hash."""
    board = main_part(fixture_board.board(tmp_path / "fixture"))
    copy = lambda row, k: {
        **row,
        "id": f"{row['id']}{k}",
        "config": f"{row['config']}{k}",
        "name": f"{row['name']} no {k}",
    }
    rows = [copy(row, k) for row in board["rows"] for k in range(COPIES)]
    for place in board["summary"]:
        for column in place["columns"]:
            column["rows"] = [f"{name}{k}" for name in column["rows"] for k in range(COPIES)]
    configs = {f"{name}{k}": shared for name, shared in board["configs"].items() for k in range(COPIES)}
    return written({**board, "rows": rows, "configs": configs}, tmp_path / "board")


COPIES = 20


def test_of_hundreds_of_configurations_those_in_sight_are_drawn_and_keys_reach_all(chromium, long_page):
    from selenium.webdriver.common.keys import Keys

    reader = Reader(chromium, long_page).open(width=1400, height=900)
    lines = COPIES * len(fixture_board.KINDS)
    reader.shows("#summary-count", lambda texts: texts[0].startswith(f"{lines} configurations"))
    drawn = len(reader.shows("#summary-table .open", lambda texts: texts and texts[0]))
    assert drawn < lines / 2
    reader.run("document.querySelector('#summary-table .open').focus()")
    focused = lambda: reader.run("return document.activeElement.innerText")
    first = focused()
    reader.keys(Keys.END)
    reader.until("document.activeElement.closest('.tabulator-row.reference') !== null")
    reader.keys(Keys.HOME)
    reader.expect(focused, first)
    reader.keys(Keys.ARROW_DOWN)
    reader.expect(lambda: focused() not in ("", first), True)


def pages_of(driver):
    """How many sheets the page prints on."""
    content = base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    return len(re.findall(rb"/Type\s*/Page\b", content))


def test_print_has_all_filtered_rows_on_few_sheets(reader):
    reader.open("#view=all&data=dsprites_rendered@dddddddd")
    (count,) = reader.shows("#count", lambda texts: "of" in texts[0])
    rows = int(count.split()[0])
    reader.run(
        "window.printed = null;"
        "addEventListener('beforeprint', () => { const table = document.querySelector('.tabulator-print-table');"
        "const count = (css) => table.querySelectorAll(css).length;"
        "window.printed = [count('tbody tr'), count('thead th'), table.innerText]; })"
    )
    assert 1 < pages_of(reader.driver) <= -(-rows // ROWS_A_SHEET)
    lines, heads, text = reader.run("return window.printed")
    assert (lines, heads) == (rows, len(reader.texts("#all-table .tabulator-col .tabulator-col-title")))
    assert text.count(" – ") >= rows - 10  # intervals
    reader.expect(lambda: reader.run("return document.querySelectorAll('.tabulator-print-table').length"), 0)
    reader.open("#view=summary")
    reader.shows("#summary-table .open", lambda texts: len(texts) > 10)
    assert pages_of(reader.driver) == 1


@pytest.fixture
def address(fixture_page):
    """The page on http, where there is no navigator.clipboard but on localhost."""
    handler = functools.partial(Quiet, directory=fixture_page.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that says nothing."""

    def log_message(self, format, *args):
        """Says nothing."""


def test_copying_works_without_the_clipboard_of_secure_pages_and_says_when_it_fails(reader, address):
    reader.page = address
    reader.open()
    reader.run(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined }); window.copied = [];"
        "document.addEventListener('copy', () => window.copied.push(document.activeElement.value));"
    )
    reader.click("#tools .copy")
    reader.shows("#tools .copy", ["Copied"])
    assert reader.run("return window.copied") == [reader.run("return location.href")]
    reader.click("#summary-table .open")
    reader.click("dialog .command .copy")
    reader.shows("dialog .command .copy", lambda texts: texts and texts[0] == "Copied")
    assert reader.run("return window.copied[1]") == reader.run(
        "return document.querySelector('dialog .command pre').innerText"
    )
    reader.run("document.execCommand = () => false")
    reader.click("#close")
    reader.shows("#tools .copy", ["Copy link"])
    reader.click("#tools .copy")
    reader.shows("#tools .copy", ["Copying failed: select the text"])
