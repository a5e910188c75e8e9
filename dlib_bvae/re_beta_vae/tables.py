"""The study's scores → the report's tables next to the paper's: training set-up, Tables 1 to 3, the numbers of its charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dlib_bvae.re_beta_vae import paper
from dlib_bvae.re_beta_vae.evidence import (
    ALL,
    CLASSIFIER,
    FOUR,
    PAIRS,
    Evidence,
    Seeds,
    Subject,
    best_half,
    distances,
    median,
    summary,
)
from dlib_bvae.re_beta_vae.findings import by_classifier
from dlib_bvae.re_beta_vae.rows import column, value

if TYPE_CHECKING:
    import pandas as pd

NOT_RUN = "not run"
NONE = "–"


class Table(NamedTuple):
    """Text only. name: of its files. header: of the columns; the first cell of a row names it."""

    name: str
    title: str
    header: list[str]
    rows: list[list[str]]
    notes: list[str]


def mean_and_std(values: Seeds, digits: int = 2) -> str:
    """mean ± std of values (seeds,); one seed has no ±."""
    found = summary(values)
    if found is None:
        return NOT_RUN
    return f"{found.mean:.{digits}f}" + (f" ± {found.std:.{digits}f}" if found.std is not None else "")


def middle(values: Seeds) -> str:
    """The median of values (seeds,)."""
    found = median(values)
    return NOT_RUN if found is None else f"{found:.2f}"


def spread(values: Seeds) -> str:
    """The median of values (seeds,), their minimum and maximum and their number."""
    if not len(values):
        return NOT_RUN
    ends = f"{min(values):.2f} … {max(values):.2f}; " if len(values) > 1 else ""
    return f"{middle(values)} ({ends}{len(values)})"


def table_1(evidence: Evidence) -> list[Table]:
    """Scores with five and four factors, one table a data set and architecture."""
    return [_table_1(evidence, each) for each in evidence.subjects("2Dshapes")]


def _table_1(evidence: Evidence, subject: Subject) -> Table:
    of_paper = subject.architecture == "MLP"
    header = ["model"]
    for asked in ("5 factors", "4 factors"):
        for kind in ("mean ± std", "median"):
            header += [f"{asked}, {kind}", *([f"{asked}, {kind}: paper"] if of_paper else [])]
    rows = []
    for model in paper.MODELS:
        row = [model]
        for asked, theirs in zip((ALL, FOUR), paper.TABLE_1[model], strict=True):
            values = evidence.scores(subject, model, asked=asked)
            reported = [f"{theirs.mean:.2f} ± {theirs.std:.2f}", f"{theirs.median:.2f}"]
            for ours, other in zip((mean_and_std(values), middle(values)), reported, strict=True):
                row += [ours, *([other] if of_paper else [])]
        row += ["{:.2f} ± {:.1f}".format(*paper.HIGGINS[model]) if model in paper.HIGGINS else NONE]
        counts = [len(evidence.scores(subject, model, asked=asked)) for asked in (ALL, FOUR)]
        row += [
            str(counts[0]) if counts[0] == counts[1] else f"{counts[0]}; 4 factors: {counts[1]}",
            steps(evidence, subject, model),
        ]
        rows.append(row)
    return Table(
        f"table_1_{subject.slug}",
        f"Table 1: {paper.described(subject.dataset)}, {subject.architecture}: β-VAE metric, %",
        [*header, "Higgins et al. 2016", "seeds", "steps"],
        rows,
        _notes_1(subject.dataset, of_paper),
    )


def _notes_1(dataset: str, of_paper: bool) -> list[str]:
    notes = [
        f"Here: L = {PAIRS}, {paper.CLASSIFIERS[CLASSIFIER]}, points that the classifier was not fitted to. 4 factors: shape "
        "varies but is never the fixed factor. Chance: "
        f"{paper.chance(dataset):.0f} % with 5 factors, {paper.chance(dataset, without_shape=True):.0f} % with 4. PCA and "
        "ICA have no steps; in their place stands the number of images used for fitting."
    ]
    if of_paper:
        return [
            *notes,
            "The paper does not say which network its Table 1 is of. Its text says that the convolutional one scores higher, so "
            "it is read as the MLP's. The mean of its eight β-VAE means is 77.62 %, the first cell of its Table 2: both are by "
            "the linear classifier that is trained by gradient descent.",
        ]
    return [
        *notes,
        "The paper gives no table for the convolutional network, only Figure 3; PCA and ICA are those of the table above.",
    ]


def steps(evidence: Evidence, subject: Subject, model: str) -> str:
    """How long a cell's runs were trained, or how many images were used for fitting them."""
    sizes = sorted(set(evidence.cell(subject, model)["size"]))
    unit = "" if model.endswith("-VAE") else " images"
    return ", ".join(f"{int(size):,}{unit}" for size in sizes) or NOT_RUN


def selection(evidence: Evidence) -> list[Table]:
    """The same scores under each way of choosing seeds, of every subject that has runs."""
    tables = []
    for subject in filter(evidence.has_runs, evidence.subjects(*paper.WITH_FACTORS)):
        kinds = [("5 factors", ALL), ("4 factors", FOUR)] if subject.family == "2Dshapes" else [("all factors", ALL)]
        rows = []
        for model in paper.MODELS:
            row = [model]
            for _, asked in kinds:
                values = evidence.scores(subject, model, asked=asked)
                best = f"{values.max():.2f}" if len(values) else NOT_RUN
                row += [mean_and_std(values), mean_and_std(best_half(values)), best, middle(values), str(len(values))]
            rows.append(row)
        header = [
            f"{kind}: {rule}" for kind, _ in kinds for rule in ("all seeds", "best half", "best", "median", "seeds")
        ]
        title = f"Effect of seed selection: {paper.described(subject.dataset)}, {subject.architecture}: β-VAE metric, %"
        tables.append(Table(f"seed_selection_{subject.slug}", title, ["model", *header], rows, []))
    return tables


def table_2(evidence: Evidence) -> Table:
    """Score by classifier over β."""
    rows = []
    for family in paper.WITH_FACTORS:
        theirs = paper.TABLE_2[family]
        rows.append(
            [f"paper: {family}", *("{:.2f} ± {:.2f}".format(*theirs[name]) for name in paper.CLASSIFIERS), NONE]
        )
        for subject in evidence.subjects(family):
            found = {
                name: [score for by_seed in by_model.values() for score in by_seed.values()]
                for name, by_model in by_classifier(evidence, subject).items()
            }
            counts = sorted({len(each) for each in found.values()})
            rows.append(
                [
                    str(subject),
                    *(mean_and_std(each) for each in found.values()),
                    " to ".join(map(str, dict.fromkeys((counts[0], counts[-1])))),
                ]
            )
    return Table(
        "table_2",
        "Table 2: β-VAE metric by classifier, mean ± standard deviation over all β-VAE runs (β and seeds), %",
        ["data set", *paper.CLASSIFIERS.values(), "runs"],
        rows,
        [f"Here: all factors, L = {PAIRS}. The paper's 2Dshapes row pools five and four factors (see Table 1)."],
    )


def table_3(evidence: Evidence) -> list[Table]:
    """Fréchet distances by name, one table a data set that the paper has them of or that has some."""
    tables = []
    for family in paper.DATA_SETS:
        for subject in evidence.subjects(family):
            found = distances(evidence, subject)
            if family in paper.TABLE_3 or any(each.codes for each in found):
                tables.append(_table_3(subject, found))
    return tables


def _table_3(subject: Subject, found: dict) -> Table:
    rows = []
    notes = [
        "Only rows of one name, codes and number of images compare. fid_…: Inception of 2015; fd_<extractor>_…: features "
        "of another network."
    ]
    if paper.is_re_encoded(subject.dataset):
        notes.append(
            f"The pictures are re-encoded, so the paper's distances, which are of {subject.family}'s, are left out."
        )
    elif theirs := paper.TABLE_3.get(subject.family):
        rows.append(["paper: FID of reconstructions (sampled codes)", *(f"{each:.1f}" for each in theirs), NONE, "2"])
        gan = paper.WGAN_GP.get(subject.family)
        rows.append(["paper: FID of samples", *([NONE] * len(paper.VAES)), f"{gan:.1f}" if gan else NONE, NONE])
    for distance, by_model in found.items():
        counts = ", ".join(dict.fromkeys(str(len(each)) for each in by_model.values()))
        rows.append([str(distance), *(mean_and_std([*each.values()], 1) for each in by_model.values()), NONE, counts])
    return Table(
        f"table_3_{subject.slug}",
        f"Table 3: {paper.described(subject.dataset)}, {subject.architecture}: Fréchet distances (lower is better)",
        ["distance", *paper.VAES, "WGAN-GP", "seeds"],
        rows,
        notes,
    )


def figure_3(evidence: Evidence) -> Table:
    """The numbers of Figure 3."""
    rows = []
    for subject in evidence.subjects(*paper.WITH_FACTORS):
        values = {model: evidence.scores(subject, model) for model in paper.MODELS}
        chance = f"{paper.chance(subject.dataset):.2f}"
        rows.append(
            [f"{paper.described(subject.dataset)}, {subject.architecture}", *map(spread, values.values()), chance]
        )
    title = "Figure 3 in numbers: median score, all factors, % (minimum … maximum; number of seeds)"
    return Table("figure_3", title, ["data set", *paper.MODELS, "chance"], rows, [])


def figure_6(evidence: Evidence) -> list[Table]:
    """The numbers of Figure 6, of every subject that has runs."""
    tables = []
    for subject in filter(evidence.has_runs, evidence.subjects(*paper.WITH_FACTORS)):
        rows = []
        for model in paper.MODELS:
            found = [evidence.scores(subject, model, pairs=pairs) for pairs in paper.PAIRS]
            rows.append([model, *map(middle, found), ", ".join(dict.fromkeys(str(len(each)) for each in found))])
        title = f"Figure 6 in numbers: {paper.described(subject.dataset)}, {subject.architecture}: median score by L, %"
        tables.append(
            Table(
                f"figure_6_{subject.slug}",
                title,
                ["model", *(f"L = {pairs}" for pairs in paper.PAIRS), "seeds"],
                rows,
                [],
            )
        )
    return tables


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
            cells = ["bernoulli", betas, theirs.optimiser, f"{theirs.batch}", f"{theirs.latents}", "not stated", seeds]
            rows.append([f"paper: {subject.family}, {subject.architecture}", *cells])
        rows.append([f"{paper.described(subject.dataset)}, {subject.architecture}", *_ours(part)])
    header = ["data set", "likelihood", "β", "optimiser", "batch", "latents", "steps", "seeds"]
    return Table(
        "training_set_up", "β-VAEs: training set-up", header, rows, ["The paper states neither steps nor epochs."]
    )


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
    """PCA and ICA: images used for fitting."""
    rows = []
    for family in paper.WITH_FACTORS:
        for dataset in evidence.datasets(family):
            for model, images in paper.BASELINES.items():
                part = evidence.cell(Subject(dataset, ""), model)
                sizes = ", ".join(f"{int(size):,}" for size in sorted(set(part["size"]))) or NOT_RUN
                seeds = [str(int(each)) for each in dict.fromkeys(part["seed"])]
                listed = f"{len(seeds)}: {', '.join(seeds)}" if seeds else NOT_RUN
                rows.append(
                    [f"{paper.described(dataset)}, {model}", sizes, f"{images[family != '2Dshapes']:,}", listed]
                )
    header = ["data set", "images here", "images in the paper", "seeds"]
    return Table("fitting", "PCA and ICA: images used for fitting", header, rows, [])
