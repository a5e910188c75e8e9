"""Unsupervised disentanglement ranking (Duan et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gin
import numpy as np

from dlib_bvae.datasets import ImageData
from dlib_bvae.datasets.ground_truth import RandomState, as_rng, draw
from dlib_bvae.errors import check_integer, unknown
from dlib_bvae.metrics.active import check_threshold
from dlib_bvae.metrics.engine.bounds import MOST_IMAGES, check_codes_fit
from dlib_bvae.metrics.engine.sampling import draw_rows
from dlib_bvae.metrics.engine.scaling import standardised
from dlib_bvae.metrics.run_sets import Member, check_set, mean_kl
from dlib_bvae.metrics.score_info import COUNT, UNIT, About, Result, Sampling

SCORES = {
    "udr": UNIT._replace(high=None, null=None),
    "num_informative": COUNT._replace(null=None),
}  # lasso weights can exceed 1
SAMPLING = Sampling(images=("num_train", "num_kl"))
ABOUT = {
    "udr": About(
        "agreement of runs, latent by latent (`dlib_bvae_metrics rank`)",
        ("udr",),
        ("correlation", "kl_threshold"),
        "Duan et al. 2020",
        "seconds",
        defects="It ranks runs of one set: another run in the set changes all scores.",
    )
}


@gin.configurable(denylist=["data", "members", "random_state"])
def udr(
    data: ImageData,
    members: Sequence[Member],
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_kl: int = 1_000,
    correlation: str = "lasso",
    kl_threshold: float = 0.01,
    alpha: float = 0.1,
) -> list[Result]:
    """How far each run's latents are those of the other runs, one to one: high where training came to the same factors.

    Duan et al. 2020, "Unsupervised model selection for variational disentangled representation learning", section 4.
    Latents whose mean KL over num_kl images is above kl_threshold nats are informative. R (a, b) relates an informative
    latent a of another run with b of this one, both standardised over num_train images: the absolute weight of a in a
    lasso regression of b (correlation="lasso", penalty alpha), or the absolute rank correlation ("spearman"). With d_a
    and d_b of them the agreement of the two runs is (Σ_b max_a R² / Σ_a R + Σ_a max_b R² / Σ_b R) / (d_a + d_b), and a
    run's score the median over the others. The reference suite averages two means instead of dividing by d_a + d_b.

    data: an ImageData, for the KL. members: at least two. random_state: see dlib_bvae.metrics.score. Returns for each
    run udr (0 without informative latents), num_informative, kl (latents,) in nats and udr_of_pairs, one entry a run,
    None for itself. Raises UserError for numbers out of range.
    """
    check_set("udr", members)
    for name, value, least in (("num_train", num_train, 2), ("num_kl", num_kl, 1)):
        check_integer(f"udr.{name}", value, least, MOST_IMAGES)
    for member in members:
        check_codes_fit(max(num_train, num_kl), member.codes.shape[1])
    check_threshold("udr.kl_threshold", kl_threshold)
    check_threshold("udr.alpha", alpha)
    if correlation not in CORRELATIONS:
        raise unknown("udr.correlation", correlation, CORRELATIONS)
    rng = np.random.default_rng(int(draw(as_rng(random_state), 2**31 - 1, 1)[0]))
    rows = draw_rows("udr", rng, len(members[0].codes), max(num_train, num_kl))
    kl = [mean_kl(member, data, rows[:num_kl]) for member in members]
    codes = [
        standardised(member.codes[rows[:num_train]])[:, each > kl_threshold]
        for member, each in zip(members, kl, strict=True)
    ]
    pairs = CORRELATIONS[correlation](codes, alpha)
    others = ~np.eye(len(members), dtype=bool)
    return [
        {
            "udr": float(np.median(pairs[others[:, i], i])),
            "num_informative": codes[i].shape[1],
            "kl": kl[i].tolist(),
            "udr_of_pairs": [float(each) if k != i else None for k, each in enumerate(pairs[:, i])],
        }
        for i in range(len(members))
    ]


def agreement(relation: np.ndarray) -> float:
    """Relation ≥ 0 of the latents of two runs (d_a, d_b) → how nearly it is one to one; 0 where there are none."""
    if not relation.size:
        return 0.0
    ones = [_shares(relation), _shares(relation.T)]
    return float(np.concatenate(ones).sum() / sum(relation.shape))


def _shares(relation: np.ndarray) -> np.ndarray:
    """Of each column the square of its largest entry over its sum; 0 for a column of zeros."""
    total = relation.sum(axis=0)
    return np.where(total > 0, relation.max(axis=0) ** 2 / np.where(total > 0, total, 1), 0)


def _lasso(codes: Sequence[np.ndarray], alpha: float) -> np.ndarray:
    """Agreement of every run a (row) with every other b (column), whose latents are regressed on those of a."""
    import warnings

    from sklearn.linear_model import Lasso
    from threadpoolctl import threadpool_limits

    pairs = np.zeros((len(codes), len(codes)))
    with threadpool_limits(1), warnings.catch_warnings():
        # A penalty of 0 is least squares, which scikit-learn would rather solve otherwise.
        warnings.filterwarnings("ignore", message=".*alpha=0|.*without regularization|Objective did not converge")
        for i, j in np.argwhere(~np.eye(len(codes), dtype=bool)):
            if codes[i].shape[1] and codes[j].shape[1]:
                weights = Lasso(alpha=alpha).fit(codes[i], codes[j]).coef_
                pairs[i, j] = agreement(np.abs(np.atleast_2d(weights)).T)
    return pairs


def _spearman(codes: Sequence[np.ndarray], alpha: float) -> np.ndarray:
    """The same by rank correlations, which are those of both directions."""
    del alpha
    from scipy.stats import rankdata

    ranks = [standardised(rankdata(each, axis=0)) if each.shape[1] else each for each in codes]
    pairs = np.zeros((len(codes), len(codes)))
    for i, j in np.argwhere(np.tri(len(codes), k=-1, dtype=bool)):
        pairs[i, j] = pairs[j, i] = agreement(np.abs(ranks[i].T @ ranks[j]) / len(ranks[i]))
    return pairs


CORRELATIONS: dict[str, Callable[[Sequence[np.ndarray], float], np.ndarray]] = {"lasso": _lasso, "spearman": _spearman}
