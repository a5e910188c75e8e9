"""The study's scores → the verdict on each claim for each data set and network, as a list and as one table."""

from __future__ import annotations

from typing import NamedTuple

from dlib_bvae.re_beta_vae import paper
from dlib_bvae.re_beta_vae.claims import (
    RULES,
    References,
    Verdict,
    classifier_hardly_matters,
    fid_follows_loss,
    high_score_without_disentanglement,
    larger_batches_help,
    lower_beta_reconstructs_better,
    not_near_perfect,
    small_beta_is_best,
)
from dlib_bvae.re_beta_vae.evidence import ALL, FOUR, Evidence, Subject, distances

_LOSS = "train_results.reconstruction"
_MIG = "evaluation_results.discrete_mig"


class Finding(NamedTuple):
    """The verdict on one subject by one rule (a key of RULES); detail: what else it is of, "" where nothing."""

    rule: str
    subject: Subject
    detail: str
    verdict: Verdict

    @property
    def title(self) -> str:
        """The subject with its detail."""
        return f"{self.subject} ({self.detail})" if self.detail else f"{self.subject}"


class Claim(NamedTuple):
    """A sentence of the report; findings: (rule, what was found by it)."""

    text: str
    findings: list[tuple[str, list[Finding]]]


class Matrix(NamedTuple):
    """subjects: of the columns. rows: a claim's sentence and its findings by subject, none where it is not about it."""

    subjects: list[Subject]
    rows: list[tuple[str, list[list[Finding]]]]


def of_claims(evidence: Evidence) -> list[Claim]:
    """The claims in the report's order."""
    found = []
    for text, find in zip(paper.CLAIMS, [_first, _second, _third, _fourth, _fifth, _sixth], strict=True):
        by_rule: dict[str, list[Finding]] = {}
        for each in find(evidence):
            by_rule.setdefault(each.rule, []).append(each)
        found.append(Claim(text, [(RULES[rule], each) for rule, each in by_rule.items()]))
    return found


def matrix(evidence: Evidence, claims: list[Claim]) -> Matrix:
    """The verdicts of `claims` by data set and network."""
    subjects = evidence.subjects(*paper.DATA_SETS)
    rows = []
    for claim in claims:
        every = [each for _, findings in claim.findings for each in findings]
        rows.append((claim.text, [[each for each in every if each.subject == subject] for subject in subjects]))
    return Matrix(subjects, rows)


def _first(evidence: Evidence) -> list[Finding]:
    found = []
    for each in evidence.subjects("2Dshapes"):
        all_factors = {name: evidence.scores(each, name) for name in paper.VAES}
        without_shape = {name: evidence.scores(each, name, asked=FOUR) for name in paper.VAES}
        found.append(Finding("1", each, "", not_near_perfect(all_factors, without_shape)))
    return found


def _second(evidence: Evidence) -> list[Finding]:
    found = []
    for each in evidence.subjects("MPI3D-toy"):
        scores = {beta: evidence.scores(each, name) for beta, name in zip(paper.BETAS, paper.VAES, strict=True)}
        verdict = small_beta_is_best(scores, _references(evidence, each, ALL))
        found.append(Finding("2", each, "", verdict))
    return found


def _third(evidence: Evidence) -> list[Finding]:
    found = []
    for each in evidence.subjects(*paper.WITH_FACTORS):
        asked = FOUR if each.family == "2Dshapes" else ALL
        pairs = {}
        for name in paper.VAES:
            gaps = evidence.by_seed(each, name, _MIG, representation="mean")
            scores = evidence.score_by_seed(each, name, asked=asked)
            pairs[name] = [(scores[seed], gaps[seed]) for seed in sorted(scores) if seed in gaps]
        verdict = high_score_without_disentanglement(pairs, _references(evidence, each, asked))
        found.append(Finding("3", each, "without shape" if asked == FOUR else "all factors", verdict))
    return found


def _fourth(evidence: Evidence) -> list[Finding]:
    found = []
    for each in evidence.subjects(*paper.DATA_SETS):
        losses = {beta: list(values.values()) for beta, values in _losses(evidence, each).items()}
        found.append(Finding("4a", each, "", lower_beta_reconstructs_better(losses)))
    for each in evidence.subjects("CIFAR-10", "CIFAR-100"):
        for distance, by_model in distances(evidence, each).items():
            if distance.name.endswith("_reconstruction"):
                by_beta = {beta: by_model[model] for beta, model in zip(paper.BETAS, paper.VAES, strict=True)}
                verdict = fid_follows_loss(by_beta, _losses(evidence, each), distance.name)
                found.append(Finding("4b", each, str(distance), verdict))
    return found


def _fifth(evidence: Evidence) -> list[Finding]:
    found = []
    for each in evidence.subjects("2Dshapes"):
        few, many = (
            {name: evidence.score_by_seed(each, name, pairs=pairs) for name in paper.MODELS}
            for pairs in (paper.PAIRS[0], paper.PAIRS[-1])
        )
        found.append(Finding("5", each, "", larger_batches_help(few, many)))
    return found


def _sixth(evidence: Evidence) -> list[Finding]:
    return [
        Finding("6", each, "", classifier_hardly_matters(by_classifier(evidence, each)))
        for each in evidence.subjects(*paper.WITH_FACTORS)
    ]


def by_classifier(evidence: Evidence, subject: Subject) -> dict[str, dict[str, dict[int, float]]]:
    """Classifier → β-VAE → seed → score in percent."""
    return {
        name: {model: evidence.score_by_seed(subject, model, classifier=classifier) for model in paper.VAES}
        for classifier, name in paper.CLASSIFIERS.items()
    }


def _losses(evidence: Evidence, subject: Subject) -> dict[float, dict[int, float]]:
    """β → seed → reconstruction loss in nats."""
    return {beta: evidence.by_seed(subject, model, _LOSS) for beta, model in zip(paper.BETAS, paper.VAES, strict=True)}


def _references(evidence: Evidence, subject: Subject, asked: str) -> References:
    without_shape = asked == FOUR
    return References(
        evidence.scores(subject, "PCA", asked=asked), paper.chance(subject.dataset, without_shape=without_shape)
    )
