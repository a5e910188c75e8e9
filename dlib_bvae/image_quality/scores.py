"""image_quality: how far reconstructions and samples are from a data set's images, by features under one protocol."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import gin
import numpy as np

from dlib_bvae.datasets import ImageData, as_dataset
from dlib_bvae.datasets.ground_truth import RandomState, as_rng, draw
from dlib_bvae.errors import NotApplicable, UserError, check_integer
from dlib_bvae.image_quality import Extractor
from dlib_bvae.image_quality.extractors import EXTRACTORS
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.score_info import MISSING, About, Result, Sampling, Score

SCORES = {
    **{f"{kind}_infinity_*": Score(None, None, False, null=None) for kind in ("fid", "fd_*")},
    **{f"{kind}_*_std": Score(0.0, None, None, null=None) for kind in ("kid", "kd")},
    **{f"{kind}_*": Score(0.0, None, False, null=None) for kind in ("fid", "fd")},
    **{f"{kind}_*": Score(None, None, False, null=None) for kind in ("kid", "kd")},
    **{f"{kind}_*": Score(0.0, 1.0, True, null=None) for kind in ("precision", "recall", "coverage")},
    "density_*": Score(0.0, None, True, null=None),
}
VERSIONS = {
    "image_quality": {
        2: "2026-11-30: the kernel distance of reconstructions is to those of other images, in subsets of at "
        "most half of them; …_std is missing where it would be rounding",
    },
}
SAMPLING = Sampling(images=("num_images", "subset_size", "infinity_smallest"), fits=("subsets",))
ABOUT = {
    "image_quality": About(
        "Fréchet and kernel distances, precision, recall, density, coverage of features (by name only)",
        ("fid_*", "fd_*"),
        ("extractor", "num_images"),
        "Heusel et al. 2017; Bińkowski et al. 2018",
        "minutes",
        defects="The Fréchet distance is too large by a bias that falls with the number of images: compare scores of "
        "one extractor and as many images only.",
    )
}
RESIZES = ("bicubic", "bilinear", "tf1_bilinear")
_Decode = Callable[[np.ndarray], np.ndarray]
_SUBSET_SIZE = "kernel_subset_size"
COMPARISONS = ("reconstruction", "sample", "data")


@gin.configurable(denylist=["data", "codes", "random_state", "decode"])
def image_quality(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    decode: Callable[[np.ndarray], np.ndarray] | None = None,
    extractor: str = "factor_cnn",
    compare: tuple[str, ...] = COMPARISONS,
    num_images: int = 10_000,
    resize: str = "bicubic",
    quantise: bool = True,
    subsets: int = 100,
    subset_size: int = 1_000,
    neighbours: int = 5,
    infinity_points: int = 0,
    infinity_smallest: int = 5_000,
) -> Result:
    """Fréchet and kernel distances, precision, recall, density and coverage, of features of an `extractor`.

    Each score's name ends in what is compared: _reconstruction, images against what the decoder makes of their own codes
    (the mean's, or a sample's where sampled codes are scored); _sample, images against decoded draws of N(0, I); _data, two
    halves of the data set, the floor of the others. Only the features of Inception of 2015 give fid_… and kid_…; others give
    fd_<extractor>_… and kd_<extractor>_…. num_images: of each side (half the data set, where that is smaller). resize:
    "tf1_bilinear", "bilinear" or "bicubic"; quantise: to whole pixel values first. subsets of subset_size: of the kernel
    distance. infinity_points: 0 for none, or how many sizes, from infinity_smallest to all images of the compared side, give
    the line whose end at infinitely many images is fid_infinity_… or fd_<extractor>_infinity_… (see frechet_infinity); its
    record is infinity_fit_…, and the bias by the number of the other side's images stays. data, codes, random_state,
    decode: as in reconstruction_error. Returns the scores and the protocol.
    Fewer images than features make the Fréchet distance large by bias: the result says so. In _reconstruction an image's own
    reconstruction is on the other side, as usual, except for the kernel distance, which such pairs would make too low: its
    subsets hold reconstructions of other images, and at most half of all. kernel_subset_size says how many each has; where a
    subset is all images, or there is one, the standard deviation over subsets would be rounding and is missing.
    Raises UserError for missing weights, numbers out of range and images that are none.
    """
    _check(compare, num_images, resize, quantise)
    how = _Measures(subsets, subset_size, neighbours, infinity_points, infinity_smallest)
    how.check()
    if decode is None and set(compare) != {"data"}:
        raise NotApplicable("image_quality needs the model's decoder: score it by dlib_bvae_evaluate, or give decode=…")
    images = as_dataset(data, "data")
    rng = np.random.RandomState(int(draw(as_rng(random_state), 2**31, ())))
    sides = _Sides(images, codes, decode, rng, num_images)
    how.check_sizes(sides.count)
    network = EXTRACTORS.get(extractor)(images)
    from dlib_bvae.image_quality.distances import bias_warning
    from dlib_bvae.image_quality.features import Protocol, reference_features, write_features

    protocol = Protocol.of(network, resize, quantise)
    reference = reference_features(images, sides.rows, network, protocol)
    results: dict[str, Any] = {"protocol": {**asdict(protocol), **sides.described()}}
    found: list[Result] = []
    if warning := bias_warning(network.num_features, sides.count):
        results["warning"] = warning
        print(f"image_quality: {warning}", file=sys.stderr)
    for what in compare:
        if what == "data":
            other = reference_features(images, sides.other_rows, network, protocol)
            found.append(_distances(network, what, reference, other, sides, how))
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "features.npy"
            other = write_features(path, sides.count, network, protocol, sides.batches(what))
            found.append(_distances(network, what, reference, other, sides, how))
    return {**results, **_merged(found)}


def _merged(results: Sequence[Result]) -> Result:
    """All of several results in one, with the entries of dictionaries that they share."""
    whole: Result = {}
    for result in results:
        for key, value in result.items():
            both = whole.get(key)
            whole[key] = {**both, **value} if isinstance(both, dict) and isinstance(value, dict) else value
    return whole


class _Measures(NamedTuple):
    """The parameters of image_quality that are of one measure."""

    subsets: int
    subset_size: int
    neighbours: int
    infinity_points: int
    infinity_smallest: int

    def check(self) -> None:
        least = {"subsets": 1, "subset_size": 2, "neighbours": 1, "infinity_points": 0, "infinity_smallest": 2}
        for name, value in least.items():
            check_integer(f"image_quality.{name}", getattr(self, name), value)
        if self.infinity_points == 1:
            raise UserError("image_quality.infinity_points must be 0, for none, or at least 2, for a line; got 1")

    def check_sizes(self, count: int) -> None:
        """count: the images of each side. Raises UserError before any feature is computed."""
        if self.neighbours >= count:
            raise UserError(
                f"image_quality.neighbours must be less than the {count} images of each side; got {self.neighbours}; lower "
                "it, or raise image_quality.num_images where the data set has more"
            )
        if self.infinity_points and self.infinity_smallest >= count:
            raise UserError(
                f"image_quality.infinity_smallest must be less than the {count} images of each side; got "
                f"{self.infinity_smallest}; lower it, or raise image_quality.num_images where the data set has more"
            )


def _distances(
    network: Extractor, what: str, reference: np.ndarray, other: np.ndarray, sides: _Sides, how: _Measures
) -> Result:
    """All scores of one comparison, {"<measure>_<what>": …}."""
    from dlib_bvae.image_quality.distances import frechet_distance, frechet_infinity, kernel_distance, manifold_scores
    from dlib_bvae.image_quality.features import moments_of

    moments = moments_of(reference)
    own = what == "reconstruction"
    kernel = kernel_distance(reference, other, sides.rng, how.subsets, how.subset_size, paired=own)
    scores = {
        network.label("frechet"): frechet_distance(moments, moments_of(other)),
        network.label("kernel"): kernel.distance,
    }
    manifold = manifold_scores(reference, other, how.neighbours)
    scores.update({f"{name}_{network.name}": value for name, value in manifold.items()})
    named: dict[str, Any] = {f"{name}_{what}": value for name, value in scores.items()}
    spread = f"{network.label('kernel')}_{what}_std"
    named[spread] = kernel.std
    if kernel.std is None:
        named[MISSING] = {
            spread: f"there is one subset only, of {kernel.subset_size} of {sides.count} images of each side"
        }
    named[_SUBSET_SIZE] = {what: kernel.subset_size}
    if how.infinity_points:
        # A separate random stream: asking for it moves no other score.
        rng = np.random.RandomState(sides.seed)
        line = frechet_infinity(moments, other, rng, how.infinity_smallest, how.infinity_points)
        named[f"{network.label('frechet')}_infinity_{what}"] = line.distance
        fit = {"slope": line.slope, "sizes": line.sizes, "distances": line.distances, "seed": sides.seed}
        named[f"infinity_fit_{what}"] = {**fit, "reference_images": len(reference)}
    return named


class _Sides:
    """The images that are compared: disjoint rows of the data set, and what the decoder makes of codes."""

    def __init__(
        self,
        data: ImageData,
        codes: Codes,
        decode: _Decode | None,
        rng: np.random.RandomState,
        num_images: int,
    ):
        if data.num_images < 4:
            raise UserError(f"image_quality needs at least four images; {data.name} has {data.num_images}")
        self._data, self._codes, self._decode, self.rng = data, codes, decode, rng
        self.count = min(num_images, data.num_images // 2)
        if not callable(codes) and (np.ndim(codes) != 2 or len(codes) != data.num_images):
            raise UserError(
                f"codes must be numbers ({data.num_images}, latents), one row per image; got shape {np.shape(codes)}"
            )
        rows = rng.permutation(data.num_images)[: 2 * self.count]
        self.rows, self.other_rows = np.sort(rows[: self.count]), np.sort(rows[self.count :])
        self.seed = int(rng.randint(2**31))

    def described(self) -> dict[str, Any]:
        """For the result."""
        channels = self._data.observation_shape[-1]
        return {
            "value_range": [0, 255],
            "images_each_side": self.count,
            "split": f"disjoint rows, drawn from all {self._data.num_images} images of {self._data.name}",
            "grey_repeated_to_rgb": channels == 1,
            "image_shape": list(self._data.observation_shape),
            "sample_seed": self.seed,
        }

    def batches(self, what: str) -> Iterable[np.ndarray]:
        """Images in [0, 1]: the "reconstruction" of `rows`, or as many of a "sample" of the prior."""
        from dlib_bvae.image_quality.features import in_batches

        if what == "reconstruction":
            return in_batches(self.rows, lambda rows: self._decoded(self._codes_at(rows)))
        noise = np.random.RandomState(self.seed)
        width = self._codes_at(self.rows[:1]).shape[1]
        return in_batches(self.rows, lambda rows: self._decoded(noise.normal(size=(len(rows), width))))

    def _codes_at(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self._codes(self._data.observations_at(rows)) if callable(self._codes) else self._codes[rows])

    def _decoded(self, latents: np.ndarray) -> np.ndarray:
        if not np.isfinite(latents).all():
            raise UserError("a code is NaN or infinite; encode the data set again")
        assert self._decode is not None  # else only the data are compared
        images = np.asarray(self._decode(latents.astype(np.float32)))
        if images.shape != (len(latents), *self._data.observation_shape):
            raise UserError(
                f"decode must give images {(len(latents), *self._data.observation_shape)}; got {images.shape}"
            )
        return images


def _check(compare: object, num_images: object, resize: object, quantise: object) -> None:
    if not isinstance(compare, (list, tuple)) or not compare or any(what not in COMPARISONS for what in compare):
        raise UserError(f"image_quality.compare must name some of {', '.join(COMPARISONS)}; got {compare!r}")
    if resize not in RESIZES:
        raise UserError(f"image_quality.resize must be one of {', '.join(RESIZES)}; got {resize!r}")
    if not isinstance(quantise, bool):
        raise UserError(f"image_quality.quantise must be True or False; got {quantise!r}")
    check_integer("image_quality.num_images", num_images, 2)
