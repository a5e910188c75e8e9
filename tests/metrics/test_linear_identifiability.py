"""linear_identifiability.py: known answers, a slow version from the definition, and the authors' numbers."""

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from support.known_codes import GRID, LARGE, mixed

from dlib_bvae import metrics
from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.linear_identifiability import SCORES, linear_identifiability

STANDARD = LARGE.identity() / LARGE.identity().std(axis=0)
TURN = np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
TURNED = STANDARD @ np.kron(TURN, TURN)


def scores(codes, data=LARGE, **parameters):
    """r2_factors_to_codes, r2_codes_to_factors, orthogonality_error, procrustes_error."""
    found = linear_identifiability(data, codes, 0, **parameters)
    return [found[key] for key in SCORES]


def of_arrays(factors, codes, kinds=None, **parameters):
    return metrics.score("linear_identifiability", factors=factors, codes=codes, factor_kinds=kinds, **parameters)


# Known answers ------------------------------------------------------------------------------------------------------------

KNOWN = [
    ("aligned", STANDARD, [1, 1, 0, 0]),
    ("rotated, which mig and dci punish", TURNED, [1, 1, 0, 0]),
    ("rotated, moved by a constant", TURNED + [0, 9, -9, 1e6], [1, 1, 0, 0]),
    ("as in a larger space", np.hstack([TURNED, np.ones((12_000, 2))]), [1, 1, 0, 0]),
    ("twice as large: 4 − 1 and (2 − 1)²", 2 * TURNED, [1, 1, 3, 1]),
    ("two factors missing: a half, and a half of the squared length", STANDARD[:, :2], [1, 0.5, 0.5**0.5, 0.5]),
    ("two factors stand twice", STANDARD[:, [0, 1, 2, 3, 0, 1]], [1, 1, 0.5**0.5, (2 - 2 * 2 * 2**0.5 + 4) / 4]),
    ("squares", (STANDARD**2 - 1)[:, 1:2], [0, 0, 1, 1 + (STANDARD[:, 1] ** 4).mean() / 4 - 1 / 4]),
    ("constant", np.full((12_000, 3), 0.1), [0, 0, 1, 1]),
]


@pytest.mark.parametrize(("codes", "expected"), [each[1:] for each in KNOWN], ids=[each[0] for each in KNOWN])
def test_codes_with_known_scores(codes, expected):
    # Whitening by a sample of n images is off by about sqrt(2 / n) a factor; values of a square are spread more.
    assert scores(codes, num_train=8_000, num_test=4_000) == pytest.approx(expected, abs=0.05)


def test_an_invertible_map_of_the_codes_changes_what_codes_are_of_factors_but_not_what_factors_are_of_codes():
    codes = mixed(LARGE)
    moved = codes @ np.random.default_rng(0).normal(size=(5, 5)) + 3
    plain, other = scores(codes), scores(moved)
    assert plain[1] == pytest.approx(other[1])
    assert abs(plain[2] - other[2]) > 0.1


def test_noise_scores_nothing_however_many_codes_there_are():
    r2_to_codes, r2_to_factors, error, distance = scores(LARGE.noise(4))
    assert [r2_to_codes, r2_to_factors, error, distance] == pytest.approx([0, 0, 1, 2], abs=0.05)
    many = linear_identifiability(LARGE, LARGE.noise(600), 0, num_train=600, num_test=600)
    assert many["orthogonality_error"] == pytest.approx(1, abs=0.15)  # of the square of one map: 0.1
    assert many["procrustes_error"] == pytest.approx((600 + 4) / 4, rel=0.1)
    assert many["r2_factors_to_codes"] == pytest.approx(0, abs=0.02)
    reason = "600 training images are fewer than two a code, of 600; raise num_train"
    assert many["missing_scores"] == {"r2_codes_to_factors": reason}
    assert many["r2_codes_to_factors"] is many["r2_per_factor"] is None
    half = linear_identifiability(LARGE, LARGE.noise(100), 0, num_train=200, num_test=2_000)
    assert half["r2_codes_to_factors"] == pytest.approx(-100 / 99, abs=0.4)


# A slow version, and the authors' numbers ---------------------------------------------------------------------------------


def rows(codes, count):
    """The codes (n, latents) with zeros to `count` columns."""
    return np.pad(codes, ((0, 0), (0, count - codes.shape[1])))


def slow(codes, factors, fresh, truth):
    """The four scores by other libraries; factors are whitened by Cholesky's root."""
    root = np.linalg.inv(np.linalg.cholesky(np.cov(factors.T, bias=True))).T
    white, white_truth = (factors - factors.mean(axis=0)) @ root, (truth - factors.mean(axis=0)) @ root
    to_codes, again = LinearRegression().fit(white, codes), LinearRegression().fit(white_truth, fresh)
    to_factors = LinearRegression().fit(codes, factors)
    squared = to_codes.coef_.T @ again.coef_
    centred, moved = codes - codes.mean(axis=0), fresh - codes.mean(axis=0)
    size = max(codes.shape[1], factors.shape[1])
    turn, _ = orthogonal_procrustes(rows(white, size), rows(centred, size))
    distances = ((rows(moved, size) - rows(white_truth, size) @ turn) ** 2).sum(axis=1)
    return [
        r2_score(fresh, to_codes.predict(white_truth), multioutput="variance_weighted"),
        r2_score(truth, to_factors.predict(fresh)),
        np.linalg.norm((squared + squared.T) / 2 - np.eye(len(root))) / np.sqrt(len(root)),
        distances.mean() / len(root),
    ]


@pytest.mark.parametrize("latents", [1, 2, 4, 7])
def test_it_agrees_with_a_slow_one_from_the_definition(latents):
    codes = mixed(GRID, latents=latents)
    samples = Sampler("any", GRID, codes, 3).train_and_test(200, 100)
    (seen, factors), (fresh, truth) = ((each.codes, each.factors.astype(float)) for each in samples)
    expected = slow(seen, factors, fresh, truth)
    found = linear_identifiability(GRID, codes, 3, num_train=200, num_test=100)
    assert [found[key] for key in SCORES] == pytest.approx(expected)
    assert np.mean(list(found["r2_per_factor"].values())) == pytest.approx(found["r2_codes_to_factors"])


def spiral(z):
    angle = np.pi * np.linalg.norm(z, axis=1)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * z[:, 0] - sin * z[:, 1], sin * z[:, 0] + cos * z[:, 1]], axis=1)


# What the functions of klindtlab/lejepa-identifiability (compute_all_metrics) give of its mixings of a million pairs of normal
# factors: r2_zh, r2_hz, orth_err_normalized, procrustes_mse. It does not centre codes, so banana's were centred; its
# Procrustes error is a sum, here over N = 2.
AUTHORS = [
    (spiral, [0.0118, 0.0118, 0.9882, 3.5637]),
    (lambda z: np.stack([z[:, 0], z[:, 1] + z[:, 0] ** 2 - 1], axis=1), [0.4996, 0.6666, 0.0096, 2.0049]),
    (lambda z: np.stack([z[:, 0] + np.sin(1.5 * z[:, 1]), z[:, 1]], axis=1), [0.8966, 0.8976, 0.515, 0.3778]),
]


@pytest.mark.parametrize(("mixing", "expected"), AUTHORS, ids=["spiral", "banana", "sinusoid"])
def test_it_gives_the_authors_numbers(mixing, expected):
    factors = np.random.default_rng(0).standard_normal((30_000, 2))
    found = of_arrays(factors, mixing(factors), ["continuous"] * 2, num_train=15_000, num_test=15_000)
    assert [found[key] for key in SCORES] == pytest.approx([*expected[:3], expected[3] / 2], abs=0.05)


# Factors ------------------------------------------------------------------------------------------------------------------


def test_a_factor_that_others_tell_counts_once_in_whitened_ones():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(3_000, 2))
    redundant = np.column_stack([factors, factors.sum(axis=1)])
    found = of_arrays(redundant, factors, ["continuous"] * 3, num_train=2_000, num_test=1_000)
    assert [found[key] for key in SCORES] == pytest.approx([1, 1, 0, 0], abs=0.1)
    assert list(found["r2_per_factor"].values()) == pytest.approx([1, 1, 1])


def test_factors_that_are_no_numbers_are_left_out_and_images_that_lack_one_do_not_count():
    factors = GRID.factors().astype(float)
    factors[::3, 2], factors[::4, 0] = np.nan, np.nan
    found = of_arrays(factors, GRID.identity()[:, 1:3], ["cyclic", "ordinal", "ordinal", "categorical"])
    assert found["left_out"] == {"factor_0": "cyclic", "factor_3": "categorical"}
    assert found["r2_per_factor"] == pytest.approx({"factor_1": 1, "factor_2": 1})
    assert found["factors"] == ["factor_1", "factor_2"]
    named = linear_identifiability(GRID, GRID.identity(), 0, leave_out=["factor_3"])
    assert named["left_out"] == {"factor_3": "named in leave_out"}
    with pytest.raises(
        NotApplicable, match="linear_identifiability takes factors for numbers, and none of .* is left as one"
    ):
        of_arrays(GRID.factors(), GRID.identity(), ["cyclic"] * 4)


def test_images_that_do_not_do_are_refused():
    factors = np.column_stack([np.arange(90) % 3, np.arange(90) % 2]).astype(float)
    factors[np.arange(90) % 2 == 0, 0] = np.nan
    with pytest.raises(
        UserError, match=r"identifiability\.num_train: \d+ images show one value of 'factor_1' only by chance"
    ):
        of_arrays(factors, factors[:, 1:], num_train=60, num_test=30)
    factors[:, 1] = np.where(np.arange(90) % 2 == 0, np.arange(90) % 4, np.nan)
    with pytest.raises(
        UserError, match=r"0 of the images of linear_identifiability\.num_train have a value of each of"
    ):
        of_arrays(factors, np.ones((90, 2)), num_train=60, num_test=30)
