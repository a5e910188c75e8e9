"""Pictures and charts over arrays."""

import io

import numpy as np
from PIL import Image

from dlib_bvae.re_beta_vae import charts, models


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_walks_show_what_there_is():
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    full = opened(charts.walks({"1-VAE": [("scale", points)], "4-VAE": [("scale", points)]}))
    part = opened(charts.walks({"1-VAE": [("scale", points)], "4-VAE": "missing: <no> $model$"}))
    assert full.shape == part.shape
    half = full.shape[1] // 2
    assert (full[:, half:] != part[:, half:]).any()


def test_charts_are_the_same_twice_and_name_their_curves():
    panels = {"a & <b>": {"4-VAE": ([16, 64], [50.0, 60.0])}}
    first = charts.scores_by_pairs(panels)
    assert first == charts.scores_by_pairs(panels)
    assert first.lstrip().startswith(b"<?xml")
    assert charts.scores_by_pairs({"a & <b>": {"4-VAE": ([16, 64], [50.0, 61.0])}}) != first
    by_beta = {"a": ([0.1, 1.0, 4.0], [[1.0], [], [2.0, 3.0]], {"PCA": [50.0], "ICA": []})}
    assert b"<svg" in charts.scores_by_beta(by_beta)
    assert b"<svg" in charts.training_curves(
        {"a": {"4-VAE": ([100, 200], [5.0, 4.0]), "1-VAE (missing)": ([], [])}}, "nats"
    )


def test_curves_of_results():
    stem = "train_results.fid_curve."
    record = {f"{stem}name": "fd_x_small_64", f"{stem}steps": "[10, 20]", f"{stem}values": "[3.5, 2.5]"}
    record |= {f"{stem}reconstruction_loss": "[90.0, 80.0]"}
    assert models.of_results(record) == ("fd_x_small_64", ([10, 20], [3.5, 2.5]), ([10, 20], [90.0, 80.0]))
    assert models.of_results({**record, f"{stem}values": None}) is None
    assert models.of_results({}) is None
