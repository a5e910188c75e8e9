"""paper.py: the paper's numbers agree with each other, and its data sets have names here."""

import pytest

from dlib_bvae.datasets import DATASETS
from dlib_bvae.re_beta_vae import paper


def test_the_papers_means_agree_with_each_other():
    means = [score.mean for model in paper.VAES for score in paper.TABLE_1[model]]
    assert sum(means) / len(means) == pytest.approx(paper.TABLE_2["2Dshapes"]["linear"][0], abs=0.005)


def test_data_sets_have_names_of_this_suite_and_families():
    for name, ours in paper.DATA_SETS.items():
        assert all(each in DATASETS for each in ours)
        assert {paper.family(each) for each in ours} == {name}
    assert paper.family("dummy_data") is None
    assert paper.described("shapes3d") == "shapes3d (official files)"
    assert paper.described("shapes3d_rendered") == "shapes3d_rendered (rendered here, not the official files)"


def test_every_table_has_every_model():
    assert set(paper.TABLE_1) == set(paper.MODELS) == {*paper.VAES, "PCA", "ICA"}
    assert paper.VAES == ("0.1-VAE", "1-VAE", "4-VAE", "10-VAE")
    assert set(paper.TABLE_2) == set(paper.WITH_FACTORS)
    assert all(set(row) == set(paper.CLASSIFIERS) for row in paper.TABLE_2.values())
    assert all(len(row) == len(paper.BETAS) for row in paper.TABLE_3.values())
    assert {name for name, _ in paper.PROTOCOLS} == set(paper.DATA_SETS)
