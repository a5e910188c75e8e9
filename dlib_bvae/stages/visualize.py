"""The visualization stage: pictures of a run and the page that shows them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from dlib_bvae.artifacts import (
    Stage,
    Work,
    describe,
    device,
    is_done,
    peak_memory_mib,
    read_identity,
    read_results,
    write_atomic,
)
from dlib_bvae.artifacts.permissions import check_readable
from dlib_bvae.artifacts.trust import trusting
from dlib_bvae.config import configuration, say_unused
from dlib_bvae.datasets import ImageData
from dlib_bvae.datasets.images import training_sample
from dlib_bvae.errors import NotApplicable, UserError, check_integer, check_number
from dlib_bvae.registry import configurable
from dlib_bvae.representations.codes import REPRESENTATIONS
from dlib_bvae.representations.on_demand import CodesOnDemand
from dlib_bvae.runtime import say
from dlib_bvae.stages import postprocess
from dlib_bvae.stages.inputs import TrainedRun, opened_run
from dlib_bvae.stages.run_facts import facts_of, score_digests
from dlib_bvae.visualize import sections, traversals
from dlib_bvae.visualize.latents import explained_variance, latents_of
from dlib_bvae.visualize.page import Facts, Section, page, pictures_of
from dlib_bvae.visualize.sections import Drawn, Run, Settings

VISUALIZE = Stage("visualize", version=2, again="drawing again")
_BATCH = 256
_AMOUNTS = "latents"
_TRAVERSALS, _IMAGES = "Traversals", "Images"
# Anchor in the page → title, group (sections of one group share a switch), and what draws it.
SECTIONS: dict[str, tuple[str, str, Callable[[Run], Drawn]]] = {
    "overview": ("Overview", "", traversals.overview),
    _AMOUNTS: ("What each latent carries", "", sections.amounts),
    "information": ("Latents and factors", "", sections.information),
    "dendrogram": ("Factors that share latents", "", sections.factor_groups),
    "precision-recall": ("Precision and recall of the factors", "", sections.precision_and_recall),
    "interventions": ("Interventional effects", "", sections.effects),
    "factor-traversals": ("Factor paths in PCA space", "", sections.factor_paths),
    "posterior-traversals": ("range of the codes", _TRAVERSALS, traversals.over_posterior),
    "prior-traversals": ("prior", _TRAVERSALS, traversals.over_prior),
    "quantile-traversals": ("quantiles of the codes", _TRAVERSALS, traversals.over_quantiles),
    "reconstruct-traverse": ("further images", _TRAVERSALS, traversals.reconstruct_traverse),
    "animation": ("animation", _TRAVERSALS, traversals.animation),
    "reconstructions": ("reconstructions", _IMAGES, sections.reconstructions),
    "samples": ("samples", _IMAGES, sections.random_samples),
    "data": ("data", _IMAGES, sections.data_samples),
    "jacobian": ("Jacobian of the decoder", "", sections.jacobian),
    "curves": ("Training", "", sections.training_curves),
}


@configurable("visualize", seeds=["random_seed"])
def visualizing(
    random_seed: int = 0,
    num_images: int = 2_000,
    num_codes: int = 20_000,
    num_samples: int = 50,
    num_examples: int = 10,
    num_latents: int = 10,
    num_values: int = 11,
    num_frames: int = 20,
    prior_range: str = "quantiles",
    posterior_range: str = "codes",
    coverage: float = 0.95,
) -> Settings:
    """What the pictures show.

    random_seed: of all that is drawn. num_images: that KL and explained variance of a latent are averages of. num_codes: images
    whose sampled codes mutual information is estimated from. num_samples: images of the
    data, and images decoded from random codes. num_examples: reconstructions; traversals start from the first of them.
    num_latents: at most, those that carry most. num_values: columns of a traversal. num_frames: of the animation, one way.
    prior_range: "quantiles" of N(0, 1), which span its central `coverage`, or "linear", even steps over ±2. posterior_range:
    "codes", from the minimum to the maximum of the posterior means of all images, or "deviations", ±2 standard deviations of the
    codes around the image's own. coverage: also of the codes' quantiles, in 0.01 … 0.9999.
    Raises UserError for values out of range.
    """
    check_integer("visualize.random_seed", random_seed, 0)
    counts = {"num_images": num_images, "num_codes": num_codes, "num_values": num_values, "num_frames": num_frames}
    for key, value in counts.items():
        check_integer(f"visualize.{key}", value, 2)
    for key, value in {"num_samples": num_samples, "num_examples": num_examples, "num_latents": num_latents}.items():
        check_integer(f"visualize.{key}", value, 1)
    _check_choice("prior_range", prior_range, ("quantiles", "linear"))
    _check_choice("posterior_range", posterior_range, ("codes", "deviations"))
    check_number("visualize.coverage", coverage, 0.01, 0.9999)
    sizes = (random_seed, num_images, num_codes, num_samples, num_examples, num_latents, num_values, num_frames)
    return Settings(*sizes, prior_range, posterior_range, coverage)


def run(
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    model_dir: Path | None = None,
    overwrite: bool = False,
    output_dir: Path | None = None,
) -> Path:
    """Draws the run `model_dir` (default: the most recent one) into <model_dir>/visualize and returns that directory.

    Encodes the data set first where that was not done; where images were encoded as metrics needed them, those that the pictures
    need. A finished stage says so and does nothing; pictures of an earlier training
    or another configuration are drawn anew. What does not apply to a model or its data is named on the page with the reason.
    output_dir: writes there instead of in the run directory, which is only read. Raises UserError for no trained run.
    """
    with trusting(gin_config, gin_bindings), opened_run(model_dir, output_dir) as trained:
        with configuration(gin_config, gin_bindings, []):
            visualizing()  # before anything is encoded
        with configuration([], _encoded(trained), [REPRESENTATIONS]):
            encoded, data = postprocess.encode_once(trained)
        facts = facts_of(trained, encoded.directory, trained.output / VISUALIZE.name)
        with configuration(gin_config, gin_bindings, []) as configured:
            work = _visualize_once(trained, data, encoded, facts, overwrite)
            say_unused(configured.typed, work.used())
    return work.directory


def _encoded(trained: TrainedRun) -> list[str]:
    """The statements under which the run's codes are those that stand: of all images, or of those that metrics needed."""
    needed = [f"postprocess.images = {postprocess.NEEDED!r}"]
    folders = [trained.output, trained.directory]
    for statements in ([], needed):
        with configuration([], statements, [REPRESENTATIONS]):
            name = postprocess.stage_name(trained.step)
        if any(is_done(folder / name, "postprocess") for folder in folders):
            return statements
    return []


def _visualize_once(trained: TrainedRun, data: ImageData, encoding: Work, facts: Facts, overwrite: bool) -> Work:
    encoded = encoding.directory
    uuid = read_results(encoded, "postprocess")["uuid"]
    work = Work(
        VISUALIZE,
        trained.output / VISUALIZE.name,
        inputs={"codes": read_identity(encoded, "postprocess").digest, "scores": score_digests(encoded)},
        sources={"encoded": uuid},
    )
    if work.done(overwrite):
        say(f"{work.directory}: drawn already; --overwrite draws again")
        return work
    began = time.monotonic()
    settings = visualizing()
    if not trained.codes:
        check_readable(trained.saved_model)  # before anything is begun
    codes = postprocess.codes_in(encoding, lambda: trained.encoder(data))
    material = _material(trained, data, codes, settings, facts, work.begin())
    drawn = _draw(material)
    write_atomic(material.directory / "index.html", page(facts, drawn, material.latents, material.directory, _AMOUNTS))
    seconds = time.monotonic() - began
    work.finish({"encoded": uuid, **_results(material, drawn), "elapsed_time": seconds}, earlier=encoded)
    kinds = sum(each.drawn is not None for each in drawn)
    say(f"{work.directory / 'index.html'}: {kinds} kinds of pictures in {seconds:,.0f} s")
    return work


def _material(
    trained: TrainedRun,
    data: ImageData,
    codes: np.ndarray | CodesOnDemand,
    settings: Settings,
    facts: Facts,
    directory: Path,
) -> Run:
    """Everything that the pictures are made of."""
    seed, of = settings.random_seed, "all images"
    columns = codes = cast(np.ndarray, codes)  # what is encoded on demand is read like an array
    if not isinstance(codes, np.ndarray) and settings.num_codes < len(codes):
        of = f"{settings.num_codes:,} images"
        columns = codes[np.sort(training_sample(data, settings.num_codes, seed))]
    model = trained.model()
    rows = np.sort(training_sample(data, settings.num_images, seed))
    explained = explained_variance(np.asarray(codes[rows]), (data.observations_at(part) for part in _batches(rows)))
    posterior = functools.partial(_log_variances, model, data)
    means = np.asarray(codes[rows])
    latents = latents_of(means, posterior(rows), explained, data, codes, posterior, settings.num_codes, seed)
    decode = trained.decoder() if model is None else model.decode
    examples = training_sample(data, settings.num_examples, seed)
    shown = latents.order()[: settings.num_latents]
    said, train = dict(facts.lines), trained.directory / "train"
    head = f"{said['training']} · latents: {latents.counted()}"
    foot = " · ".join(said[key] for key in ("version", "trained") if key in said)
    return Run(
        data,
        codes,
        decode,
        latents,
        shown,
        np.asarray(columns)[:, shown],
        examples,
        train,
        directory,
        settings,
        facts.title,
        head,
        foot,
        of,
    )


def _log_variances(model: Any, data: ImageData, rows: np.ndarray) -> np.ndarray | None:
    """The posteriors' log variances of images, float32 (n, latents); None where there is no encoder, or it gives none."""
    parts = []
    for part in _batches(rows) if model is not None else ():
        found = model.encode(data.observations_at(part))[1]
        if found is None:
            return None
        parts.append(found)
    return np.concatenate(parts) if parts else None


def _batches(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[first : first + _BATCH] for first in range(0, len(rows), _BATCH))


def _draw(material: Run) -> list[Section]:
    """Draws every section; one that does not apply has the reason instead."""
    drawn = []
    for anchor, (title, group, draw) in SECTIONS.items():
        try:
            drawn.append(Section(title, anchor, draw(material), "", group))
        except NotApplicable as reason:
            drawn.append(Section(title, anchor, None, str(reason), group))
    return drawn


def _results(material: Run, drawn: list[Section]) -> dict[str, Any]:
    """What was drawn from which images, and the numbers of the latents; None for a KL that there is none of."""
    latents = material.latents
    return {
        "pictures": [picture.file for picture in pictures_of(drawn)],
        "left_out": {each.anchor: each.left_out for each in drawn if each.drawn is None},
        "random_seed": material.settings.random_seed,
        "num_images": latents.num_images,
        "examples": material.examples,
        "latent_order": latents.order(),
        "kl_per_latent": [
            float(kl) if known else None for kl, known in zip(latents.kl, latents.with_variance, strict=True)
        ],
        "variance_per_latent": latents.variance,
        "explained_variance_per_latent": latents.explained,
        "mutual_information": latents.information,
        "factors": latents.factors,
        "num_codes": latents.num_codes,
        "device": device(),
        "peak_memory_mib": peak_memory_mib(),
        "environment": describe(),
    }


def _check_choice(key: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UserError(f"visualize.{key} must be one of {', '.join(choices)}; got {value!r}")
