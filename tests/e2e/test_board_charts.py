"""The board's charts as they are read: Compare, Path, Pareto and Agreement in a headless Chromium, from the page's file."""

import pytest
from support import fixture_board
from support.browser import browser, console_errors
from support.leaderboard_reader import HOSTILE, Reader
from support.leaderboard_runs import score, train

from dlib_bvae.analysis.frame import collect
from dlib_bvae.leaderboard.board import build, main_part
from dlib_bvae.leaderboard.page import page as page_of

DSPRITES, SHAPES3D = "data=dsprites_rendered@dddddddd", "data=shapes3d_rendered@55555555"
VIEWS = ("compare", "path", "pareto", "agreement")
OPEN = "document.querySelector('dialog').open"
PCA, BEST = "PCA", "β-VAE β = 4"


def written(folder):
    """The page of the runs in `folder`/runs as the command writes it, without figures, and what it carries."""
    frame, problems = collect(folder / "runs")
    assert problems == []
    board = main_part(build(frame, folder / "runs", folder / "board"))
    path = folder / "index.html"
    path.write_text(page_of(board, folder / "board"), encoding="utf-8")
    return path, board


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("charts")
    fixture_board.fill(folder / "runs")
    return written(folder)


@pytest.fixture(scope="module")
def page(made):
    return made[0]


@pytest.fixture(scope="module")
def board(made):
    return made[1]


@pytest.fixture(scope="module")
def chromium():
    with browser(1280, 900) as driver:
        yield driver


@pytest.fixture
def reader(chromium, page):
    console_errors(chromium)
    yield Reader(chromium, page)
    assert console_errors(chromium) == []  # the policy refused nothing
    assert chromium.execute_script("return performance.getEntriesByType('resource').length") == 0


def rows_of(board, name, dataset="dsprites_rendered"):
    """{(metric, score): headline row} of the configuration whose name begins so."""
    found = [row for row in board["rows"] if row["name"].startswith(name) and row["dataset"] == dataset]
    first = min(found, key=lambda row: (row["name"], row["config"]))
    return {(row["metric"], row["score"]): row for row in found if row["config"] == first["config"] and row["headline"]}


def cells(reader, css):
    """The texts of a table's body, line by line."""
    texts = "[...line.cells].map((cell) => cell.innerText.trim())"
    ask = f"return [...document.querySelectorAll(arguments[0])].map((line) => {texts})"
    return reader.expect(lambda: reader.run(ask, f"{css} tbody tr"), lambda lines: len(lines) > 0)


def number(text):
    return float(text.split()[0].replace("−", "-").replace("+", ""))


def labels(reader):
    """What the open view's pictures are called for those who do not see them."""
    ask = (
        "return [...document.querySelectorAll('main section:not([hidden]) svg[role=img]')].map((svg) => svg.ariaLabel)"
    )
    return reader.expect(lambda: reader.run(ask), lambda texts: len(texts) > 0)


def marks(reader, css, kind):
    return reader.run(f"return document.querySelectorAll('{css} svg[role=img] g[aria-label={kind}] > *').length")


def point_at(reader, css, place):
    """Moves the mouse to the middle of an element, and returns what the tip then says."""
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(reader.driver).move_to_element(reader.driver.find_elements("css selector", css)[place]).perform()
    lines = "[...document.querySelectorAll('g[aria-label=tip] text > tspan')].map((line) => line.textContent)"
    ask = f"return {lines}.join('\\n').replaceAll('\u200b', '')"
    return reader.expect(lambda: reader.run(ask), lambda text: text != "")


def test_compare_says_how_two_configurations_differ(reader, board):
    first, second = rows_of(board, BEST), rows_of(board, PCA)
    config = first["beta_vae", "eval_accuracy"]["config"], second["beta_vae", "eval_accuracy"]["config"]
    reader.open(f"#view=compare&{DSPRITES}&a={config[0]}&b={config[1]}")
    lines = {line[0]: line for line in cells(reader, "#compare")}
    line = lines["β-VAE metric, %"]
    a, b = first["beta_vae", "eval_accuracy"], second["beta_vae", "eval_accuracy"]
    assert number(line[3]) == pytest.approx(100 * (a["mean"] - b["mean"]), abs=0.06)
    (group,) = [each for each in board["differences"] if {a["id"], b["id"]} <= set(each["ids"])]
    i, j = group["ids"].index(a["id"]), group["ids"].index(b["id"])
    assert [number(text) for text in line[4].split("…")] == pytest.approx(
        [100 * group["low"][i][j], 100 * group["high"][i][j]], abs=0.06
    )
    assert line[6] == f"{round(100 * group['improvement'][i][j])} %"
    assert line[7] == "A is better"
    assert lines["reconstruction error (bernoulli_error) ↓"][7] == "B was not scored"
    assert lines["active_units"][7] == "not compared: neither more nor less is better"
    assert "PCA" in labels(reader)[0]
    assert marks(reader, "#compare", "dot") == len([each for each in lines.values() if each[4]])
    reader.click("#compare tbody tr:nth-child(2) .open")
    reader.until(OPEN)


def test_compare_turns_with_its_rows_and_keeps_them_in_the_address(reader, board):
    a, b = (rows_of(board, name)["mig", "discrete_mig"]["config"] for name in (PCA, BEST))
    reader.open(f"#view=compare&{DSPRITES}")
    reader.choose("#compare-of [data-key=a]", a)
    reader.choose("#compare-of [data-key=b]", b)
    reader.at(f"a={a}", f"b={b}")
    lines = {line[0]: line for line in cells(reader, "#compare")}
    assert lines["MIG, %"][3].startswith("−")
    assert lines["MIG, %"][7] == "B is better"
    reader.driver.refresh()
    reader.expect(lambda: {line[0]: line for line in cells(reader, "#compare")}, lines)
    reader.choose("#compare-of [data-key=b]", a)
    reader.shows("#compare p", ["A and B are the same configuration."])


def test_compare_says_in_words_that_two_seeds_have_no_interval(reader):
    reader.open(f"#view=compare&{SHAPES3D}")
    lines = cells(reader, "#compare")
    assert {line[7] for line in lines if "active" not in line[0]} == {"not defined: n < 3"}
    assert {line[4] for line in lines} == {""}
    reader.shows("#compare p", lambda texts: any(text.startswith("No difference has an interval") for text in texts))


def test_path_has_every_beta_with_its_seeds_chance_and_pca(reader, board):
    reader.open(f"#view=path&{DSPRITES}")
    reader.click("#path figure:nth-of-type(1) summary")
    lines = cells(reader, "#path figure:nth-of-type(1)")
    assert [line[1] for line in lines] == ["1", "2", "4", "10", "40"]
    for line in lines:
        row = rows_of(board, f"β-VAE β = {line[1]} ")["beta_vae", "eval_accuracy"]
        assert number(line[2]) == pytest.approx(100 * row["mean"], abs=0.06)
        assert [float(text) for text in line[3].split(", ")] == pytest.approx(
            [100 * each["value"] for each in row["runs"]], abs=0.06
        )
        assert number(line[4]) == pytest.approx(100 * row["null"]["mean"], abs=0.06)
    texts = reader.run(
        "return [...document.querySelectorAll('#path figure:nth-of-type(1) svg[role=img] text')].map((text) => text.textContent)"
    )
    assert {"PCA", "chance"} <= set(texts)
    assert marks(reader, "#path figure:nth-of-type(1)", "dot") == 5 * fixture_board.SEEDS + 5
    assert [label.split(",")[0] for label in labels(reader)] == ["β-VAE metric"] * 4


def test_path_shows_exported_steps_in_the_order_of_training(reader, board):
    reader.open(f"#view=path&{DSPRITES}&y=mig")
    reader.click("#path figure:nth-of-type(3) summary")
    lines = cells(reader, "#path figure:nth-of-type(3)")
    assert [line[1] for line in lines] == ["25", "50", "100"]
    rows = [row for row in board["rows"] if row["metric"] == "mig" and row["name"].startswith(f"{BEST} ")]
    means = {
        row["step"]: row["mean"]
        for row in rows
        if row["dataset"] == "dsprites_rendered"
        and row["config"] == rows_of(board, BEST)["mig", "discrete_mig"]["config"]
    }
    assert [number(line[2]) for line in lines] == pytest.approx([100 * means[step] for step in (25, 50, 100)], abs=0.06)
    reader.choose("#path-of [data-key=path]", "factor_vae")
    reader.at("path=factor_vae")
    reader.shows("#path figure:nth-of-type(3) p", lambda texts: texts[0].startswith("No exported steps"))
    reader.click("#path figure:nth-of-type(1) summary")
    assert [line[1] for line in cells(reader, "#path figure:nth-of-type(1)")] == ["10", "40"]


def test_path_of_a_method_without_one_and_of_a_data_set_without_references(reader):
    reader.open(f"#view=path&{DSPRITES}&path=ada_gvae")
    reader.shows(
        "#path figure:nth-of-type(1) p",
        ["Ada-GVAE has one value of each of its numbers on this data set, so there is no path."],
    )
    reader.open(f"#view=path&{SHAPES3D}")
    reader.shows(
        "#path figure:nth-of-type(1) p",
        lambda texts: (
            "range of 2 seeds" in texts[0] and "No null is recorded" in texts[0] and "PCA was not scored" in texts[0]
        ),
    )


def test_the_pareto_front_is_that_of_each_supervision_class(reader):
    reader.open(f"#view=pareto&{DSPRITES}")
    lines = cells(reader, "#front")
    front = {line[0].split(" · ")[0]: line[4] for line in lines if line[4].startswith("on the front")}
    assert front == {BEST: "on the front, unsupervised", "Ada-GVAE β = 1": "on the front, learns from pairs of images"}
    assert {line[0].split(" · ")[0]: line[4] for line in lines}["β-VAE β = 10"] == "not above chance"
    reader.shows("#pareto .legend li", ["Ada-GVAE", "FactorVAE", "β-VAE"])
    (label,) = labels(reader)
    assert label.startswith(
        "β-VAE metric, % against reconstruction error, nats per image: 9 configurations, 2 on the front"
    )
    assert marks(reader, "#pareto", "dot") == len(lines) == 9
    reader.choose("#axes [data-key=x]", "training: seconds")
    reader.at("x=training")
    lines = reader.expect(lambda: cells(reader, "#front"), lambda lines: len(lines) == 13)
    assert {line[0] for line in lines if line[4] == "reference"} == {"PCA", "noise", "oracle", "random encoder"}
    reader.shows("#pareto .legend li", lambda texts: "PCA (reference)" in texts)


def test_labels_of_points_do_not_cover_each_other(reader):
    reader.open(f"#view=pareto&{DSPRITES}&x=training: seconds")
    labels(reader)
    box = "const { left, right, top, bottom } = text.getBoundingClientRect(); return [left, right, top, bottom];"
    texts = "document.querySelectorAll('#pareto svg[role=img] g[aria-label=text] text')"
    boxes = reader.run(f"return [...{texts}].map((text) => {{ {box} }})")
    assert len(boxes) >= 8
    for place, (left, right, top, bottom) in enumerate(boxes):
        for other in boxes[:place]:
            assert left >= other[1] - 2 or other[0] >= right - 2 or top >= other[3] - 4 or other[2] >= bottom - 4


def test_a_point_says_what_it_is_and_opens_its_row(reader, board):
    reader.open(f"#view=pareto&{DSPRITES}")
    labels(reader)
    tip = point_at(reader, "#pareto svg[role=img] g[aria-label=dot] > *", 0)
    name = tip.splitlines()[0]
    row = next(
        row
        for row in board["rows"]
        if row["name"] == name
        and row["metric"] == "beta_vae"
        and row["headline"]
        and row["dataset"] == "dsprites_rendered"
    )
    said = " ".join(tip.split())
    assert (
        f"{100 * row['mean']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}], 95 % interval (Student's t), n = 5"
        in said
    )
    reader.driver.find_elements("css selector", "#pareto svg[role=img] g[aria-label=dot] > *")
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(reader.driver).click().perform()
    reader.at(f"row={row['id']}")
    reader.until(OPEN)


def test_an_axis_without_a_direction_has_no_front(reader):
    reader.open(f"#view=pareto&{DSPRITES}&x=active_units&y=mig")
    reader.shows("#front p", lambda texts: texts[0].startswith("No front:"))
    assert not any(line[4].startswith("on the front") for line in cells(reader, "#front"))


def test_agreement_has_one_score_a_metric_with_its_correlations(reader, board):
    reader.open(f"#view=agreement&{DSPRITES}")
    (found,) = [each for each in board["agreement"] if each["dataset"] == "dsprites_rendered"]
    lines = {line[0]: line for line in cells(reader, "#agreement")}
    places = {each["metric"]: place for place, each in enumerate(found["scores"])}
    assert len(lines) == len(places) * (len(places) - 1) / 2
    i, j = places["mig"], places["beta_vae"]
    (line,) = [line for name, line in lines.items() if set(name.split(" and ")) == {"MIG", "β-VAE metric"}]
    expected = [found["spearman"][i][j], found["runs"][i][j], found["within"][i][j], found["within_df"][i][j]]
    assert [float(text.replace("−", "-")) for text in line[1:]] == pytest.approx(expected, abs=0.006)
    names = reader.run(
        "return [...document.querySelectorAll('#agreement svg[role=img] text')].map((text) => text.textContent)"
    )
    for title in ("MIG", "β-VAE metric", "reconstruction error ↓"):
        assert names.count(title) == 2
    assert marks(reader, "#agreement", "cell") == len(places) ** 2
    reader.shows("#agreement .legend li", ["ρ = −1", "ρ = −0.5", "ρ = 0", "ρ = 0.5", "ρ = 1"])
    reader.click("#agreement tbody tr .open")
    reader.at("view=pareto", "x=", "y=")


def test_without_three_models_agreement_says_so(chromium, tmp_path):
    for seed in range(2):
        encoded = train(tmp_path / "runs", f"run{seed}", seed=seed)
        score(encoded, "mig", {"discrete_mig": 0.1 * seed})
        score(encoded, "sap", {"SAP_score": 0.2 * seed})
    reader = Reader(chromium, written(tmp_path)[0]).open("#view=agreement")
    reader.shows(
        "#agreement p",
        lambda texts: texts[0].startswith("Fewer than 3 models were scored by two metrics on this data set"),
    )
    assert console_errors(chromium) == []


def test_agreement_is_of_one_budget(chromium, tmp_path):
    for steps, sign in ((100, 1), (900, -1)):
        for seed in range(3 + (steps == 100)):
            config = {"model.training_steps": steps}
            encoded = train(tmp_path / "runs", f"run{steps}-{seed}", seed=seed, config=config, steps=steps)
            score(encoded, "mig", {"discrete_mig": 0.1 * seed})
            score(encoded, "sap", {"SAP_score": 0.5 + sign * 0.1 * seed})
    reader = Reader(chromium, written(tmp_path)[0]).open("#view=agreement")
    rho_and_runs = lambda: cells(reader, "#agreement")[0][1:3]
    reader.expect(rho_and_runs, ["−1.00", "3"])
    reader.choose("#agreement-of select", "dsprites_rendered@ffffffff@100 steps of 64")
    reader.expect(rho_and_runs, ["1.00", "4"])
    reader.click("#agreement tbody tr .open")
    reader.at("view=pareto", "budget=100")
    assert console_errors(chromium) == []


@pytest.mark.parametrize("view", VIEWS)
def test_no_chart_shows_another_data_set(reader, view):
    reader.open(f"#view={view}&{SHAPES3D}")
    reader.until(f"document.querySelectorAll('#view-{view} tbody tr').length > 0")
    text = reader.run(f"return document.querySelector('#view-{view}').textContent")
    for other in ("FactorVAE γ", "Ada-GVAE", "oracle", "higgins"):
        assert other not in text


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_scrolls_in_one_direction(reader, view, dark):
    reader.open(f"#view={view}&{DSPRITES}", width=390, height=844, dark=dark)
    labels(reader)
    assert not reader.scrolls_sideways()


@pytest.mark.parametrize("view", VIEWS)
def test_adjusted_scores_are_charted_too(reader, view):
    reader.open(f"#view={view}&{DSPRITES}&adjusted=yes")
    reader.until(f"document.querySelectorAll('#view-{view} tbody tr').length > 0")
    if view in ("path", "pareto"):
        assert all("adjusted for chance" in label for label in labels(reader))


def test_a_hostile_name_is_only_text(chromium, tmp_path):
    for place, name in enumerate((HOSTILE, "plain", "other")):
        encoded = train(
            tmp_path / "runs",
            f"run{place}",
            config={"model.name": name, "model.model": "@vae()", "vae.beta": 1.0 + place, "note.text": name},
        )
        score(encoded, "mig", {"discrete_mig": 0.1 * place})
        score(encoded, "sap", {"SAP_score": 0.2 * place})
    reader = Reader(chromium, written(tmp_path)[0])
    for view in VIEWS:
        reader.open(f"#view={view}&x=mig&y=sap&path=%3Cimg src=x%3E&a=%3Cimg src=x%3E")
        reader.until(f"document.querySelector('#view-{view}').textContent.length > 20")
        assert reader.run("return document.querySelectorAll('img[src=x]').length") == 0
        assert reader.driver.title == "dlib_bvae leaderboard"
    assert console_errors(chromium) == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_chart_is_not_cut_when_printed(reader, view):
    reader.open(f"#view={view}&{DSPRITES}", width=700)
    labels(reader)
    reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        chart = f"document.querySelector('#view-{view} svg[role=img]')"
        assert reader.run(f"return getComputedStyle({chart}).breakInside") == "avoid"
        assert reader.run(f"return {chart}.getBoundingClientRect().right <= innerWidth")
    finally:
        reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
