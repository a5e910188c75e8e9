"""The six claims of the report and the rules by which numbers decide whether each holds; every score is in percent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dlib_bvae.re_beta_vae import paper
from dlib_bvae.re_beta_vae.evidence import FOUR, Evidence, Seeds, Subject, best_half, distances, summary

HOLDS, FAILS, TOO_FEW = "holds", "does not hold", "not enough runs"
LEAST_SEEDS = 2
NEAR_PERFECT = 98.0
HIGH_SCORE, LOW_MIG = 90.0, 0.5
RANKS_AGREE = 0.8
_HIGGINS = "4-VAE"  # whose 99 % claim 1 is about
_BOTH_SCORES = "scores with all factors and without shape"

Values = Mapping[str, Seeds]  # model → values (seeds,)
RULES = {
    "1": f"Holds when none of three means of any β-VAE reaches {NEAR_PERFECT:g} %: all factors over all seeds, all factors over "
    "the better half of the seeds, without shape over all seeds.",
    "2": "Holds when the β with the highest median score is at most 1.",
    "3": f"Holds when at least half of the β-VAEs that score {HIGH_SCORE:g} % or more have a mutual information gap (MIG) below "
    f"{LOW_MIG:g}. MIG stands in for the eye: it asks that one latent alone tells a factor. Figures 4 and 5 show the latents.",
    "4a": "Holds when the median reconstruction loss (nats, at the end of training) grows with every step of β.",
    "4b": "Holds when FID of reconstructions ranks the β as the reconstruction loss does (Spearman's correlation of the "
    f"medians at least {RANKS_AGREE:g}).",
    "5": "Holds when, from L = 16 to L = 256, every model's median score rises, that of PCA and ICA by more on average than that "
    "of the β-VAEs, and the range of the β-VAEs' medians shrinks.",
    "6": "Holds when the means of any two classifiers over all β-VAEs differ by less than the smallest of the classifiers' "
    "standard deviations over runs.",
}
_LOSS = "train_results.reconstruction"
_MIG = "evaluation_results.discrete_mig"


class Verdict(NamedTuple):
    """status: one of HOLDS, FAILS, TOO_FEW; evidence: the numbers that decided, in a sentence."""

    status: str
    evidence: str


def not_near_perfect(all_factors: Values, without_shape: Values) -> Verdict:
    """Claim 1 on β-VAEs, each with LEAST_SEEDS seeds or more in both; it cannot hold without that of Higgins et al."""
    models = [
        name for name in all_factors if min(len(all_factors[name]), len(without_shape.get(name, ()))) >= LEAST_SEEDS
    ]
    if not models:
        return _too_few(_BOTH_SCORES, all_factors)
    means = {
        "all factors, all seeds": {name: np.mean(all_factors[name]) for name in models},
        "all factors, best half": {name: np.mean(best_half(all_factors[name])) for name in models},
        "without shape, all seeds": {name: np.mean(without_shape[name]) for name in models},
    }
    highest = {rule: max(found, key=found.__getitem__) for rule, found in means.items()}
    both = {name: np.mean(best_half(without_shape[name])) for name in models}
    top = max(both, key=both.__getitem__)
    numbers = "; ".join(f"{rule}: at most {means[rule][name]:.2f} % ({name})" for rule, name in highest.items())
    fails = any(means[rule][name] >= NEAR_PERFECT for rule, name in highest.items())
    if not fails and _HIGGINS not in models:
        return _too_few(f"{_BOTH_SCORES}, of the {_HIGGINS} too", all_factors)
    return Verdict(
        FAILS if fails else HOLDS,
        f"{_sentence(numbers)}. Without shape and over the better half of the seeds: {both[top]:.2f} % ({top}). "
        f"{_seeds(all_factors)}",
    )


def small_beta_is_best(scores: Mapping[float, Seeds]) -> Verdict:
    """Claim 2: β → scores (seeds,); needs a β of at most 1 and one above, each with LEAST_SEEDS seeds."""
    medians = {beta: float(np.median(values)) for beta, values in scores.items() if len(values) >= LEAST_SEEDS}
    if not any(beta <= 1 for beta in medians) or not any(beta > 1 for beta in medians):
        return _too_few("scores of a β ≤ 1 and of a β > 1", _named(scores))
    order = sorted(medians, key=lambda beta: -medians[beta])
    numbers = ", ".join(f"{beta:g}-VAE {medians[beta]:.2f} %" for beta in order)
    return Verdict(HOLDS if order[0] <= 1 else FAILS, f"Medians from the best: {numbers}. {_seeds(_named(scores))}")


def high_score_without_disentanglement(pairs: Sequence[tuple[float, float]]) -> Verdict:
    """Claim 3: (score in percent, MIG in [0, 1]) of every β-VAE run."""
    gaps = [gap for score, gap in pairs if score >= HIGH_SCORE]
    if len(gaps) < LEAST_SEEDS:
        return Verdict(
            TOO_FEW, f"{len(gaps)} of {len(pairs)} runs with both scores reach {HIGH_SCORE:g} %; needed: {LEAST_SEEDS}."
        )
    low = sum(gap < LOW_MIG for gap in gaps)
    numbers = (
        f"{len(gaps)} of {len(pairs)} runs score {HIGH_SCORE:g} % or more; {low} of these have a MIG below {LOW_MIG:g} "
    )
    return Verdict(HOLDS if 2 * low >= len(gaps) else FAILS, f"{numbers}(median MIG {np.median(gaps):.2f}).")


def lower_beta_reconstructs_better(losses: Mapping[float, Seeds]) -> Verdict:
    """Claim 4a: β → reconstruction losses in nats (seeds,); needs two β."""
    medians = [(beta, float(np.median(each))) for beta, each in sorted(losses.items()) if len(each) >= LEAST_SEEDS]
    if len(medians) < 2:
        return _too_few("a reconstruction loss at two β", _named(losses))
    grows = all(low < high for (_, low), (_, high) in zip(medians, medians[1:], strict=False))
    numbers = ", ".join(f"{beta:g}-VAE {loss:,.1f} nats" for beta, loss in medians)
    return Verdict(HOLDS if grows else FAILS, f"Medians: {numbers}. {_seeds(_named(losses))}")


def fid_follows_loss(fids: Mapping[float, Seeds], losses: Mapping[float, Seeds], name: str) -> Verdict:
    """Claim 4b: β → distances called `name`, and losses (seeds,); needs three β with both."""
    from scipy.stats import spearmanr

    betas = [beta for beta in sorted(fids) if min(len(fids[beta]), len(losses.get(beta, ()))) >= LEAST_SEEDS]
    if len(betas) < 3:
        return _too_few(f"{name} and reconstruction loss at three β", _named(fids))
    distances, heights = ([float(np.median(values[beta])) for beta in betas] for values in (fids, losses))
    if len(set(distances)) == 1 or len(set(heights)) == 1:
        return Verdict(FAILS, f"{name} or the reconstruction loss is the same at every β. {_seeds(_named(fids))}")
    correlation = float(spearmanr(distances, heights).statistic)
    numbers = ", ".join(
        f"{b:g}-VAE {d:.1f} and {h:,.1f} nats" for b, d, h in zip(betas, distances, heights, strict=True)
    )
    status = HOLDS if correlation >= RANKS_AGREE - 1e-9 else FAILS  # 0.8 comes out as 0.79999…
    return Verdict(status, f"Medians: {numbers}; Spearman's correlation {correlation:.2f}. {_seeds(_named(fids))}")


def larger_batches_help(few: Values, many: Values, linear: Sequence[str] = ("PCA", "ICA")) -> Verdict:
    """Claim 5: model → scores (seeds,) at L = 16 (few) and at L = 256 (many); needs PCA, ICA and two β-VAEs."""
    models = [name for name in few if min(len(few[name]), len(many.get(name, ()))) >= LEAST_SEEDS]
    vaes = [name for name in models if name not in linear]
    if len(vaes) < 2 or not set(linear) <= set(models):
        return _too_few("PCA, ICA and two β-VAEs at both L", few)
    before, after = ({name: float(np.median(values[name])) for name in models} for values in (few, many))
    rises = {name: after[name] - before[name] for name in models}
    of_linear, of_vaes = np.mean([rises[name] for name in linear]), np.mean([rises[name] for name in vaes])
    ranges = [max(at[name] for name in vaes) - min(at[name] for name in vaes) for at in (before, after)]
    holds = min(rises.values()) > 0 and of_linear > of_vaes and ranges[1] < ranges[0]
    numbers = ", ".join(f"{name} {rise:+.2f}" for name, rise in rises.items())
    return Verdict(
        HOLDS if holds else FAILS,
        f"Change of the median in points: {numbers}; mean of PCA and ICA {of_linear:+.2f}, of the β-VAEs {of_vaes:+.2f}; range "
        f"of the β-VAEs' medians {ranges[0]:.2f}, then {ranges[1]:.2f} points. {_seeds(few)}",
    )


def classifier_hardly_matters(scores: Values) -> Verdict:
    """Claim 6: classifier → scores of the same β-VAE runs (runs,); needs two classifiers."""
    found = {name: summary(each) for name, each in scores.items() if len(each) >= LEAST_SEEDS}
    if len(found) < 2:
        return _too_few("two classifiers", scores)
    return of_means_and_stds(
        {name: (each.mean, each.std or 0.0) for name, each in found.items() if each}, _seeds(scores)
    )


def of_means_and_stds(found: Mapping[str, tuple[float, float]], counts: str = "") -> Verdict:
    """Claim 6 from each classifier's mean and standard deviation."""
    means, stds = zip(*found.values(), strict=True)
    apart, deviation = max(means) - min(means), min(stds)
    numbers = ", ".join(f"{name} {mean:.2f} %" for name, (mean, _) in found.items())
    evidence = f"{_sentence(numbers)}: {apart:.2f} points apart, smallest standard deviation {deviation:.2f}. {counts}".rstrip()
    return Verdict(HOLDS if apart < deviation else FAILS, evidence)


def _too_few(what: str, values: Values) -> Verdict:
    return Verdict(TOO_FEW, f"Needed: {what}, each of {LEAST_SEEDS} seeds or more. {_seeds(values)}")


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _named(values: Mapping[float, Seeds]) -> Values:
    return {f"{beta:g}-VAE": each for beta, each in values.items()}


def _seeds(values: Values) -> str:
    """How many runs stand behind each name."""
    counts = {name: len(each) for name, each in values.items()}
    if len(set(counts.values())) > 1:
        return "Runs: " + ", ".join(f"{count} of {name}" for name, count in counts.items()) + "."
    return f"Runs: {next(iter(counts.values()))} of each." if any(counts.values()) else "Nothing was run."


class Finding(NamedTuple):
    """The verdict on one subject by one rule (a key of RULES)."""

    rule: str
    subject: str
    verdict: Verdict


class Claim(NamedTuple):
    """A sentence of the report; findings: (rule, what was found by it)."""

    text: str
    findings: list[tuple[str, list[Finding]]]


def of_claims(evidence: Evidence) -> list[Claim]:
    """The claims in the report's order."""
    found = []
    for text, find in zip(paper.CLAIMS, [_first, _second, _third, _fourth, _fifth, _sixth], strict=True):
        by_rule: dict[str, list[Finding]] = {}
        for each in find(evidence):
            by_rule.setdefault(each.rule, []).append(each)
        found.append(Claim(text, [(RULES[rule], each) for rule, each in by_rule.items()]))
    return found


def _first(evidence: Evidence) -> list[Finding]:
    return [
        Finding(
            "1",
            str(each),
            not_near_perfect(
                {name: evidence.scores(each, name) for name in paper.VAES},
                {name: evidence.scores(each, name, asked=FOUR) for name in paper.VAES},
            ),
        )
        for each in evidence.subjects("2Dshapes")
    ]


def _second(evidence: Evidence) -> list[Finding]:
    return [
        Finding(
            "2",
            str(each),
            small_beta_is_best(
                {beta: evidence.scores(each, name) for beta, name in zip(paper.BETAS, paper.VAES, strict=True)}
            ),
        )
        for each in evidence.subjects("MPI3D-toy")
    ]


def _third(evidence: Evidence) -> list[Finding]:
    found = []
    for each in evidence.subjects(*paper.WITH_FACTORS):
        asked = FOUR if each.family == "2Dshapes" else "all"
        pairs: list[tuple[float, float]] = []
        for name in paper.VAES:
            gaps = evidence.by_seed(each, name, _MIG, representation="mean")
            scores = evidence.score_by_seed(each, name, asked)
            pairs += [(score, gaps[seed]) for seed, score in scores.items() if seed in gaps]
        subject = f"{each} ({'without shape' if asked == FOUR else 'all factors'})"
        found.append(Finding("3", subject, high_score_without_disentanglement(pairs)))
    return found


def _fourth(evidence: Evidence) -> list[Finding]:
    found = []
    for each in evidence.subjects(*paper.DATA_SETS):
        verdict = lower_beta_reconstructs_better(_by_beta(evidence, each, _LOSS))
        found.append(Finding("4a", str(each), verdict))
    for each in evidence.subjects("CIFAR-10", "CIFAR-100"):
        losses = _by_beta(evidence, each, _LOSS)
        for distance, by_model in distances(evidence, each).items():
            if distance.name.endswith("_reconstruction"):
                by_beta = {beta: by_model[model] for beta, model in zip(paper.BETAS, paper.VAES, strict=True)}
                verdict = fid_follows_loss(by_beta, losses, distance.name)
                found.append(Finding("4b", f"{each}, {distance}", verdict))
    return found


def _fifth(evidence: Evidence) -> list[Finding]:
    few, many = paper.PAIRS[0], paper.PAIRS[-1]
    return [
        Finding(
            "5",
            str(each),
            larger_batches_help(
                {name: evidence.scores(each, name, pairs=few) for name in paper.MODELS},
                {name: evidence.scores(each, name, pairs=many) for name in paper.MODELS},
            ),
        )
        for each in evidence.subjects("2Dshapes")
    ]


def _sixth(evidence: Evidence) -> list[Finding]:
    return [
        Finding("6", str(each), classifier_hardly_matters(by_classifier(evidence, each)))
        for each in evidence.subjects(*paper.WITH_FACTORS)
    ]


def by_classifier(evidence: Evidence, subject: Subject) -> dict[str, list[float]]:
    """Classifier → scores in percent of all β-VAE runs, over β and seeds."""
    return {
        name: [float(score) for model in paper.VAES for score in evidence.scores(subject, model, classifier=classifier)]
        for classifier, name in paper.CLASSIFIERS.items()
    }


def _by_beta(evidence: Evidence, subject: Subject, name: str) -> dict[float, list[float]]:
    return {
        beta: list(evidence.by_seed(subject, model, name).values())
        for beta, model in zip(paper.BETAS, paper.VAES, strict=True)
    }
