"""The six claims of the report, each held against the runs that there are."""

from __future__ import annotations

from typing import NamedTuple

from dlib_bvae.re_beta_vae import claims, paper
from dlib_bvae.re_beta_vae.claims import Verdict
from dlib_bvae.re_beta_vae.distances import distances
from dlib_bvae.re_beta_vae.evidence import FOUR, Evidence, Subject

_LOSS = "train_results.reconstruction"
_MIG = "evaluation_results.discrete_mig"


class Finding(NamedTuple):
    """The verdict on one subject by one rule (a key of claims.RULES)."""

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
        found.append(Claim(text, [(claims.RULES[rule], each) for rule, each in by_rule.items()]))
    return found


def _first(evidence: Evidence) -> list[Finding]:
    return [
        Finding(
            "1",
            str(each),
            claims.not_near_perfect(
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
            claims.small_beta_is_best(
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
        told = f"{each} ({'without shape' if asked == FOUR else 'all factors'})"
        found.append(Finding("3", told, claims.high_score_without_disentanglement(pairs)))
    return found


def _fourth(evidence: Evidence) -> list[Finding]:
    found = []
    for each in evidence.subjects(*paper.DATA_SETS):
        verdict = claims.lower_beta_reconstructs_better(_by_beta(evidence, each, _LOSS))
        found.append(Finding("4a", str(each), verdict))
    for each in evidence.subjects("CIFAR-10", "CIFAR-100"):
        losses = _by_beta(evidence, each, _LOSS)
        for distance, by_model in distances(evidence, each).items():
            if distance.name.endswith("_reconstruction"):
                by_beta = {beta: by_model[model] for beta, model in zip(paper.BETAS, paper.VAES, strict=True)}
                verdict = claims.fid_follows_loss(by_beta, losses, distance.name)
                found.append(Finding("4b", f"{each}, {distance}", verdict))
    return found


def _fifth(evidence: Evidence) -> list[Finding]:
    few, many = paper.PAIRS[0], paper.PAIRS[-1]
    return [
        Finding(
            "5",
            str(each),
            claims.larger_batches_help(
                {name: evidence.scores(each, name, pairs=few) for name in paper.MODELS},
                {name: evidence.scores(each, name, pairs=many) for name in paper.MODELS},
            ),
        )
        for each in evidence.subjects("2Dshapes")
    ]


def _sixth(evidence: Evidence) -> list[Finding]:
    return [
        Finding("6", str(each), claims.classifier_hardly_matters(by_classifier(evidence, each)))
        for each in evidence.subjects(*paper.WITH_FACTORS)
    ]


def by_classifier(evidence: Evidence, subject: Subject) -> dict[str, list[float]]:
    """Classifier → scores in percent of all β-VAE runs, over β and seeds."""
    return {
        told: [float(score) for name in paper.VAES for score in evidence.scores(subject, name, classifier=classifier)]
        for classifier, told in paper.CLASSIFIERS.items()
    }


def _by_beta(evidence: Evidence, subject: Subject, name: str) -> dict[float, list[float]]:
    return {
        beta: list(evidence.by_seed(subject, model, name).values())
        for beta, model in zip(paper.BETAS, paper.VAES, strict=True)
    }
