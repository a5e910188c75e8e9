"""paper.py: the paper's numbers agree with each other, and its data sets have names here."""

import pytest

from dlib_bvae import datasets
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


@pytest.mark.parametrize(
    ("name", "origin", "label"),
    [
        ("cifar10", "official", "cifar10"),
        ("cifar10", "external", "cifar10 (re-encoded or unverified)"),
        ("cifar10_jpeg", "external", "cifar10_jpeg (re-encoded)"),
        ("cifar10_other", "re-encoded", "cifar10_other (re-encoded)"),
        ("image_folder(cifar-100 JPG)", "external", "image_folder(cifar-100 JPG) (re-encoded)"),
        ("dsprites_full", "external", "dsprites_full (unverified)"),
        ("dsprites_rendered", "rendered", "dsprites_rendered"),
    ],
)
def test_files_that_are_not_known_to_be_official_are_never_called_so(name, origin, label):
    assert paper.labelled(name, origin) == label
    assert paper.family(label) == paper.family(name) is not None
    assert paper.described(label).endswith("(official files)") == (origin == "official")


def test_cifar_is_known_by_any_name_that_begins_so():
    found = {name: paper.family(name) for name in ("cifar10", "CIFAR-10", "cifar_100_small", "from_file(cifar10.npz)")}
    assert list(found.values()) == ["CIFAR-10", "CIFAR-10", "CIFAR-100", "CIFAR-10"]
    assert [paper.family(name) for name in ("cifar1000", "grey(cifar10)", "image_folder(my cifar10)", "cifar")] == [
        None
    ] * 4


def test_chance_is_one_in_the_factors_asked_for():
    assert paper.chance("dsprites_full (unverified)") == paper.chance("dsprites_rendered") == 20
    assert paper.chance("dsprites_rendered", without_shape=True) == 25
    assert (paper.chance("shapes3d"), paper.chance("mpi3d_toy")) == (100 / 6, 100 / 7)
    assert paper.chance("cifar10") is None
    for name, ours in paper.DATA_SETS.items():
        if name in paper.WITH_FACTORS:
            for each in ours:
                assert paper.FACTORS[name] == sum(size > 1 for size in datasets.load(each).factor_sizes)


def test_every_table_has_every_model():
    assert set(paper.TABLE_1) == set(paper.MODELS) == {*paper.VAES, "PCA", "ICA"}
    assert paper.VAES == ("0.1-VAE", "1-VAE", "4-VAE", "10-VAE")
    assert set(paper.TABLE_2) == set(paper.WITH_FACTORS)
    assert all(set(row) == set(paper.CLASSIFIERS) for row in paper.TABLE_2.values())
    assert all(len(row) == len(paper.BETAS) for row in paper.TABLE_3.values())
    assert {name for name, _ in paper.PROTOCOLS} == set(paper.DATA_SETS)


def test_the_numbers_are_those_of_the_committed_report(committed_report):
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in committed_report if line.startswith("|")]

    def row(first, columns):
        return next(line for line in cells if line[0] == first and len(line) == columns)

    for model in paper.MODELS:
        five, four = paper.TABLE_1[model]
        line = row(model, 12)
        assert [line[2], line[4], line[6], line[8]] == [
            f"{five.mean:.2f} ± {five.std:.2f}", f"{five.median:.2f}", f"{four.mean:.2f} ± {four.std:.2f}", f"{four.median:.2f}",
        ]  # fmt: skip
        assert line[9] == ("{:.2f} ± {:.1f}".format(*paper.HIGGINS[model]) if model in paper.HIGGINS else "–")
    for name, by_classifier in paper.TABLE_2.items():
        assert row(f"paper: {name}", 6)[1:5] == [
            "{:.2f} ± {:.2f}".format(*by_classifier[each]) for each in paper.CLASSIFIERS
        ]
    fids = [line[1:5] for line in cells if line[0].startswith("paper: FID of reconstructions")]
    assert fids == [[f"{each:.1f}" for each in row] for row in paper.TABLE_3.values()]
    assert [line[5] for line in cells if line[0] == "paper: FID of samples"] == [
        f"{paper.WGAN_GP['CIFAR-10']:.1f}",
        "–",
    ]
    for (name, kind), protocol in paper.PROTOCOLS.items():
        seeds = f"{len(protocol.seeds)}: {', '.join(map(str, protocol.seeds))}"
        given = ["0.1, 1, 4, 10", protocol.optimiser, str(protocol.batch), str(protocol.latents), "not stated", seeds]
        assert row(f"paper: {name}, {kind}", 8)[2:] == given
    for model, images in paper.BASELINES.items():
        images_of = [line[2] for line in cells if line[0].endswith(f", {model}") and len(line) == 4]
        assert {int(each.replace(",", "")) for each in images_of} == set(images)
    claims = [line.split(". ", 1)[1] for line in committed_report if line.startswith("### ")]
    assert claims == list(paper.CLAIMS)
