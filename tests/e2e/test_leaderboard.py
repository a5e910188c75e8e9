"""The leaderboard as it is read: all scores and a row's details in a headless Chromium, from a file, without a network."""

import functools
import json
import subprocess

import pytest
from support.browser import browser, console_errors
from support.leaderboard_reader import FORMULA, HOSTILE, METHODS, TICKS, Reader
from support.leaderboard_runs import score, train

from dlib_bvae import leaderboard
from dlib_bvae.artifacts import config_dict
from dlib_bvae.leaderboard import figures


@pytest.fixture(scope="module")
def chromium():
    with browser(1280, 900) as driver:
        driver.execute_cdp_cmd("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        yield driver


@pytest.fixture
def reader(chromium, board):
    console_errors(chromium)
    yield Reader(chromium, board)
    assert console_errors(chromium) == []
    assert chromium.execute_script("return performance.getEntriesByType('resource').length") == 0


OPEN, CLOSED = "document.querySelector('dialog').open", "!document.querySelector('dialog').open"
NAMES, MEANS, RANKS, METRICS = (
    f"#all-table .tabulator-row .tabulator-cell[tabulator-field={name}]" for name in ("name", "mean", "rank", "metric")
)
BUTTONS = "#all-table .tabulator-row .open"
EVERY = {"S²-VAE", "Ada-GVAE", "β-VAE β = 4", "random encoder"}  # on dsprites_full
RENDERED = "β-VAE β = 4 · beta1 = 0.9"  # there a configuration without that setting stands next to it


def test_the_command_writes_the_board(command, tmp_path):
    score(train(tmp_path / "runs", "run"), "mig", {"discrete_mig": 0.5})
    done = command(tmp_path, "dlib_bvae_leaderboard")
    assert done.returncode == 0, done.stderr
    names = ["board.json", "board.csv", "board.parquet", "board.md", "board.tex", "versions.json", "index.html"]
    said = done.stdout.splitlines()
    assert said[3] == "β-VAE β = 4    50 (1)"
    assert said[-len(names) :] == [f"board/{name}" for name in names]
    board = json.loads((tmp_path / "board" / "board.json").read_text(encoding="utf-8"))
    assert board["runs"][0]["directory"] == "runs/run"
    refused = command(tmp_path, "dlib_bvae_leaderboard", "--results=nowhere")
    assert refused.returncode == 2
    assert "there is no directory nowhere" in refused.stderr
    refused = command(tmp_path, "dlib_bvae_leaderboard", "verify", "nowhere")
    assert refused.returncode == 2
    assert "nowhere is no submission: it lacks meta.json" in refused.stderr


def test_a_head_sorts_and_says_so(reader):
    reader.open("#view=table&metric=mig&data=dsprites_full@bbbbbbbb")  # the view's former name
    head = "#all-table .tabulator-col[tabulator-field=mean]"
    sort = f"return document.querySelector('{head}').getAttribute('aria-sort')"
    for direction, order in (("descending", -1), ("ascending", 1)):
        reader.click(f"{head} .tabulator-col-title")
        reader.expect(lambda: reader.run(sort), direction)
        shown = reader.shows(MEANS, lambda texts: len(texts) == len(METHODS))
        above = [float(text.split()[0]) for text in shown[:3]]
        assert above == sorted(above, key=lambda mean: order * mean)
        assert shown[3].startswith("21.")  # what is not above chance is in no order before others
    reader.at("sort=mean&dir=asc")
    reader.click("#all-table .tabulator-col[tabulator-field=name] .tabulator-col-title")
    reader.shows(BUTTONS, sorted(EVERY, key=str.casefold))


def test_versions_of_a_metric_and_of_a_data_set_are_told_apart(chromium, tmp_path, monkeypatch):
    for seed in range(3):
        encoded = train(tmp_path / "runs", f"run{seed}", seed=seed, data_version=1 + seed // 2)
        for version in (1, 2):
            scores = {"disentanglement": 0.1 * version}
            score(encoded, "dci_lasso", scores, {"alpha": 0.02}, seed=version, metric_version=version)
    monkeypatch.setattr(figures, "files_of", lambda board: ({}, []))
    (path,) = (path for path in leaderboard.run(tmp_path / "runs", tmp_path / "board") if path.suffix == ".html")
    reader = Reader(chromium, path)
    reader.open("#view=all")
    newest_first = [f"dci_lasso\ndisentanglement · version {version} ↑" for version in (2, 1, 2, 1)]
    reader.shows(METRICS, newest_first)
    reader.shows(MEANS, ["20.0 %", "10.0 %", "20.0 ± 0.0 %", "10.0 ± 0.0 %"])
    options = [f"dsprites_rendered version {version}" for version in (1, 2)]
    reader.open("#view=summary")
    reader.shows("#summary-data option", options)
    reader.shows("#summary-count", ["1 configuration on dsprites_rendered version 1, whose images are rendered"])
    reader.shows("#summary-table .tabulator-row .value", ["20.0"])
    reader.choose("#summary-data", "dsprites_rendered@ffffffff@2")
    reader.shows("#summary-count", ["1 configuration on dsprites_rendered version 2, whose images are rendered"])


def test_what_has_no_value_stands_last_in_both_orders(reader):
    interval = "#all-table .tabulator-row .tabulator-cell[tabulator-field=interval]"
    for direction in ("desc", "asc"):
        reader.open(f"#view=all&metric=mig&sort=interval&dir={direction}")
        intervals = reader.shows(interval, lambda texts: texts[-5:] == ["one seed"] * 5)
        assert "one seed" not in intervals[:-5]


@pytest.mark.parametrize(
    ("field", "value", "names"),
    [
        ("#filter-data", "dsprites_full@bbbbbbbb", EVERY),
        ("#filter-origin", "official", EVERY),
        (
            "#filter-method",
            "ada_gvae",
            {"Ada-GVAE", "random encoder"},
        ),  # reference rows of what is shown are always there
        ("#filter-supervision", "labels", {"S²-VAE", "random encoder"}),
        ("#filter-evidence", "recomputed", {"submitted", "random encoder"}),
        ("#filter-method", "external codes", {"submitted", "exported"}),
    ],
)
def test_a_filter_leaves_its_rows(reader, field, value, names):
    reader.open("#view=all")
    reader.choose(field, value)
    reader.shows(BUTTONS, lambda texts: set(texts) >= names - {"random encoder"} and set(texts) <= names)
    reader.click("#reset")
    reader.shows("#count", ["22 rows"])


def test_search_finds_all_terms_and_shows_them_as_chips(reader):
    reader.open("#view=all")
    reader.keys("/")
    reader.until("document.activeElement.id === 'search'")
    reader.keys("MIG", " ", "ada")
    reader.shows(BUTTONS, lambda texts: set(texts) == {"Ada-GVAE", "random encoder"})
    reader.shows("#chips .chip", ["MIG ×", "ada ×"])
    reader.click("#chips .chip:last-child")
    reader.shows("#chips .chip", ["MIG ×"])
    assert reader.run("return document.getElementById('search').value") == "MIG"
    reader.open("#view=all&q=zzz")
    reader.shows("#nothing", ["No row matches these filters."])
    reader.shows("#count", ["0 of 22 rows"])
    reader.open("#view=all&q=exported&metric=mig&data=dsprites_rendered@ffffffff")
    reader.shows("#count", ["1 of 22 rows"])


def test_columns_of_one_value_fold_into_a_line_and_others_are_picked(reader):
    reader.open("#view=all&metric=mig&data=dsprites_full@bbbbbbbb")
    reader.shows(
        "#folded", ["All: dsprites_full, 3 seeds, 100 steps of 64, trained here, official images, mean codes."]
    )
    heads = "#all-table .tabulator-col .tabulator-col-title"
    reader.shows(heads, ["Configuration", "Rank", "Metric", "Mean ± std", "95 % interval", "Supervision", "Training"])
    reader.click("#pick summary")
    reader.click("#pick-list input[value=parameters]")
    reader.shows(heads, lambda texts: texts[-1] == "Parameters")
    reader.at("cols=")
    reader.driver.refresh()
    reader.shows(heads, lambda texts: texts and texts[-1] == "Parameters")
    pinned = "return getComputedStyle(document.querySelector('#all-table .tabulator-row .tabulator-cell')).position"
    assert reader.run(pinned) == "sticky"


def test_what_is_not_above_chance_is_grey_without_a_rank_and_adjusted_is_a_switch(reader):
    reader.open("#view=all&metric=mig&data=dsprites_full@bbbbbbbb")
    reader.shows(BUTTONS, ["S²-VAE", "Ada-GVAE", "random encoder", "β-VAE β = 4"])
    few = "4 of 20 degrees of freedom"
    reader.shows(RANKS, [few, few, "reference", "not above chance"])
    reader.shows(MEANS, lambda texts: [float(text.split()[0]) for text in texts] == [61, 41, 81, 21])
    reader.click("#adjusted")
    expected = [100 * (mean - 0.02) / 0.98 for mean in (0.61, 0.41, 0.81, 0.02)]
    numbers = lambda texts: [float(text.split()[0].replace("−", "-")) for text in texts]
    reader.shows(MEANS, lambda texts: texts and numbers(texts) == pytest.approx(expected, abs=2))
    reader.at("adjusted=yes")
    reader.open("#view=all&metric=mig&data=dsprites_rendered@ffffffff&adjusted=yes&q=exported")
    reader.shows(MEANS, ["no null"])
    reader.shows(f"{NAMES} .badge", ["collapsed: 1 of 10 latents active", "1 seed", "scored here", "no null"])


def test_a_row_opens_its_seeds_configuration_commands_and_pictures(reader, board):
    reader.open("#view=all&metric=mig&method=vae&data=dsprites_full@bbbbbbbb")
    reader.click("#all-table .not-above .open")
    reader.shows("dialog h2", ["β-VAE β = 4"])
    seeds = reader.texts(".seeds tbody tr")
    assert [line.split()[:2] for line in seeds] == [["0", "20.00"], ["1", "21.00"], ["2", "22.00"]]
    reader.click(".seeds tbody tr:nth-child(2) .open")
    reader.until("document.querySelector('.seeds tbody tr:nth-child(2)').className === 'chosen'")
    train_arguments, score_arguments = map(
        arguments_of, reader.shows("dialog .command pre", lambda texts: len(texts) == 2)
    )
    run = board.parents[1] / "runs" / "dsprites_full beta_vae 1"
    told = json.loads((run / "train/results/json/train_config.json").read_text(encoding="utf-8"))
    assert train_arguments[0] == "--model_dir=runs/dsprites_full beta_vae 1-again"
    assert bindings_of(train_arguments) == told
    assert score_arguments[:2] == ["--metric=mig", "--model_dir=runs/dsprites_full beta_vae 1-again"]
    assert bindings_of(score_arguments) == {
        "mig.num_train": 10,
        "evaluation.random_seed": 0,
        "postprocess.random_seed": 0,
    }
    assert "model.random_seed" in "".join(reader.texts(".settings"))
    reader.until("document.querySelector('.pictures img').naturalWidth === 1")
    reader.shows(".others .open", ["reconstruction_error · squared_error"])
    reader.click(".others .open")
    reader.shows("dialog p", lambda texts: "squared_error" in texts[0])
    reader.click("#close")
    reader.until(CLOSED)


def test_a_submission_shows_its_evidence_and_how_to_verify_it(reader):
    reader.open("#view=all&q=submitted")
    reader.shows(f"{NAMES} .badge", lambda texts: {"recomputed", "holds factors"} <= set(texts))
    reader.click(BUTTONS)
    reader.shows("dialog .command pre", ["dlib_bvae_leaderboard verify submissions/submitted"])
    reader.shows("dialog dd", lambda texts: "PCA" in texts)


def test_a_saved_model_from_elsewhere_is_scored_again_by_its_path(reader):
    reader.open("#view=all&metric=mig&q=exported")
    reader.click(BUTTONS)
    (text,) = reader.shows("dialog .command pre", lambda texts: len(texts) == 1)
    flags = ["--metric=mig", "--saved_model=my models/exported", "--name=exported", "--training_seed=3"]
    assert arguments_of(text)[:4] == flags
    assert bindings_of(arguments_of(text))["dataset.name"] == "dsprites_rendered"


def arguments_of(text):
    """What a shell hands on to the command."""
    script = 'dlib_bvae_train() { printf "%s\\0" "$@"; }\ndlib_bvae_evaluate() { printf "%s\\0" "$@"; }\n'
    shell = functools.partial(subprocess.run, capture_output=True, text=True, check=True)
    return shell(["bash", "-c", script + text]).stdout.split("\0")[:-1]


def bindings_of(arguments):
    flag = "--gin_bindings="
    return config_dict("\n".join(each.removeprefix(flag) for each in arguments if each.startswith(flag)))


@pytest.mark.parametrize("name", [HOSTILE, FORMULA, TICKS])
def test_a_name_is_text_on_the_page_and_in_its_commands(reader, name):
    title = "dlib_bvae leaderboard"
    shown = " ".join(name.split())
    reader.open("#view=all&method=vae&data=dsprites_rendered@ffffffff")
    (place,) = [at for at, text in enumerate(reader.shows(BUTTONS, lambda texts: len(texts) > 2)) if shown in text]
    reader.driver.find_elements("css selector", BUTTONS)[place].click()
    reader.shows("dialog h2", lambda texts: shown in texts[0])
    assert bindings_of(arguments_of(reader.texts("dialog .command pre")[0]))["note.text"] == name
    assert reader.driver.title == title
    reader.open("#view=summary&data=dsprites_rendered@ffffffff")
    reader.shows("#summary-table .open", lambda texts: any(shown in text for text in texts))
    reader.driver.execute_cdp_cmd("Page.printToPDF", {})  # another way through the library
    assert reader.driver.title == title
    assert reader.run("return document.querySelectorAll('img[src=x]').length") == 0


def test_the_address_keeps_the_place(reader):
    reader.open("#view=all&metric=mig")
    reader.choose("#filter-origin", "official")
    reader.choose("#theme", "dark")
    reader.click("#all-table .tabulator-col[tabulator-field=mean] .tabulator-col-title")
    reader.at("origin=official", "theme=dark", "sort=mean")
    reader.click(BUTTONS)
    reader.at("row=")
    reader.until(OPEN)
    state = lambda: (reader.place(), reader.texts(BUTTONS), reader.texts("dialog h2"), reader.colour())
    before = state()
    reader.driver.refresh()
    reader.expect(state, before)
    reader.until(OPEN)
    reader.driver.back()
    reader.until(CLOSED)
    reader.at("-row=")
    reader.open("#view=nonsense&page=-3&sort=nonsense&row=nonsense&__proto__=1&theme=nonsense&by=nonsense")
    reader.until("!document.getElementById('view-summary').hidden")


def test_the_keyboard_is_enough(reader):
    from selenium.webdriver.common.keys import Keys

    reader.open("#view=all&metric=mig&data=dsprites_full@bbbbbbbb")
    shown = reader.shows(BUTTONS, lambda texts: len(texts) == len(METHODS))
    focused = lambda: reader.run("return document.activeElement.innerText")
    for _ in range(40):  # to the first row, past fields, tabs and heads
        before = reader.driver.switch_to.active_element
        if reader.run("return document.activeElement.closest('.tabulator-row') !== null"):
            break
        reader.keys(Keys.TAB)
        reader.expect(lambda before=before: reader.driver.switch_to.active_element != before, True)
    assert focused() == shown[0]
    assert reader.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for key, place in ((Keys.ARROW_DOWN, 1), (Keys.ARROW_DOWN, 2), (Keys.ARROW_UP, 1)):
        reader.keys(key)
        reader.expect(focused, shown[place])
    reader.keys(Keys.ENTER)
    reader.shows("dialog h2", [shown[1]])
    reader.at("row=")
    reader.keys(Keys.ESCAPE)
    reader.until(CLOSED)
    reader.expect(focused, shown[1])
    reader.at("-row=")
    reader.keys(Keys.END)
    reader.expect(focused, shown[-1])


@pytest.mark.parametrize("view", ["summary", "all"])
def test_on_a_phone_only_tables_scroll_sideways(reader, view):
    reader.open(f"#view={view}", width=390, height=844)
    reader.until(f"!document.getElementById('view-{view}').hidden")
    button = f"#{view}-table .open"
    reader.shows(button, lambda texts: len(texts) > 2)
    assert not reader.scrolls_sideways()
    reader.click(button)
    reader.until(OPEN)
    assert not reader.run("const box = document.querySelector('dialog'); return box.scrollWidth > box.clientWidth")
    assert not reader.scrolls_sideways()
    assert reader.run("return document.querySelector('dialog').getBoundingClientRect().left") >= 0


@pytest.mark.parametrize("width", [320, 781, 1001, 1141, 1280])
def test_no_width_scrolls_sideways(reader, width):
    for view in ("summary", "all"):
        assert not reader.open(f"#view={view}", width=width).scrolls_sideways()


def test_light_and_dark_follow_the_system_and_the_switch(reader):
    light, dark = "rgb(251, 251, 249)", "rgb(20, 23, 26)"
    for place, system, colour in (("", False, light), ("", True, dark), ("#theme=light", True, light)):
        reader.open(place, dark=system)
        reader.expect(reader.colour, colour)
    reader.choose("#theme", "dark")
    reader.expect(reader.colour, dark)
    reader.at("theme=dark")
