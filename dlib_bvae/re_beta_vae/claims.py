"""The rules by which numbers decide whether each of the report's six claims holds, each a test; every score is in "
"percent."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dlib_bvae.re_beta_vae.evidence import Seeds
from dlib_bvae.re_beta_vae.welch import LEAST_SEEDS, LEVEL, Sides, better_half, contrast, every, some

HOLDS, FAILS, OPEN = "holds", "does not hold", "not decidable"
NEAR_PERFECT = 98.0
HIGH_SCORE, LOW_MIG = 90.0, 0.5
MARGIN = 5.0  # points between classifiers; the largest difference in the paper's Table 2 is 3.1
_HIGGINS = "4-VAE"  # whose 99 % claim 1 is about

Values = Mapping[str, Seeds]  # model → values (seeds,)
BySeed = Mapping[int, float]  # seed → value

METHOD = (
    f"Each verdict is a test over seeds, at {100 * LEVEL:g} % in each of two directions: one-sided Welch tests of means, and"
    " where two values are of the same run, of their differences within runs. A claim holds where the null hypothesis that "
    "it is not true is rejected; it does not hold where the null hypothesis that its contrary is not true is rejected; "
    f"otherwise it is not decidable, as it is where a cell (one model on one data set) has fewer than {LEAST_SEEDS} seeds.",
    "Several comparisons in one claim: where all must be true, each must be significant and p is the largest of them "
    "(intersection–union test); where one is enough, p is the smallest times their number (Holm's first step). Nothing is "
    "corrected over claims and data sets. Values are taken as normally distributed over seeds. With three or four seeds "
    "only large differences are found: “not decidable” does not say that there is none.",
)
RULES = {
    "1": f"Holds when, for every β-VAE, three mean scores lie significantly below {NEAR_PERFECT:g} %: all factors over all "
    "seeds, all factors over the better half of the seeds, without shape over all seeds. Does not hold when at least one of"
    f" these lies significantly above {NEAR_PERFECT:g} %. The better half, whose seeds are chosen by their scores, is tested"
    " as the better half that a normal distribution over seeds gives (noncentral t).",
    "2": "Holds when one β ≤ 1 has a mean score significantly above that of every β > 1. Does not hold when one β > 1 has a"
    " mean score significantly above that of every β ≤ 1.",
    "3": f"Holds when at least one β-VAE has a mean score significantly above {HIGH_SCORE:g} % and a mean mutual information"
    f" gap (MIG) significantly below {LOW_MIG:g}. Does not hold when at least one has a mean score significantly above "
    f"{HIGH_SCORE:g} % and a mean MIG significantly above {LOW_MIG:g}, and every other one a lower score or a larger MIG, "
    "significantly. MIG stands in for the eye: it asks that each factor is in one latent alone. Figures 4 and 5 show the "
    "latents.",
    "4a": "Holds when the mean reconstruction loss (nats per image, at the end of training) grows significantly with every "
    "step of β. Does not hold when it falls significantly at one step at least.",
    "4b": "Holds when the correlation over β of FID of reconstructions and reconstruction loss, one value per seed, has a "
    "mean significantly above 0. Does not hold when it has one significantly below 0.",
    "5": "Holds when, from L = 16 to L = 256, three things are significant: every model's mean score rises, that of PCA and"
    " ICA rises by more on average than that of the β-VAEs, and the range of the β-VAEs' scores, taken seed by seed, "
    "shrinks. Does not hold when one of these is significantly the other way round.",
    "6": f"Holds when the mean scores of any two classifiers differ by significantly less than {MARGIN:g} points, averaged "
    "over the β-VAEs, each β with equal weight (equivalence by two one-sided tests for every pair). Does not hold when two "
    f"of them differ by significantly more than {MARGIN:g} points.",
}


class Verdict(NamedTuple):
    """status: one of HOLDS, FAILS, OPEN. evidence: the numbers that decided, in sentences. short: the reason in few words."""

    status: str
    evidence: str
    short: str


class References(NamedTuple):
    """What a β-VAE's scores compare with. pca: scores (seeds,) in percent; chance: in percent, None where it is "
    "not known."""

    pca: Seeds = ()
    chance: float | None = None


_NO_REFERENCES = References()


def not_near_perfect(all_factors: Values, without_shape: Values) -> Verdict:
    """Claim 1 on β-VAEs, each with LEAST_SEEDS seeds or more in both; it cannot hold without that of Higgins et al."""
    there = {name: (all_factors[name], without_shape.get(name, ())) for name in all_factors if len(all_factors[name])}
    models = _enough(there)
    needed = (
        f"scores with all factors and without shape of every β that was run, and of the {_HIGGINS} of Higgins et al."
    )
    if not models:
        return _too_few(needed, all_factors)
    rules: dict[str, dict[str, Sides]] = {
        "all factors, all seeds": {name: contrast([(1, all_factors[name])], NEAR_PERFECT) for name in models},
        "all factors, better half": {name: better_half(all_factors[name], NEAR_PERFECT) for name in models},
        "without shape, all seeds": {name: contrast([(1, without_shape[name])], NEAR_PERFECT) for name in models},
    }
    numbers = []
    for rule, found in rules.items():
        estimates = {name: each.estimate for name, each in found.items()}
        top = max(estimates, key=estimates.__getitem__)
        numbers.append(f"{rule}: at most {found[top].estimate:.2f} % ({top})")
    kept = {name: better_half(without_shape[name], NEAR_PERFECT).estimate for name in models}
    top = max(kept, key=kept.__getitem__)
    sides = {f"{rule}, {name}": each for rule, found in rules.items() for name, each in found.items()}
    contrary = some([each.above for each in sides.values()])
    evidence = _sentence("; ".join(numbers))
    evidence += f". Without shape and over the better half of the seeds: {kept[top]:.2f} % ({top}). "
    if contrary >= LEVEL and (_HIGGINS not in models or len(models) < len(there)):
        return _too_few(needed, all_factors, evidence)
    below = {name: each.below for name, each in sides.items()}
    return _decided(every([*below.values()]), contrary, f"{evidence}{_weakest(below)}", all_factors)


def small_beta_is_best(scores: Mapping[float, Seeds], references: References = _NO_REFERENCES) -> Verdict:
    """Claim 2: β → scores (seeds,); needs a β of at most 1 and one above, each with LEAST_SEEDS seeds."""
    named = _named(scores)
    means = {beta: float(np.mean(values)) for beta, values in scores.items() if len(values)}
    order = sorted(means, key=lambda beta: -means[beta])
    numbers = (
        f"Means from the best: {', '.join(f'{beta:g}-VAE {means[beta]:.2f} %' for beta in order)}. " if means else ""
    )
    numbers += _compared(scores[order[0]], f"{order[0]:g}-VAE", references) if order else ""
    tested = _enough({beta: (values,) for beta, values in scores.items()})
    small, large = [beta for beta in tested if beta <= 1], [beta for beta in tested if beta > 1]
    if not small or not large or len(tested) < len(means):
        return _too_few("scores of every β that was run, of a β ≤ 1 and of a β > 1", named, numbers)
    above = lambda one, other: contrast([(1, scores[one]), (-1, scores[other])]).above
    holds = some([every([above(one, other) for other in large]) for one in small])
    contrary = some([every([above(one, other) for other in small]) for one in large])
    return _decided(holds, contrary, numbers, named)


def high_score_without_disentanglement(
    found: Mapping[str, Sequence[tuple[float, float]]], references: References = _NO_REFERENCES
) -> Verdict:
    """Claim 3: β-VAE → (score in percent, MIG in [0, 1]) of every seed."""
    scores = {name: [score for score, _ in pairs] for name, pairs in found.items()}
    gaps = {name: [gap for _, gap in pairs] for name, pairs in found.items()}
    numbers = ", ".join(
        f"{name} {np.mean(scores[name]):.2f} % with MIG {np.mean(gaps[name]):.2f}" for name in scores if scores[name]
    )
    numbers = f"Means: {numbers}. " if numbers else ""
    top = max((name for name in scores if scores[name]), key=lambda name: float(np.mean(scores[name])), default=None)
    numbers += _compared(scores[top], top, references) if top else ""
    models = _enough({name: (each,) for name, each in scores.items()})
    if not models:
        return _too_few("scores and MIG of one β-VAE", scores, numbers)
    score = {name: contrast([(1, scores[name])], HIGH_SCORE) for name in models}
    gap = {name: contrast([(1, gaps[name])], LOW_MIG) for name in models}
    holds = some([every([score[name].above, gap[name].below]) for name in models])
    one_is_high = some([every([score[name].above, gap[name].above]) for name in models])
    none_is_both = every([some([score[name].below, gap[name].above]) for name in models])
    if len(models) < sum(map(bool, scores.values())):  # what was not tested may be both
        none_is_both = 1.0
    return _decided(holds, every([one_is_high, none_is_both]), numbers, scores)


def lower_beta_reconstructs_better(losses: Mapping[float, Seeds]) -> Verdict:
    """Claim 4a: β → reconstruction losses in nats (seeds,); needs two β, each with LEAST_SEEDS seeds."""
    named = _named(losses)
    there = sorted(beta for beta, values in losses.items() if len(values))
    numbers = ", ".join(f"{beta:g}-VAE {np.mean(losses[beta]):,.1f}" for beta in there)
    numbers = f"Means in nats per image: {numbers}. " if there else ""
    if len(there) < 2 or len(_enough({beta: (losses[beta],) for beta in there})) < len(there):
        return _too_few("a reconstruction loss at every β that was run, and at two", named, numbers)
    steps = {
        f"from β = {low:g} to {high:g}": contrast([(1, losses[high]), (-1, losses[low])])
        for low, high in itertools.pairwise(there)
    }
    above = {name: each.above for name, each in steps.items()}
    contrary = some([each.below for each in steps.values()])
    return _decided(every([*above.values()]), contrary, numbers + _weakest(above), named)


def fid_follows_loss(fids: Mapping[float, BySeed], losses: Mapping[float, BySeed], name: str) -> Verdict:
    """Claim 4b: β → seed → distance called `name`, and loss; needs LEAST_SEEDS seeds with both at the same three β "
    "or more."""
    there = [beta for beta in sorted(fids) if set(fids[beta]) & set(losses.get(beta, {}))]
    seeds = sorted(set.intersection(*(set(fids[beta]) & set(losses[beta]) for beta in there)) if there else ())
    named = {f"{beta:g}-VAE": list(fids[beta].values()) for beta in fids}
    numbers = ", ".join(
        f"{beta:g}-VAE {np.mean([*fids[beta].values()]):.1f} and {np.mean([*losses[beta].values()]):,.1f} nats"
        for beta in there
    )
    numbers = f"Means: {numbers}. " if there else ""
    if len(there) < 3 or len(seeds) < LEAST_SEEDS:
        return _too_few(f"{name} and reconstruction loss of the same seeds at three β", named, numbers)
    over_beta = [_correlation([fids[b][seed] for b in there], [losses[b][seed] for b in there]) for seed in seeds]
    found = contrast([(1, over_beta)])
    numbers += (
        f"Mean correlation over β: {found.estimate:.2f}, {min(over_beta):.2f} to {max(over_beta):.2f} over seeds. "
    )
    return _decided(found.above, found.below, numbers, named)


def _correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Pearson's; 0 where one of them does not vary."""
    return 0.0 if len({*one}) == 1 or len({*other}) == 1 else float(np.corrcoef(one, other)[0, 1])


def larger_batches_help(
    few: Mapping[str, BySeed], many: Mapping[str, BySeed], linear: Sequence[str] = ("PCA", "ICA")
) -> Verdict:
    """Claim 5: model → seed → score at L = 16 (few) and at L = 256 (many); needs PCA, ICA and two β-VAEs, "
    "LEAST_SEEDS each."""
    seeds = {name: sorted(set(few[name]) & set(many.get(name, {}))) for name in few}
    there = [name for name in few if seeds[name]]
    rises = {name: [many[name][seed] - few[name][seed] for seed in seeds[name]] for name in few}
    vaes = [name for name in there if name not in linear]
    shared = sorted(set.intersection(*(set(seeds[name]) for name in vaes)) if vaes else ())
    numbers = ", ".join(f"{name} {signed(float(np.mean(rises[name])))}" for name in there)
    numbers = f"Mean change in points: {numbers}. " if there else ""
    tested = _enough({name: (rises[name],) for name in there})
    if len(vaes) < 2 or not set(linear) <= set(there) or len(tested) < len(there) or len(shared) < LEAST_SEEDS:
        return _too_few("PCA, ICA and two β-VAEs of the same seeds at both L", rises, numbers)
    changes = {f"the rise of {name}": contrast([(1, rises[name])]) for name in there}
    weights = {name: 1 / len(linear) if name in linear else -1 / len(vaes) for name in (*linear, *vaes)}
    most = contrast([(weight, rises[name]) for name, weight in weights.items()])
    before, after = ([float(np.ptp([at[name][seed] for name in vaes])) for seed in shared] for at in (few, many))
    closer = contrast([(1, np.array(before) - np.array(after))])
    sides = changes | {"the rise of PCA and ICA against the β-VAEs'": most, "the range of the β-VAEs": closer}
    numbers += (
        f"Mean rise of PCA and ICA less that of the β-VAEs: {signed(most.estimate)}; mean range of the β-VAEs "
        f"{np.mean(before):.2f}, then {np.mean(after):.2f} points. "
    )
    above = {name: each.above for name, each in sides.items()}
    contrary = some([each.below for each in sides.values()])
    return _decided(every([*above.values()]), contrary, numbers + _weakest(above), rises)


def classifier_hardly_matters(scores: Mapping[str, Mapping[str, BySeed]]) -> Verdict:
    """Claim 6: classifier → β-VAE → seed → score; needs two classifiers on the same runs, LEAST_SEEDS of every "
    "β-VAE."""
    names = [name for name, by_model in scores.items() if any(by_model.values())]
    models = list(dict.fromkeys(model for name in names for model in scores[name] if scores[name][model]))
    shared = {model: set.intersection(*(set(scores[name].get(model, {})) for name in names)) for model in models}
    counts = {model: sorted(seeds) for model, seeds in shared.items()}
    means = {
        name: np.mean([np.mean([*by_seed.values()]) for by_seed in scores[name].values() if by_seed]) for name in names
    }
    numbers = f"{_sentence(', '.join(f'{name} {mean:.2f} %' for name, mean in means.items()))}. " if names else ""
    if len(names) < 2 or len(_enough({model: (seeds,) for model, seeds in counts.items()})) < len(models):
        return _too_few("two classifiers on the same runs of every β-VAE", counts, numbers)
    within = lambda one, other, model: [scores[one][model][seed] - scores[other][model][seed] for seed in counts[model]]
    lower, upper = [], []
    for one, other in itertools.combinations(names, 2):
        parts = [(1 / len(models), within(one, other, model)) for model in models]
        lower.append(contrast(parts, -MARGIN))
        upper.append(contrast(parts, MARGIN))
    apart = max(abs(each.estimate) for each in lower)
    less = every([each.above for each in lower] + [each.below for each in upper])
    more = some([each.below for each in lower] + [each.above for each in upper])
    return _decided(less, more, f"{numbers}At most {apart:.2f} points apart, {2 * len(lower)} comparisons. ", counts)


def _compared(best: Seeds, name: str, references: References) -> str:
    """How the best β-VAE compares with PCA and with chance, in sentences; "" where neither is known."""
    text = ""
    if len(references.pca):
        pca = float(np.mean(references.pca))
        text = f"PCA, which has no β: {pca:.2f} %"
        if min(len(best), len(references.pca)) >= LEAST_SEEDS:
            found = contrast([(1, best), (-1, references.pca)])
            sure = min(found.above, found.below)
            which = "above" if found.above < found.below else "below"
            text += f"; the {name} lies {abs(found.estimate):.2f} points {which} it (two-sided {p_value(min(1.0, 2 * sure))}). "
        else:
            text += (
                f", {abs(np.mean(best) - pca):.2f} points {'below' if pca < np.mean(best) else 'above'} the {name}. "
            )
    return text + (f"Chance: {references.chance:.2f} %. " if references.chance is not None else "")


def _weakest(p: Mapping[str, float]) -> str:
    """How many comparisons all have to be significant, and which is least."""
    return f"{len(p)} comparisons, the weakest: {max(p, key=p.__getitem__)}. "


def signed(number: float) -> str:
    """Two digits with a plus or a minus sign."""
    return f"{number:+.2f}".replace("-", "\N{MINUS SIGN}")


def _enough(cells: Mapping) -> list:
    """The keys whose values, arrays (seeds,) each, all have LEAST_SEEDS or more."""
    return [key for key, found in cells.items() if min(map(len, found)) >= LEAST_SEEDS]


def _decided(holds: float, contrary: float, evidence: str, values: Values) -> Verdict:
    """The verdict by the p values of the tests for the claim and for its contrary."""
    status = HOLDS if holds < LEVEL else FAILS if contrary < LEVEL else OPEN
    decided = f"For the claim {p_value(holds)}, for its contrary {p_value(contrary)}."
    short = {HOLDS: p_value(holds), FAILS: p_value(contrary), OPEN: f"{p_value(min(holds, contrary))}"}[status]
    return Verdict(status, " ".join(f"{evidence} {decided} {_seeds(values)}".split()), short)


def _too_few(what: str, values: Values, numbers: str = "") -> Verdict:
    """The verdict where a test lacks seeds."""
    ran = any(len(each) for each in values.values())
    text = f"{numbers}Needed: {what}, {LEAST_SEEDS} seeds or more in each cell. {_seeds(values)}"
    return Verdict(OPEN, " ".join(text.split()), f"fewer than {LEAST_SEEDS} seeds" if ran else "not run")


def p_value(p: float) -> str:
    """The value in words: "p < 0.001", "p = 0.023"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.995 else "p = 1"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _named(values: Mapping[float, Seeds]) -> Values:
    return {f"{beta:g}-VAE": each for beta, each in values.items()}


def _seeds(values: Values) -> str:
    """How many seeds each cell has."""
    counts = {name: len(each) for name, each in values.items()}
    if len(set(counts.values())) > 1:
        return "Seeds: " + ", ".join(f"{name} {count}" for name, count in counts.items()) + "."
    return f"Seeds: {next(iter(counts.values()))} in each cell." if any(counts.values()) else "Nothing was run."
