"""What was trained, beside the paper's protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlib_bvae.re_beta_vae import paper
from dlib_bvae.re_beta_vae.evidence import Evidence, Subject
from dlib_bvae.re_beta_vae.rows import column, value
from dlib_bvae.re_beta_vae.tables import NOT_RUN, Table

if TYPE_CHECKING:
    import pandas as pd


def trained(evidence: Evidence) -> Table:
    """The paper's protocol, and below each what was trained here."""
    rows = []
    betas = ", ".join(f"{beta:g}" for beta in paper.BETAS)
    for subject in evidence.subjects(*paper.DATA_SETS):
        part = evidence.rows[
            (evidence.rows["dataset"] == subject.dataset) & (evidence.rows["architecture"] == subject.architecture)
        ]
        theirs = paper.PROTOCOLS.get((subject.family, subject.architecture))
        if theirs is not None:
            seeds = f"{len(theirs.seeds)}: {', '.join(map(str, theirs.seeds))}"
            told = ["bernoulli", betas, theirs.optimiser, f"{theirs.batch}", f"{theirs.latents}", "not stated", seeds]
            rows.append([f"paper: {subject.family}, {subject.architecture}", *told])
        rows.append([f"{paper.described(subject.dataset)}, {subject.architecture}", *_ours(part)])
    header = ["data set", "likelihood", "β", "optimiser", "batch", "latents", "steps", "seeds"]
    return Table("β-VAEs", header, rows, ["The paper states neither steps nor epochs."])


def _ours(part: pd.DataFrame) -> list[str]:
    seeds = [int(each) for each in dict.fromkeys(part["seed"])]
    return [
        _joined(column(part, "train_config.reconstruction_loss.loss_fn")).strip("@").replace("_loss", ""),
        ", ".join(f"{beta:g}" for beta in sorted(set(part["beta"]))) or NOT_RUN,
        _joined(_optimisers(part)),
        _joined(column(part, "train_config.model.batch_size")),
        _joined(column(part, "train_config.encoder.num_latent")),
        ", ".join(f"{int(size):,}" for size in sorted(set(part["size"]))) or NOT_RUN,
        f"{len(seeds)}: {', '.join(map(str, seeds))}" if seeds else NOT_RUN,
    ]


def _optimisers(part: pd.DataFrame) -> pd.Series:
    names = column(part, "train_config.model.optimizer").map(lambda text: str(text).strip("@"))
    rates = [
        value(record.get(f"train_config.{name}.learning_rate"))
        for name, record in zip(names, part.to_dict("records"), strict=True)
    ]
    return names.astype(object) + [f" {rate:g}" if isinstance(rate, (int, float)) else "" for rate in rates]


def _joined(entries: pd.Series) -> str:
    values = [value(each) for each in entries]
    found = dict.fromkeys(f"{each:g}" if isinstance(each, float) else str(each) for each in values if each is not None)
    return ", ".join(found) or NOT_RUN


def fitted(evidence: Evidence) -> Table:
    """PCA and ICA: images they were fitted to."""
    rows = []
    for family in paper.WITH_FACTORS:
        for dataset in evidence.datasets(family):
            for model, images in paper.BASELINES.items():
                part = evidence.cell(Subject(dataset, ""), model)
                sizes = ", ".join(f"{int(size):,}" for size in sorted(set(part["size"]))) or NOT_RUN
                seeds = [str(int(each)) for each in dict.fromkeys(part["seed"])]
                told = f"{len(seeds)}: {', '.join(seeds)}" if seeds else NOT_RUN
                rows.append([f"{paper.described(dataset)}, {model}", sizes, f"{images[family != '2Dshapes']:,}", told])
    return Table("PCA and ICA: images that they were fitted to", ["data set", "here", "paper", "seeds"], rows, [])
