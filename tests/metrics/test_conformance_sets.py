"""Every metric on every kind of data set: noise is noise, aligned codes have their known score, the same seed the same result.

`pytest -m slow tests/metrics/test_conformance_sets.py` prints the whole table; the default run has cheap metrics on small sets.
"""

import numpy as np
import pytest
from support.conformance_sets import SETS, conformance_set
from support.conformance_table import ARRAYS, Table, chance_of
from support.known_scores import EXCEPTIONS, known, parameters
from support.matchings import matched_scores, p_of_chance, p_of_mean, rejected

from dlib_bvae import metrics

CHEAP = [
    "dcimig",
    "factor_vae_score",
    "infomec",
    "irs",
    "jemmig",
    "linear_identifiability",
    "mcc",
    "med",
    "mig",
    "mig_sup",
    "omes",
    "snc",
    "t_mex",
    "unsupervised",
    "dci_lasso",
]
SMALL = ["tiny grid", "missing combinations", "bfloat16 codes", "permuted file order", "arrays alone"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sets")


def filled(folder, names, labels):
    table = Table(folder)
    table.fill(names, labels)
    return table


def test_cheap_metrics_on_small_sets(folder):
    table = filled(folder, CHEAP, SMALL)
    assert len(table.ps) > len(CHEAP) * (len(SMALL) - 1)
    assert not table.failures(), "\n".join(table.failures())


@pytest.mark.slow
def test_every_metric_on_every_set(folder, capsys):
    names = [name for name in metrics.names() if (name, "all") not in EXCEPTIONS]
    table = filled(folder, names, [label for label in SETS if label != "grid"])
    with capsys.disabled():
        print("\n" + "\n".join(table.lines()))
    assert not table.failures(), "\n".join(table.failures())


def test_exceptions_are_of_metrics_that_there_are():
    assert {name for name, _ in EXCEPTIONS} <= set(metrics.names())


def test_test_images_that_were_trained_on_are_found(folder):
    data = conformance_set("tiny grid", folder)
    given = parameters("dci_random_forest", data)
    for sampling, found in (("disjoint", False), ("with_replacement", True)):
        results = [data.score("dci_random_forest", data.noise(k), k, sampling=sampling, **given) for k in range(ARRAYS)]
        assert (chance_of("dci_random_forest", data, results, given["num_test"])[0] < 1e-6) is found


@pytest.mark.parametrize("name", ["mig", "irs", "factor_vae_score"])
def test_matchings_tell_aligned_codes_from_noise(name, folder):
    data = conformance_set("tiny grid", folder)
    key = next(iter(known(name, data)[0]))

    def score(codes, seed):
        return data.score(name, codes, seed, **parameters(name, data))

    observed = [score(data.aligned, seed)[key] for seed in range(2)]
    null = [[each[key] for each in matched_scores(score, data.aligned, 4, 10 * seed)] for seed in range(2)]
    assert p_of_mean(np.array(observed), np.array(null)) < 1e-4


def test_holm_rejects_the_least_p_until_one_is_large():
    assert rejected({"a": 0.02, "b": 0.001, "c": 0.004, "d": 0.9}, 0.0133) == ["b", "c"]
    assert rejected({"a": 0.02, "b": 0.5}, 0.01) == []


def test_p_is_uniform_where_nothing_is_there():
    rng = np.random.default_rng(0)
    ps = [p_of_mean(rng.normal(size=3), rng.normal(size=(3, 4))) for _ in range(2_000)]
    images = np.full(6, 50)
    ps_of_chance = [p_of_chance(rng.binomial(50, 0.25, 6) / 50, images, np.full(6, 0.25)) for _ in range(2_000)]
    for found in (ps, ps_of_chance):
        assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.015)
