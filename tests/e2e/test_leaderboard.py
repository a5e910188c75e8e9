"""The leaderboard as it is read: the command's page in a headless Chromium, from its file, without a network."""

import functools
import json
import subprocess

import pytest
from support.browser import browser, console_errors
from support.leaderboard_reader import FORMULA, HOSTILE, METHODS, TICKS, Reader, fill
from support.leaderboard_runs import score, train

from dlib_bvae import leaderboard
from dlib_bvae.artifacts import config_dict


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    fill(folder / "runs")
    (path,) = (path for path in leaderboard.run(folder / "runs", folder / "board") if path.suffix == ".html")
    return path


@pytest.fixture(scope="module")
def chromium():
    with browser(1280, 900) as driver:
        driver.execute_cdp_cmd("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        yield driver


@pytest.fixture
def reader(chromium, page):
    console_errors(chromium)
    yield Reader(chromium, page)
    assert console_errors(chromium) == []
    assert chromium.execute_script("return performance.getEntriesByType('resource').length") == 0


OPEN, CLOSED = "document.querySelector('dialog').open", "!document.querySelector('dialog').open"
MODELS, MEANS = "#body td.model .open", "#body td.mean"


def test_the_command_writes_the_board(command, tmp_path):
    score(train(tmp_path / "runs", "run"), "mig", {"discrete_mig": 0.5})
    done = command(tmp_path, "dlib_bvae_leaderboard")
    assert done.returncode == 0, done.stderr
    names = ["board.json", "board.csv", "board.parquet", "board.md", "index.html"]
    assert done.stdout.split() == [f"board/{name}" for name in names]
    board = json.loads((tmp_path / "board" / "board.json").read_text(encoding="utf-8"))
    assert board["runs"][0]["directory"] == "runs/run"
    refused = command(tmp_path, "dlib_bvae_leaderboard", "--results=nowhere")
    assert refused.returncode == 2
    assert "there is no directory nowhere" in refused.stderr
    refused = command(tmp_path, "dlib_bvae_leaderboard", "verify", "nowhere")
    assert refused.returncode == 2
    assert "nowhere is no submission: it lacks meta.json" in refused.stderr


def test_a_head_sorts_and_says_so(reader):
    reader.open("#metric=mig&data=dsprites_rendered@aaaaaaaa")
    sort = "return document.querySelector('th[data-column=mean]').getAttribute('aria-sort')"
    for direction, order in (("descending", -1), ("ascending", 1)):
        reader.click("th[data-column=mean] button")
        reader.expect(lambda: reader.run(sort), direction)
        means = [float(text.split()[0]) for text in reader.shows(MEANS, lambda texts: len(texts) == len(METHODS))]
        assert means == sorted(means, key=lambda mean: order * mean)
    reader.at("sort=mean&dir=asc")
    reader.click("th[data-column=model] button")
    reader.shows(MODELS, sorted(METHODS))


def test_what_has_no_value_stands_last_in_both_orders(reader):
    for direction in ("desc", "asc"):
        reader.open(f"#metric=mig&sort=interval&dir={direction}")
        intervals = reader.shows("#body td.interval", lambda texts: texts[-5:] == ["one seed"] * 5)
        assert "one seed" not in intervals[:-5]


@pytest.mark.parametrize(
    ("field", "value", "models"),
    [
        ("#filter-data", "dsprites_full@bbbbbbbb", set(METHODS)),
        ("#filter-origin", "official", set(METHODS)),
        ("#filter-metric", "reconstruction_error", set(METHODS)),
        ("#filter-score", "squared_error", set(METHODS)),
        ("#filter-method", "ada_gvae", {"ada", "reference"}),  # reference rows of what is shown are always there
        ("#filter-supervision", "labels", {"labelled", "reference"}),
        ("#filter-evidence", "trained here", {*METHODS, HOSTILE, FORMULA, TICKS}),
        ("#filter-method", "external codes", {"submitted", "exported"}),
    ],
)
def test_a_filter_leaves_its_rows(reader, field, value, models):
    reader.open()
    reader.choose(field, value)
    reader.shows(MODELS, lambda texts: set(texts) == models)
    reader.click("#reset")
    reader.shows("#count", ["22 of 22 rows"])


def test_rendered_and_official_data_stand_apart(reader):
    reader.open("#metric=mig&q=labelled")
    reader.shows(
        "#body td.dataset .badge", lambda texts: sorted(texts) == ["official", "official", "rendered", "rendered"]
    )


def test_search_finds_all_terms(reader):
    reader.open()
    reader.keys("/")
    reader.until("document.activeElement.id === 'search'")
    reader.keys("MIG", " ", "ada")
    reader.shows(MODELS, lambda texts: set(texts) == {"ada", "reference"})
    reader.shows("#body td.metric", lambda texts: set(texts) == {"mig\ndiscrete_mig ↑"})
    reader.keys("zzz")
    reader.shows("#nothing", ["No row matches these filters."])


def test_what_is_not_above_chance_is_grey_without_a_rank_and_adjusted_is_a_switch(reader):
    few = "4 of 20 degrees of freedom"
    reader.open("#metric=mig&data=dsprites_full@bbbbbbbb")
    reader.shows(MODELS, ["labelled", "ada", "reference", "beta_vae"])
    reader.shows("#body td.rank", [few, few, "reference", "not above chance"])
    grey = "return getComputedStyle(document.querySelector('#body tr.not-above td.model .open')).color"
    assert reader.run(grey) != reader.run(
        "return getComputedStyle(document.querySelector('#body td.model .open')).color"
    )
    means = reader.shows(MEANS, lambda texts: all("null 0.0" in text or "null 0.2" in text for text in texts))
    assert [float(text.split()[0]) for text in means] == [0.61, 0.41, 0.81, 0.21]
    reader.click("#adjusted")
    adjusted = reader.shows(MEANS, lambda texts: not any("null" in text for text in texts))
    expected = [(0.61 - 0.02) / 0.98, (0.41 - 0.02) / 0.98, (0.81 - 0.02) / 0.98, 0]
    assert [float(text.split()[0].replace("−", "-")) for text in adjusted] == pytest.approx(expected, abs=0.02)
    reader.at("adjusted=yes")
    reader.shows("#body td.rank", [few, few, "reference", "not above chance"])
    reader.click("th[data-column=mean] button")
    reader.click("th[data-column=mean] button")
    reader.at("dir=asc")
    reader.shows(MODELS, ["ada", "labelled", "reference", "beta_vae"])  # in no order do they stand before others
    reader.open("#metric=mig&data=dsprites_rendered@ffffffff&adjusted=yes&q=exported")
    reader.shows(MEANS, ["no null"])
    reader.shows("#body td.model .badge", ["1 seed", "collapsed: 1 of 10 latents active", "no null"])


def test_a_row_opens_its_seeds_configuration_commands_and_pictures(reader, page):
    reader.open("#metric=mig&method=vae&data=dsprites_full@bbbbbbbb")
    reader.click("#body tr.not-above td.model .open")
    reader.shows("dialog h2", ["beta_vae"])
    seeds = reader.texts(".seeds tbody tr")
    assert [line.split()[:2] for line in seeds] == [["0", "0.2000"], ["1", "0.2100"], ["2", "0.2200"]]
    reader.click(".seeds tbody tr:nth-child(2) .open")
    reader.until("document.querySelector('.seeds tbody tr:nth-child(2)').className === 'chosen'")
    train_arguments, score_arguments = map(arguments_of, reader.shows(".command pre", lambda texts: len(texts) == 2))
    run = page.parents[1] / "runs" / "dsprites_full beta_vae 1"
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
    reader.open("#q=submitted")
    reader.shows("#body td.evidence .badge", ["recomputed", "holds factors"])
    reader.click(MODELS)
    reader.shows(".command pre", ["dlib_bvae_leaderboard verify submissions/submitted"])
    reader.shows("dialog dd", lambda texts: "PCA" in texts)


def test_a_saved_model_from_elsewhere_is_scored_again_by_its_path(reader):
    reader.open("#metric=mig&q=exported")
    reader.click(MODELS)
    (text,) = reader.shows(".command pre", lambda texts: len(texts) == 1)
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
    reader.open("#method=vae&data=dsprites_rendered@ffffffff")
    (place,) = [place for place, shown in enumerate(reader.shows(MODELS, lambda texts: name in texts)) if shown == name]
    reader.driver.find_elements("css selector", MODELS)[place].click()
    reader.shows("dialog h2", [name])
    assert bindings_of(arguments_of(reader.texts(".command pre")[0]))["note.text"] == name
    assert reader.driver.title == title
    reader.open("#view=pareto&data=dsprites_rendered@ffffffff")
    reader.until("document.querySelectorAll('#pareto .point').length > 0")
    assert reader.driver.title == title
    assert reader.run("return document.querySelectorAll('img[src=x]').length") == 0


def test_the_address_keeps_the_place(reader):
    reader.open("#metric=mig")
    reader.choose("#filter-origin", "official")
    reader.choose("#theme", "dark")
    reader.click("th[data-column=mean] button")
    reader.at("origin=official", "theme=dark", "sort=mean")
    reader.click(MODELS)
    reader.at("row=")
    reader.until(OPEN)
    state = lambda: (reader.place(), reader.texts(MODELS), reader.texts("dialog h2"), reader.colour())
    before = state()
    reader.driver.refresh()
    reader.expect(state, before)
    reader.until(OPEN)
    reader.driver.back()
    reader.until(CLOSED)
    reader.at("-row=")
    reader.open("#view=nonsense&page=-3&sort=nonsense&row=nonsense&__proto__=1&theme=nonsense")
    reader.shows("#count", ["22 of 22 rows"])


def test_the_keyboard_is_enough(reader):
    from selenium.webdriver.common.keys import Keys

    reader.open("#metric=mig&data=dsprites_full@bbbbbbbb")
    shown = reader.shows(MODELS, lambda texts: len(texts) == len(METHODS))
    focused = lambda: reader.run("return document.activeElement.innerText")
    for _ in range(40):  # to the first row, past fields, tabs and heads
        before = reader.driver.switch_to.active_element
        if reader.run("return document.activeElement.closest('#body') !== null"):
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


@pytest.mark.parametrize("view", ["table", "pareto", "agreement"])
def test_a_phone_scrolls_in_one_direction(reader, view):
    reader.open(f"#view={view}", width=390, height=844)
    reader.until(f"!document.getElementById('view-{view}').hidden")
    assert not reader.scrolls_sideways()
    if view == "table":
        reader.click(MODELS)
        reader.until(OPEN)
        assert not reader.run("const box = document.querySelector('dialog'); return box.scrollWidth > box.clientWidth")
        assert not reader.scrolls_sideways()
        assert reader.run("return document.querySelector('dialog').getBoundingClientRect().left") >= 0


@pytest.mark.parametrize("width", [320, 781, 1001, 1141, 1280])
def test_no_width_scrolls_sideways(reader, width):
    assert not reader.open(width=width).scrolls_sideways()


def test_light_and_dark_follow_the_system_and_the_switch(reader):
    light, dark = "rgb(251, 251, 249)", "rgb(20, 23, 26)"
    for place, system, colour in (("", False, light), ("", True, dark), ("#theme=light", True, light)):
        reader.open(place, dark=system)
        reader.expect(reader.colour, colour)
    reader.choose("#theme", "dark")
    reader.expect(reader.colour, dark)
    reader.at("theme=dark")


def test_the_pareto_front_is_that_of_the_data_set(reader):
    reader.open("#view=pareto&data=dsprites_full@bbbbbbbb")
    reader.shows("#pareto .legend li", ["ada_gvae", "random_encoder", "s2_vae", "vae"])
    reader.shows("#front li .open", ["labelled"])  # best in both; the reference does not compete
    assert len(reader.driver.find_elements("css selector", "#pareto .point")) == len(METHODS)
    reader.choose("#axes label:nth-child(3) select", "training: parameters")
    reader.at("y=training")
    reader.shows("#front li .open", ["labelled", "ada", "beta_vae"])
    reader.click("#front li .open")
    reader.shows("dialog h2", ["labelled"])


def test_agreement_is_shown_as_numbers_with_their_names(reader):
    reader.open("#view=agreement&data=dsprites_full@bbbbbbbb")
    names = ["1 mig.discrete_mig", "2 reconstruction_error.squared_error"]
    reader.shows(".heat tbody th", names)
    cells = reader.texts(".heat td")
    assert cells[0] == cells[3] == "1.00"
    assert cells[1] == cells[2]
    assert cells[1].startswith("−0.")
