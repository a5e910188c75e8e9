"""screening.py: which of wide codes are kept, by other images than those that are scored, and what results say of it."""

import numpy as np
import pytest
from scipy.stats import poisson
from sklearn.metrics import mutual_info_score
from support.known_codes import GRID, LARGE

from dlib_bvae import metrics
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.engine import sampling
from dlib_bvae.metrics.engine.codes import CodeReader
from dlib_bvae.metrics.engine.sampling import Sampler, sampled
from dlib_bvae.metrics.engine.screening import _information as information
from dlib_bvae.metrics.engine.screening import most_informative, number_kept, screened, screening_images

SIZES = GRID.factors_num_values


def sparse(grid=GRID, latents=60, knowing=4, seed=0):
    """Mostly 0; the last `knowing` are 1 at a value of a factor each, the one before is dead."""
    rng = np.random.default_rng(seed)
    factors = grid.factors()
    codes = np.where(rng.random((len(factors), latents)) < 0.05, rng.gamma(2, 1, (len(factors), latents)), 0)
    codes[:, -knowing:] = [[f[k % 4] == k // 4 for k in range(knowing)] for f in factors]
    codes[:, -knowing - 1] = 0.1
    return codes.astype(np.float32)


# What is kept -------------------------------------------------------------------------------------------------------------


def slow_information(code, factor):
    """Nats less what chance gives, from the definition, by scipy's Poisson distribution."""
    bins = np.digitize(code, np.histogram(code, 20)[1][:-1])
    rows, columns = (np.unique(each, return_counts=True)[1] for each in (bins, factor))
    number = np.arange(400)
    terms = number * np.log(np.maximum(number, 1))
    expected = lambda rates: sum(poisson.pmf(number, rate) @ terms for rate in np.ravel(rates))
    cells = expected(np.outer(rows, columns) / len(code))
    chance = (cells - expected(rows) - expected(columns) + expected(len(code))) / len(code)
    return mutual_info_score(bins, factor) - chance


def test_it_agrees_with_a_slow_one_from_the_definition():
    rows = np.random.default_rng(0).permutation(360)[:150]
    codes = np.hstack([sparse(latents=20), GRID.noise(5), GRID.identity()])[rows]
    factors = GRID.factors()[rows]
    slow = np.array([[slow_information(code, factor) for factor in factors.T] for code in codes.T])
    np.testing.assert_allclose(information(codes, factors, SIZES), slow, atol=1e-5)
    share = slow / [mutual_info_score(factor, factor) for factor in factors.T]
    share[15] = -np.inf  # the dead one
    ranks = np.array([[np.sum(column > value) for value in column] for column in share.T]).min(axis=0)
    order = sorted(range(len(share)), key=lambda j: (ranks[j], -share[j].max()))
    for number in (1, 3, 10, 28):
        assert most_informative(codes, factors, SIZES, number).tolist() == sorted(order[:number])


def test_each_factor_keeps_as_many_and_dense_noise_does_not_outrank_what_is_sparse():
    """A code of 5 % of the images that knows values of a factor, among dense ones that fill all bins."""
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(0, 100, 600), rng.integers(0, 2, 600)], axis=1)
    codes = np.hstack([rng.normal(size=(600, 50)), factors[:, :1] < 5, np.repeat(factors[:, 1:], 30, axis=1)])
    plain = [mutual_info_score(np.digitize(c, np.histogram(c, 20)[1][:-1]), factors[:, 0]) for c in codes.T]
    assert max(plain[:50]) > 3 * plain[50]
    assert 50 in most_informative(codes, factors, [100, 2], 2)
    assert np.sum(most_informative(codes, factors, [100, 2], 20) < 51) in (9, 10, 11)


def test_dead_codes_and_missing_values_do_no_harm():
    codes, factors = sparse(), GRID.factors().copy()
    factors[::3] = -1
    factors[1::3, 1] = -1
    kept = most_informative(codes, factors, SIZES, 59)
    assert 55 not in kept  # the dead one
    assert set(range(56, 60)) <= set(most_informative(codes, factors, SIZES, 8))
    constant = most_informative(np.zeros((360, 9)), factors, SIZES, 3)
    assert constant.tolist() == [0, 1, 2]


def test_codes_are_wide_from_a_thousand_on_or_as_is_asked():
    assert [number_kept(each) for each in (1, 999, 1_000, 20_000)] == [1, 999, 100, 100]
    with screened(50) as record:
        assert [number_kept(each) for each in (10, 50)] == [10, 50]
        assert record == {}
        assert number_kept(51) == 50
        assert record == {"screened_codes": 50}
    with screened(0) as record:
        assert (number_kept(999), record, number_kept(2_000), record) == (999, record, 100, {"screened_codes": 100})
    assert [screening_images(each) for each in (2, 3, 400, 1_000_000)] == [1, 1, 100, 5_000]
    for wrong, message in ((-1, ">= 0; got -1"), (1_001, "<= 1000; got 1001"), (2.5, "an integer")):
        with pytest.raises(UserError, match=f"screened_codes must be .*{message}"), screened(wrong):
            pass


# On which images ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["disjoint", "with_replacement"])
@pytest.mark.parametrize("function", [False, True])
def test_no_image_that_screened_is_drawn(how, function, monkeypatch):
    seen = []
    choose = sampling.most_informative

    def noted(codes, *rest):
        seen.extend(codes[:, 0])
        return choose(codes, *rest)

    monkeypatch.setattr(sampling, "most_informative", noted)
    monkeypatch.setattr(sampling, "number_kept", lambda latents: 5)
    # The first code is the image's number, which every factor keeps.
    codes = np.hstack([np.arange(360.0)[:, None], sparse()])
    rows = {tuple(f): codes[i] for i, f in enumerate(GRID.factors())}
    given = (lambda x: np.array([rows[tuple(f)] for f in x[:, 0, :, 0].astype(int)])) if function else codes
    with sampled(how):
        sampler = Sampler("m", GRID, given, 0, screens=True)
        kept = sampler.screening["screening"]["kept"]
        assert (kept[0], len(kept), sampler.screening["screening"]["images"]) == (0, 5, 90)
        assert sampler.columns(np.array([0, 4])) == [0, kept[4]]
        samples = [sampler.draw("num", 5_000), *sampler.train_and_test(180, 90)]
    assert len(seen) == len(set(seen)) == 90
    for sample in samples:
        images = sample.codes[:, 0].astype(int)
        assert not set(images) & set(seen)
        np.testing.assert_array_equal(sample.codes, codes[np.ix_(images, kept)])
        np.testing.assert_array_equal(sample.factors, GRID.factors()[images])
    if how == "disjoint":
        assert [len(sample.codes) for sample in samples] == [270, 180, 90]
        assert not set(samples[1].codes[:, 0]) & set(samples[2].codes[:, 0])
    else:
        assert set(samples[0].codes[:, 0]) | set(seen) == set(range(360))


# In metrics ---------------------------------------------------------------------------------------------------------------

SCREENING = [
    "infomec",
    "dci_lasso",
    "dci",
    "dci_es",
    "sap",
    "sap_dlib",
    "unified_scores",
    "modularity_explicitness",
    "downstream_task",
    "reduced_downstream_task",
]


@pytest.mark.parametrize("name", SCREENING)
def test_metrics_score_the_codes_that_are_kept_and_say_which(name):
    few = metrics.small_parameters(name, images=150, fits=2)
    result = metrics.score(name, LARGE, sparse(LARGE), 0, screened_codes=6, **few)
    said = result["screening"]
    assert (said["codes"], said["images"], len(said["kept"])) == (60, 3_000, 6)
    assert set(range(56, 60)) <= set(said["kept"])
    sizes = {
        len(result[key]) for key, known in metrics.matrices(name).items() if known.rows == "code" and key in result
    }
    assert sizes <= {6}
    assert set(result.get("active_codes", said["kept"])) <= set(said["kept"])
    narrow = sparse(LARGE, latents=10)[:, 4:]
    plain = metrics.score(name, LARGE, narrow, 0, **few)
    assert metrics.score(name, LARGE, narrow, 0, screened_codes=6, **few) == plain
    assert "screening" not in plain


def test_it_is_done_again_within_every_matching(monkeypatch):
    chosen = []
    choose = sampling.most_informative
    monkeypatch.setattr(sampling, "most_informative", lambda *given: chosen.append(choose(*given)) or chosen[-1])
    codes = GRID.noise(100)
    found = metrics.score("sap", GRID, codes, 0, screened_codes=8, null=3)
    assert len(chosen) == 4
    assert found["screening"]["kept"] == chosen[0].tolist()
    assert len({tuple(each) for each in chosen}) == 4
    assert found["null"]["SAP_score"]["n"] == 3


def test_noise_that_was_chosen_for_its_information_is_not_above_chance_on_other_images():
    codes = LARGE.noise(400)
    found = metrics.score("dci_lasso", LARGE, codes, 0, screened_codes=20, num_train=2_000, num_test=1_000)
    assert (found["disentanglement"], found["informativeness_test"]) == (0, pytest.approx(0, abs=0.02))


def test_a_function_is_asked_for_its_width_once_and_no_column_is_read_in_vain(monkeypatch):
    codes = sparse()
    read = []
    monkeypatch.setattr(
        CodeReader, "_read", lambda self, *given: read.append(self.columns) or np.zeros((len(given[0]), 5))
    )
    with screened(5):
        sampler = Sampler("m", GRID, codes, 0, screens=True)
    sampler.draw("num", 10)
    assert [None if each is None else len(each) for each in read] == [None, 5]
