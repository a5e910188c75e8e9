"""figures.py: which run a picture is of, what stands in its caption, and what is missing with a reason."""

from __future__ import annotations

import pytest
from support import report_rows
from support.report_rows import cell

from dlib_bvae.errors import UserError
from dlib_bvae.re_beta_vae import charts, figures, models
from dlib_bvae.re_beta_vae.evidence import Evidence, Subject, of_study
from dlib_bvae.re_beta_vae.gallery import Gallery

MLP = Subject("dsprites_rendered", "MLP")


@pytest.fixture
def evidence(tmp_path):
    """Three seeds of two β on dsprites_rendered; of the second seed's runs there are rows only."""
    frame = report_rows.frame(
        [*cell(*MLP[:1], "1-VAE", [50, 99, 60], "MLP"), *cell(*MLP[:1], "4-VAE", [70, 80, 70], "MLP")]
    )
    folders = [
        tmp_path / f"{row['train_config.vae.beta']:g}-{row['train_results.seed']}" for _, row in frame.iterrows()
    ]
    for folder, seed in zip(folders, frame["train_results.seed"], strict=True):
        (folder / ("train" if seed != 2 else "other")).mkdir(parents=True)
    frame["folder"] = [str(folder) for folder in folders]
    return Evidence(of_study(frame)[0])


def test_the_run_nearest_to_the_median_stands_for_a_cell(evidence):
    run = figures.shown(evidence, MLP, "1-VAE")
    chosen = "seed 3: 60.0 %, nearest to the median (60.0 %) of 3 seeds"
    assert (run.seed, run.folder.name, run.chosen) == (3, "1-3", chosen)
    assert figures.shown(evidence, MLP, "4-VAE").seed == 1  # of equal ones the least
    assert figures.shown(evidence, MLP, "10-VAE") is None


def test_a_run_whose_model_is_here_goes_before_one_whose_model_is_gone(evidence, tmp_path):
    (tmp_path / "1-1" / "train" / "saved_model").mkdir()
    run = figures.shown(evidence, MLP, "1-VAE")
    assert (run.seed, run.chosen) == (1, "seed 1: 50.0 %, nearest to the median (60.0 %) of 3 seeds")


def test_of_two_runs_as_near_to_the_median_the_lower_score_counts(tmp_path):
    frame = report_rows.frame(cell(*MLP[:1], "1-VAE", [80, 50, 60, 70], "MLP"))
    frame["folder"] = [str(tmp_path / f"{seed}") for seed in frame["train_results.seed"]]
    for folder in frame["folder"]:
        (tmp_path / folder / "train").mkdir(parents=True)
    run = figures.shown(Evidence(of_study(frame)[0]), MLP, "1-VAE")
    assert run.chosen == "seed 3: 60.0 %, nearest to the median (65.0 %) of 4 seeds"


def test_a_cell_without_scores_is_shown_by_its_least_seed(tmp_path):
    rows = [
        report_rows.scored(report_rows.training("cifar10", "1-VAE", seed, "Conv"), "image_quality", fid_sample=1.0)
        for seed in (9, 4)
    ]
    frame = report_rows.frame(rows)
    frame["folder"] = str(tmp_path)
    (tmp_path / "train").mkdir()
    assert figures.shown(Evidence(of_study(frame)[0]), Subject("cifar10", "Conv"), "1-VAE").chosen == "seed 4 of 2"


def named(monkeypatch, attribute, of):
    """Has `charts.attribute` give a figure whose text is of(…)."""
    from matplotlib.figure import Figure

    def draw(*given):
        figure = Figure(figsize=(1, 1))
        figure.text(0, 0, of(*given))
        return figure

    monkeypatch.setattr(charts, attribute, draw)


def test_a_broken_run_is_missing_and_the_others_are_there(evidence, tmp_path, monkeypatch):
    def traversal(folder):
        if folder.name == "1-3":
            raise UserError("broken")
        return folder.name

    named(monkeypatch, "tiles", str)
    monkeypatch.setattr(models, "traversal", traversal)
    found = {each.caption: each for each in figures.traversals(Gallery(tmp_path / "figures", True), evidence)}
    assert [each.missing for each in found.values()] == ["not run", "broken", "", "not run", *["not run"] * 4]
    drawn = found["Figure 4: dsprites_rendered, MLP, 4-VAE (seed 1: 70.0 %, nearest to the median (70.0 %) of 3 seeds)"]
    assert ">4-1<" in drawn.path.read_text()
    assert [path.name for path in drawn.files] == [
        f"figure_4_dsprites_rendered_MLP_4-VAE.{kind}" for kind in ("svg", "pdf", "png")
    ]


def test_the_panel_of_a_broken_run_says_so(evidence, tmp_path, monkeypatch):
    panels = []
    named(monkeypatch, "walks", lambda each: panels.append(each) or "drawn")

    def walk(folder):
        if folder.name == "1-3":
            raise RuntimeError("no such signature")
        return []

    monkeypatch.setattr(models, "walk", walk)
    first, second = figures.walks(Gallery(tmp_path / "figures", True), evidence)
    missing = {
        "0.1-VAE": "missing: not run",
        "1-VAE": "missing: RuntimeError: no such signature",
        "10-VAE": "missing: not run",
    }
    assert panels == [{**missing, "4-VAE": []}]
    assert ">drawn<" in first.path.read_text()
    assert "1-VAE, seed 3: 60.0 %, nearest to the median (60.0 %) of 3 seeds" in first.caption
    assert second.missing == "not run"


@pytest.fixture
def curves(monkeypatch):
    """What curves are drawn of: (panels, share left out)."""
    drawn = []
    named(monkeypatch, "training_curves", lambda panels, label, since=0.0: drawn.append((panels, since)) or label)
    return drawn


def test_curves_are_of_the_events_of_all_seeds(evidence, tmp_path, monkeypatch, curves):
    def of_events(train, tag):
        if train.parent.name == "1-3":
            raise UserError("none")
        return [1], [float(train.parent.name[-1])]

    monkeypatch.setattr(models, "of_events", of_events)
    (hundred, first, *_) = reversed(figures.losses(Gallery(tmp_path / "figures", True), evidence))
    seeds = {"1-VAE (1 seed missing)": [([1], [1.0])], "4-VAE": [([1], [1.0]), ([1], [3.0])]}
    assert curves == [({"dsprites_rendered, MLP": seeds}, 0.25)]
    found = {each.caption.split(":")[1].strip(): each for each in (hundred, first)}
    caption = found["dsprites_rendered, MLP"].caption
    assert caption.endswith("after the first quarter of training; line: median over seeds, band: minimum … maximum")
    assert found["cifar100, Conv"].missing == "not run"


def test_curves_of_the_results_go_before_events(tmp_path, curves):
    stem = "train_results__fid_curve__"
    rows = []
    for seed in (1, 2):
        kept = {f"{stem}name": "fd_x_small_9", f"{stem}steps": "[1]", f"{stem}values": f"[{seed}.0]"}
        kept[f"{stem}reconstruction_loss"] = f"[{seed + 5}.0]"
        rows.append(
            report_rows.scored(
                report_rows.training("cifar100", "1-VAE", seed, "Conv", **kept), "image_quality", fid_sample=1.0
            )
        )
    with_curve = Evidence(of_study(report_rows.frame(rows))[0])
    hundred, ten = figures.distances(Gallery(tmp_path / "other", False), with_curve)
    assert curves == [({"fd_x_small_9": {"1-VAE": [([1], [1.0]), ([1], [2.0])]}}, 0.0)]
    assert ten.missing == "no run has a curve of distances (frechet_curve.every_steps)"
    loss = figures.losses(Gallery(tmp_path / "other", False), with_curve)
    assert curves[1:] == [({"cifar100, Conv": {"1-VAE": [([1], [6.0]), ([1], [7.0])]}}, 0.25)]
    assert [each.path is not None for each in (hundred, *loss)] == [True, True]
    assert [each.caption.split(":")[0] for each in (hundred, ten, *loss)] == ["Figure 7", "As Figure 7", "Figure 8"]


def test_cifar_of_other_files_has_figures_that_say_so(tmp_path, monkeypatch):
    rows = [
        report_rows.scored(
            report_rows.training("image_folder(cifar10 jpg)", model, 1, "Conv", train_results__origin="external"),
            "image_quality",
            fid_sample=1.0,
        )
        for model in ("0.1-VAE", "10-VAE")
    ]
    frame = report_rows.frame(rows)
    frame["folder"] = str(tmp_path)
    (tmp_path / "train").mkdir()
    named(monkeypatch, "tiles", str)
    monkeypatch.setattr(models, "reconstructions", lambda folder: "tiles")
    evidence = Evidence(of_study(frame)[0])
    found = [each for each in figures.reconstructions(Gallery(tmp_path / "figures", True), evidence) if each.path]
    assert [each.caption for each in found] == [
        "As Figure 9: image_folder(cifar10 jpg) (re-encoded), Conv, 0.1-VAE (seed 1 of 1)",
        "As Figure 10: image_folder(cifar10 jpg) (re-encoded), Conv, 10-VAE (seed 1 of 1)",
    ]
    assert found[0].path.name == "figure_9_image_folder_cifar10_jpg_re_encoded_Conv_0.1-VAE.svg"
    assert not any("official" in each.caption for each in found)


def test_data_sets_that_are_not_here_are_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("DLIB_BVAE_DATA_DIR", raising=False)
    (figure,) = figures.samples(Gallery(tmp_path / "figures", True), ("CIFAR-100",))
    assert figure.missing == "its files are not on this machine"
    (figure,) = figures.samples(Gallery(tmp_path / "figures", False), ("CIFAR-100",))
    assert figure.missing == "pictures are switched off"


def test_figures_9_and_10_are_named_of_cifar100_only(evidence, tmp_path, monkeypatch):
    named(monkeypatch, "tiles", str)
    monkeypatch.setattr(models, "reconstructions", lambda folder: "tiles")
    captions = [each.caption for each in figures.reconstructions(Gallery(tmp_path / "figures", True), evidence)]
    assert captions == ["Figure 9: cifar100, Conv, 0.1-VAE", "Figure 10: cifar100, Conv, 10-VAE"]


def test_charts_of_nothing_are_missing(evidence, tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "subjects", lambda *families: [])
    for chart in (figures.scores_by_beta, figures.scores_by_pairs):
        found = chart(Gallery(tmp_path / "figures", True), evidence)
        assert (found.path, found.missing) == (None, "not run")
