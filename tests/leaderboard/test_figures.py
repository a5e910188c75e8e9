"""figures.py: what a board has as files for a paper, and what is in them; of constructed rows."""

import xml.etree.ElementTree as ElementTree

import pytest
from support.leaderboard_runs import score, train

from dlib_bvae import leaderboard
from dlib_bvae.leaderboard import figures
from dlib_bvae.leaderboard.figures import files_of

SVG = "{http://www.w3.org/2000/svg}text"


def row(name, metric, mean, *, beta=None, reference=False, seeds=3, **more):
    """A row of a board; its seeds are 0.01 apart."""
    values = [mean + 0.01 * (k - (seeds - 1) / 2) for k in range(seeds)]
    return {
        "id": f"{name} {metric}",
        "name": name,
        "supervision": "none",
        "budget": None if reference else "9 steps of 8",
        "mean": mean,
        "low": None if seeds < 2 else mean - 0.05,
        "high": None if seeds < 2 else mean + 0.05,
        "interval": "t" if seeds > 2 else "range",
        "tied": False,
        "reference": reference,
        "null": None,
        "runs": [{"value": value} for value in values],
        "clauses": [] if beta is None else [["β", "vae.beta", beta]],
        **more,
    }


def board_of(*rows, dataset="dsprites", metrics=("mig", "reconstruction_error"), agreement=()):
    """A board of these rows on one data set, a column for each of `metrics` of which there are rows."""
    columns = [
        {
            "title": metric.upper(),
            "metric": metric,
            "unit": "%" if metric == "mig" else "",
            "higher_is_better": metric != "reconstruction_error",
            "rows": [each["id"] for each in rows if each["id"].endswith(f" {metric}")],
        }
        for metric in metrics
    ]
    place = {"dataset": dataset, "fingerprint": "f" * 16, "data_version": 1, "num_images": 10, "budget": "9 steps of 8"}
    return {
        "rows": list(rows),
        "summary": [{**place, "columns": [each for each in columns if each["rows"]]}],
        "agreement": [{**place, **each} for each in agreement],
    }


def paths(metric="mig", betas=(1.0, 4.0, 10.0)):
    return [row(f"β-VAE β = {beta:g} · conv", metric, 1 / beta, beta=beta) for beta in betas]


def texts(files, name):
    return [each.text for each in ElementTree.fromstring(files[f"figures/{name}.svg"]).iter(SVG)]


def made(monkeypatch, board):
    """{name of a figure: it} of a board, none of which is saved."""
    found = {}
    monkeypatch.setattr(figures, "figure_files", lambda name, figure: found.setdefault(name, figure) and {})
    files_of(board)
    return {name.removeprefix("figures/"): figure for name, figure in found.items()}


def test_every_figure_is_three_files_and_a_line_in_the_list():
    square = {
        "scores": [{"metric": "mig", "score": "discrete_mig"}] * 2,
        "spearman": [[1, 0.5], [0.5, 1]],
        "runs": [[9, 8], [8, 9]],
    }
    board = board_of(*paths(), *paths("reconstruction_error"), dataset="<b>μ/..", agreement=[square])
    files, listed = files_of(board)
    names = [f"figures/{kind}-b" for kind in ("summary", "path", "pareto", "agreement")]
    assert list(files) == [f"{name}.{ending}" for name in names for ending in ("svg", "pdf", "png")]
    assert [(each["svg"], each["pdf"], each["png"]) for each in listed] == [
        tuple(files)[k : k + 3] for k in (0, 3, 6, 9)
    ]
    assert [each["title"].split(":")[0] for each in listed] == [
        "Summary",
        "Scores against the strength of a method",
        "Scores against reconstruction",
        "Agreement of metrics",
    ]
    assert files_of(board)[0] == files
    assert any("<b>μ/.." in text for text in texts(files, "summary-b"))


def test_a_summary_has_lines_intervals_seeds_and_chance(monkeypatch):
    rows = [*paths(betas=(10.0, 2.0)), row("noise", "mig", 0.0, reference=True, null={"mean": 0.02})]
    rows[0]["tied"] = True
    axes = made(monkeypatch, board_of(*rows))["summary-dsprites"].axes[0]
    assert [each.get_text() for each in axes.get_yticklabels()] == [
        "β-VAE β = 2 · conv",
        "β-VAE β = 10 · conv",
        "noise",
    ]
    marks = {round(line.get_xdata()[0], 6): line for line in axes.lines if line.get_marker() == "o"}
    assert sorted(marks) == [0.0, 10.0, 50.0]
    assert marks[10.0].get_markerfacecolor() != "white"
    assert marks[50.0].get_markerfacecolor() == "white"  # significantly worse than the best
    assert [5.0, 15.0] in [[round(x, 6) for x in line.get_xdata()] for line in axes.lines]
    assert [line.get_xdata()[0] for line in axes.lines if line.get_color() == "black"] == [2.0]


def test_two_seeds_have_points_and_no_interval(monkeypatch):
    rows = [row(name, "mig", 0.5, seeds=2) for name in ("a", "b")]
    axes = made(monkeypatch, board_of(*rows))["summary-dsprites"].axes[0]
    assert {line.get_marker() for line in axes.lines} == {"|", "o"}


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (paths(betas=(4.0,)), []),
        ([row("PCA", "mig", 0.5), row("ICA", "mig", 0.4)], ["summary"]),
        (paths(), ["summary", "path"]),
        ([*paths(), *paths("reconstruction_error")], ["summary", "path", "pareto"]),
        ([row("a", "mig", 0.1, beta="@linear_weight()"), row("b", "mig", 0.2, beta=True)], ["summary"]),
    ],
)
def test_a_figure_without_content_is_none(monkeypatch, rows, names):
    assert list(made(monkeypatch, board_of(*rows))) == [f"{name}-dsprites" for name in names]


def test_a_curve_is_of_one_method_and_network_by_its_strength(monkeypatch):
    others = [row("β-VAE β = 4 · mlp", "mig", 0.9, beta=4.0), row("PCA", "mig", 0.3, reference=True)]
    figure = made(monkeypatch, board_of(*paths(betas=(10.0, 1.0, 4.0)), *others))["path-dsprites"]
    (curve,) = [line for line in figure.axes[0].lines if not line.get_label().startswith("_")]
    assert curve.get_label() == "β-VAE · conv"
    assert list(curve.get_xdata()) == [1.0, 4.0, 10.0]
    assert list(curve.get_ydata()) == pytest.approx([100, 25, 10])
    assert figure.axes[0].get_xlabel() == "β"


def test_the_front_has_what_no_other_is_better_than(monkeypatch):
    assert figures._front([(3, 5), (1, 1), (2, 4), (2, 3), (4, 5)]) == [(1, 1), (2, 4), (3, 5)]
    figure = made(monkeypatch, board_of(*paths(), *paths("reconstruction_error")))["pareto-dsprites"]
    (front,) = [line for line in figure.axes[0].lines if line.get_label() == "Pareto front"]
    assert list(front.get_xdata()) == pytest.approx([0.1, 0.25, 1.0])
    assert [each.get_text() for each in figure.axes[0].texts] == ["1", "4", "10"]


def test_of_many_configurations_the_best_are_drawn(monkeypatch):
    rows = [row(f"m{k}", "mig", k / 100) for k in range(figures._MOST_LINES + 5)]
    labels = made(monkeypatch, board_of(*rows))["summary-dsprites"].axes[0].get_yticklabels()
    assert [each.get_text() for each in labels] == [f"m{k}" for k in range(5, figures._MOST_LINES + 5)]


def test_metrics_without_a_correlation_have_no_figure(monkeypatch):
    square = {
        "scores": [{"metric": "mig", "score": "a"}] * 2,
        "spearman": [[1, None], [None, 1]],
        "runs": [[1, 1], [1, 1]],
    }
    assert "agreement-dsprites" not in made(monkeypatch, board_of(*paths(), agreement=[square]))


def test_data_sets_with_one_name_have_files_of_their_own(monkeypatch):
    board = board_of(*paths())
    board["summary"] += [
        {**board["summary"][0], "fingerprint": "e" * 16},
        {**board["summary"][0], "dataset": "Dsprites"},
    ]
    assert [name for name in made(monkeypatch, board) if name.startswith("summary")] == [
        "summary-dsprites-3",
        "summary-dsprites-2",
        "summary-dsprites",
    ]


def test_figures_stand_in_a_folder_of_the_board_and_none_of_an_earlier_one_stays(tmp_path):
    runs, board = tmp_path / "runs", tmp_path / "board"
    for name, beta in {"a": 1.0, "b": 4.0}.items():
        score(train(runs, name, config={"vae.beta": beta}, dataset="first"), "mig", {"discrete_mig": beta / 10})
    (board / "figures").mkdir(parents=True)
    (board / "figures" / "mine.svg").write_text("mine")
    written = leaderboard.run(runs, board)
    names = [f"{kind}-first.{ending}" for kind in ("path", "summary") for ending in ("pdf", "png", "svg")]
    assert sorted(path.name for path in written if path.parent.name == "figures") == names
    for name, beta in {"a": 1.0, "b": 4.0}.items():
        (runs / name).rename(tmp_path / name)
        score(train(runs, name, config={"vae.beta": beta}, dataset="second"), "mig", {"discrete_mig": beta / 10})
    leaderboard.run(runs, board)
    found = sorted(path.name for path in (board / "figures").iterdir())
    assert found == sorted(["mine.svg", *(name.replace("first", "second") for name in names)])


def test_a_front_of_many_configurations_is_of_the_best(monkeypatch):
    rows = [row(f"m{k}", metric, k / 100) for k in range(60) for metric in ("mig", "reconstruction_error")]
    figure = made(monkeypatch, board_of(*rows))["pareto-dsprites"]
    assert len(figure.legends[0].get_texts()) == figures._MOST_LINES + 1
