"""figures.py: which run a picture is of, drawn once, kept when its model is gone, missing with a reason."""

from __future__ import annotations

import base64

import pytest
from support import report_rows
from support.report_rows import cell

from dlib_bvae.errors import UserError
from dlib_bvae.re_beta_vae import charts, figures, models
from dlib_bvae.re_beta_vae.evidence import Evidence, Subject, of_study
from dlib_bvae.re_beta_vae.figures import Gallery

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


def test_the_highest_score_whose_directory_is_here_stands_for_a_cell(evidence):
    run = figures.shown(evidence, MLP, "1-VAE")
    assert (run.seed, run.folder.name, run.chosen) == (3, "1-3", "seed 3: 60.0 %, the highest score of 2")
    assert figures.shown(evidence, MLP, "4-VAE").seed == 1  # of equal ones the least
    assert figures.shown(evidence, MLP, "10-VAE") is None


def test_a_run_whose_model_is_here_goes_before_one_whose_model_is_gone(evidence, tmp_path):
    (tmp_path / "1-1" / "train" / "saved_model").mkdir()
    run = figures.shown(evidence, MLP, "1-VAE")
    assert (run.seed, run.chosen) == (1, "seed 1: 50.0 %, the highest score of 1")
    assert figures.shown(evidence, MLP, "4-VAE").seed == 1


def test_a_broken_run_is_missing_and_the_others_are_there(evidence, tmp_path, monkeypatch):
    def traversal(folder):
        if folder.name == "1-3":
            raise UserError("broken")
        return folder.name.encode()

    monkeypatch.setattr(models, "traversal", traversal)
    found = {each.caption: each for each in figures.traversals(Gallery(tmp_path / "figures", True), evidence)}
    assert [each.missing for each in found.values()] == ["not run", "broken", "", "not run", *["not run"] * 4]
    drawn = found["Figure 4: dsprites_rendered, MLP, 4-VAE (seed 1: 70.0 %, the highest score of 2)"]
    assert drawn.path.read_bytes() == b"4-1"


def test_the_panel_of_a_broken_run_says_so(evidence, tmp_path, monkeypatch):
    panels = []
    monkeypatch.setattr(charts, "walks", lambda each: panels.append(each) or b"png")

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
    assert first.path.read_bytes() == b"png"
    assert second.missing == "not run"


def test_curves_are_of_the_results_where_they_hold_them_else_of_events(evidence, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(charts, "training_curves", lambda panels, label: drawn.append(panels) or b"svg")

    def of_events(train, tag):
        if train.parent.name == "1-3":
            raise UserError("none")
        return [1], [2.0]

    monkeypatch.setattr(models, "of_events", of_events)
    figures.losses(Gallery(tmp_path / "figures", True), evidence)
    assert drawn == [{"dsprites_rendered, MLP": {"1-VAE (missing)": ([], []), "4-VAE": ([1], [2.0])}}]
    stem = "train_results__fid_curve__"
    kept = {
        f"{stem}name": "fd_x_small_9",
        f"{stem}steps": "[1]",
        f"{stem}values": "[5.0]",
        f"{stem}reconstruction_loss": "[6.0]",
    }
    row = report_rows.training("cifar100", "1-VAE", 1, "Conv", **kept)
    with_curve = Evidence(of_study(report_rows.frame([report_rows.scored(row, "image_quality", fid_sample=1.0)]))[0])
    drawn.clear()
    hundred, ten = figures.distances(Gallery(tmp_path / "other", False), with_curve)
    assert drawn == [{"fd_x_small_9": {"1-VAE": ([1], [5.0])}}]
    assert ten.missing == "no run has a curve of distances (frechet_curve.every_steps)"
    loss = figures.losses(Gallery(tmp_path / "other", False), with_curve)
    assert drawn[1:] == [{"cifar100, Conv": {"1-VAE": ([1], [6.0])}}]
    assert [each.path is not None for each in (hundred, *loss)] == [True, True]


def test_data_sets_that_are_not_here_are_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("DLIB_BVAE_DATA_DIR", raising=False)
    (figure,) = figures.samples(Gallery(tmp_path / "figures", True), ("CIFAR-100",))
    assert figure.missing == "its files are not on this machine"
    (figure,) = figures.samples(Gallery(tmp_path / "figures", False), ("CIFAR-100",))
    assert figure.missing == "pictures are switched off"


def test_figures_9_and_10_are_named_of_cifar100_only(evidence, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "reconstructions", lambda folder: b"png")
    captions = [each.caption for each in figures.reconstructions(Gallery(tmp_path / "figures", True), evidence)]
    assert captions == ["Figure 9: cifar100, Conv, 0.1-VAE", "Figure 10: cifar100, Conv, 10-VAE"]


def broken() -> bytes:
    raise UserError("the SavedModel /home/me/runs/a/train/saved_model is damaged; train again")


def never() -> bytes:
    raise AssertionError("it was drawn before")


def shown(folder, source, make, draw=True, caption="of a"):
    return Gallery(folder, draw).picture("one.png", caption, "alt", source, make)


def test_a_picture_is_drawn_once_and_again_for_another_run(tmp_path):
    first = shown(tmp_path, "a", lambda: b"first")
    assert first.data_uri == "data:image/png;base64," + base64.b64encode(b"first").decode()
    assert shown(tmp_path, "a", never) == first
    second = shown(tmp_path, "b", lambda: b"second", caption="of b")
    assert (second.caption, second.path.read_bytes()) == ("of b", b"second")


@pytest.mark.parametrize(("source", "make", "draw"), [(None, never, True), ("b", broken, True), ("b", never, False)])
def test_a_picture_of_other_runs_is_kept_as_what_it_is(tmp_path, source, make, draw):
    shown(tmp_path, "a", lambda: b"first")
    kept = shown(tmp_path, source, make, draw, caption="of b")
    assert (kept.caption, kept.path.read_bytes()) == ("of a", b"first")


def test_what_is_missing_says_why(tmp_path):
    assert shown(tmp_path, None, never).missing == "not run"
    assert shown(tmp_path, "a", never, draw=False).missing == "pictures are switched off"
    assert shown(tmp_path, "a", broken).missing == "the SavedModel …/saved_model is damaged; train again"
    assert (
        shown(tmp_path, "a", lambda: b"%d" % (1 // 0)).missing
        == "ZeroDivisionError: integer division or modulo by zero"
    )
    assert shown(tmp_path, "a", broken).path is None


def test_a_picture_whose_file_is_gone_is_drawn_again(tmp_path):
    shown(tmp_path, "a", lambda: b"first").path.unlink()
    assert shown(tmp_path, "a", lambda: b"again").path.read_bytes() == b"again"


@pytest.mark.parametrize("text", ["{", "[]", '{"one.png": {}}', '{"one.png": 3}'])
def test_a_damaged_index_moved_elsewhere_has_the_pictures_drawn_again(tmp_path, text):
    shown(tmp_path, "a", lambda: b"first")
    (tmp_path / "figures.json").write_text(text)
    with pytest.raises(
        UserError, match="figures.json is not as this package wrote it, or another's; move it elsewhere"
    ):
        Gallery(tmp_path, True)
    (tmp_path / "figures.json").unlink()
    assert shown(tmp_path, "a", lambda: b"again").path.read_bytes() == b"again"


def test_a_picture_of_the_user_in_the_folder_is_refused(tmp_path):
    (tmp_path / "figure_3.svg").write_text("<svg/>")
    with pytest.raises(
        UserError, match="figure_3.svg is not as this package wrote it, or another's; move it elsewhere"
    ):
        Gallery(tmp_path, True)


def test_charts_of_nothing_are_missing(evidence, tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "subjects", lambda *families: [])
    for chart in (figures.scores_by_beta, figures.scores_by_pairs):
        found = chart(Gallery(tmp_path / "figures", True), evidence)
        assert (found.path, found.missing) == (None, "not run")


def test_a_picture_of_the_same_source_has_today_s_caption_and_one_of_another_its_own(tmp_path):
    gallery = Gallery(tmp_path, True)
    gallery.picture("a.png", "before", "alt before", "run 1", lambda: b"1")
    never = lambda: pytest.fail("it was drawn again")
    same = gallery.picture("a.png", "today", "alt today", "run 1", never)
    assert (same.caption, same.alt) == ("today", "alt today")
    other = gallery.picture("a.png", "today", "alt today", None, never)
    assert (other.caption, other.alt) == ("before", "alt before")
