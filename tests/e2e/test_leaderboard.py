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
    for direction, order in (("descending", -1), ("ascending", 1)):
        reader.click("th[data-column=mean] button")
        means = [float(text.split()[0]) for text in reader.texts(MEANS)]
        assert len(means) == len(METHODS)
        assert means == sorted(means, key=lambda mean: order * mean)
        assert (
            reader.driver.find_element("css selector", "th[data-column=mean]").get_attribute("aria-sort") == direction
        )
    assert "sort=mean&dir=asc" in reader.place()
    reader.click("th[data-column=model] button")
    assert reader.texts(MODELS) == sorted(METHODS)


def test_what_has_no_value_stands_last_in_both_orders(reader):
    for direction in ("desc", "asc"):
        reader.open(f"#metric=mig&sort=interval&dir={direction}")
        intervals = reader.texts("#body td.interval")
        assert intervals[-5:] == ["one seed"] * 5
        assert "one seed" not in intervals[:-5]


@pytest.mark.parametrize(
    ("field", "value", "models"),
    [
        ("#filter-data", "dsprites_full@bbbbbbbb", set(METHODS)),
        ("#filter-origin", "official", set(METHODS)),
        ("#filter-metric", "reconstruction_error", set(METHODS)),
        ("#filter-score", "squared_error", set(METHODS)),
        ("#filter-method", "ada_gvae", {"ada"}),
        ("#filter-supervision", "labels", {"labelled"}),
        ("#filter-evidence", "trained here", {*METHODS, HOSTILE, FORMULA, TICKS}),
    ],
)
def test_a_filter_leaves_its_rows(reader, field, value, models):
    reader.open()
    reader.choose(field, value)
    assert set(reader.texts(MODELS)) == models
    reader.click("#reset")
    assert reader.texts("#count") == ["21 of 21 rows"]


def test_drawn_and_official_data_stand_apart(reader):
    reader.open("#metric=mig&q=labelled")
    assert sorted(reader.texts("#body td.dataset .badge")) == ["drawn", "official"]


def test_search_finds_all_terms(reader):
    reader.open()
    reader.keys("/")
    reader.keys("MIG", " ", "ada")
    assert set(reader.texts(MODELS)) == {"ada"}
    assert set(reader.texts("#body td.metric")) == {"mig\ndiscrete_mig ↑"}
    reader.keys("zzz")
    assert reader.texts("#nothing") == ["No row matches these filters."]


def test_a_row_opens_its_seeds_configuration_commands_and_pictures(reader, page):
    reader.open("#metric=mig&method=vae&data=dsprites_full@bbbbbbbb")
    reader.click(MODELS)
    assert reader.texts("dialog h2") == ["beta_vae"]
    seeds = reader.texts(".seeds tbody tr")
    assert [line.split()[:2] for line in seeds] == [["0", "0.2000"], ["1", "0.2100"], ["2", "0.2200"]]
    reader.click(".seeds tbody tr:nth-child(2) .open")
    train_arguments, score_arguments = map(arguments_of, reader.texts(".command pre"))
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
    assert reader.texts(".others .open") == ["reconstruction_error · squared_error"]
    reader.click(".others .open")
    assert "squared_error" in reader.texts("dialog p")[0]
    reader.click("#close")
    assert reader.run("return document.querySelector('dialog').open") is False


def test_a_submission_shows_its_evidence_and_how_to_verify_it(reader):
    reader.open("#q=submitted")
    assert reader.texts("#body td.evidence .badge") == ["recomputed", "holds factors"]
    reader.click(MODELS)
    assert reader.texts(".command pre") == ["dlib_bvae_leaderboard verify submissions/submitted"]
    assert "PCA" in reader.texts("dialog dd")


def test_a_saved_model_from_elsewhere_is_scored_again_by_its_path(reader):
    reader.open("#q=exported")
    reader.click(MODELS)
    (text,) = reader.texts(".command pre")
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
    (place,) = [place for place, shown in enumerate(reader.texts(MODELS)) if shown == name]
    reader.driver.find_elements("css selector", MODELS)[place].click()
    assert reader.texts("dialog h2") == [name]
    assert bindings_of(arguments_of(reader.texts(".command pre")[0]))["note.text"] == name
    assert reader.driver.title == title
    reader.open("#view=pareto&data=dsprites_rendered@ffffffff")
    assert reader.driver.title == title
    assert reader.run("return document.querySelectorAll('img[src=x]').length") == 0


def test_the_address_keeps_the_place(reader):
    reader.open("#metric=mig")
    reader.choose("#filter-origin", "official")
    reader.choose("#theme", "dark")
    reader.click("th[data-column=mean] button")
    reader.click(MODELS)
    before = reader.place(), reader.texts(MODELS), reader.texts("dialog h2"), reader.colour()
    reader.driver.refresh()
    assert (reader.place(), reader.texts(MODELS), reader.texts("dialog h2"), reader.colour()) == before
    assert reader.run("return document.querySelector('dialog').open")
    reader.driver.back()
    reader.until("!document.querySelector('dialog').open")
    assert "row=" not in reader.place()
    reader.open("#view=nonsense&page=-3&sort=nonsense&row=nonsense&__proto__=1&theme=nonsense")
    assert reader.texts("#count") == ["21 of 21 rows"]


def test_the_keyboard_is_enough(reader):
    from selenium.webdriver.common.keys import Keys

    reader.open("#metric=mig&data=dsprites_full@bbbbbbbb")
    shown = reader.texts(MODELS)
    for _ in range(40):  # to the first row, past fields, tabs and heads
        if reader.run("return document.activeElement.closest('#body') !== null"):
            break
        reader.keys(Keys.TAB)
    focused = "return document.activeElement.innerText"
    assert reader.run(focused) == shown[0]
    assert reader.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    reader.keys(Keys.ARROW_DOWN)
    reader.keys(Keys.ARROW_DOWN)
    reader.keys(Keys.ARROW_UP)
    assert reader.run(focused) == shown[1]
    reader.keys(Keys.ENTER)
    assert reader.texts("dialog h2") == [shown[1]]
    reader.keys(Keys.ESCAPE)
    assert not reader.run("return document.querySelector('dialog').open")
    assert reader.run(focused) == shown[1]
    assert "row=" not in reader.place()
    reader.keys(Keys.END)
    assert reader.run(focused) == shown[-1]


@pytest.mark.parametrize("view", ["table", "pareto", "agreement"])
def test_a_phone_scrolls_in_one_direction(reader, view):
    reader.open(f"#view={view}", width=390, height=844)
    assert not reader.scrolls_sideways()
    if view == "table":
        reader.click(MODELS)
        assert not reader.run("const box = document.querySelector('dialog'); return box.scrollWidth > box.clientWidth")
        assert not reader.scrolls_sideways()
        assert reader.run("return document.querySelector('dialog').getBoundingClientRect().left") >= 0


@pytest.mark.parametrize("width", [320, 781, 1001, 1141, 1280])
def test_no_width_scrolls_sideways(reader, width):
    assert not reader.open(width=width).scrolls_sideways()


def test_light_and_dark_follow_the_system_and_the_switch(reader):
    light, dark = "rgb(251, 251, 249)", "rgb(20, 23, 26)"
    assert reader.open().colour() == light
    assert reader.open(dark=True).colour() == dark
    assert reader.open("#theme=light", dark=True).colour() == light
    reader.choose("#theme", "dark")
    assert reader.colour() == dark
    assert "theme=dark" in reader.place()


def test_the_pareto_front_is_that_of_the_data_set(reader):
    reader.open("#view=pareto&data=dsprites_full@bbbbbbbb")
    assert reader.texts("#pareto .legend li") == ["ada_gvae", "random_encoder", "s2_vae", "vae"]
    assert reader.texts("#front li .open") == ["labelled"]  # best in both; the reference does not compete
    assert len(reader.driver.find_elements("css selector", "#pareto .point")) == len(METHODS)
    reader.choose("#axes label:nth-child(3) select", "training: parameters")
    assert "y=training" in reader.place()
    assert reader.texts("#front li .open") == ["labelled", "ada", "beta_vae"]
    reader.click("#front li .open")
    assert reader.texts("dialog h2") == ["labelled"]


def test_agreement_is_shown_as_numbers_with_their_names(reader):
    reader.open("#view=agreement&data=dsprites_full@bbbbbbbb")
    names = ["1 mig.discrete_mig", "2 reconstruction_error.squared_error"]
    assert reader.texts(".heat tbody th") == names
    cells = reader.texts(".heat td")
    assert cells[0] == cells[3] == "1.00"
    assert cells[1] == cells[2]
    assert cells[1].startswith("−0.")
