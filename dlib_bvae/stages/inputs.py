"""What a stage works on: a trained run, opened for one process, with its data set and model; a representation of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dlib_bvae import datasets
from dlib_bvae.artifacts import Identity, open_run, read_identity, read_lock, read_results, standing
from dlib_bvae.artifacts.permissions import check_readable
from dlib_bvae.artifacts.record import damaged
from dlib_bvae.artifacts.trust import statements_of_run
from dlib_bvae.config import part_of_configuration
from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.models import zoo
from dlib_bvae.representations.on_demand import CodesOnDemand
from dlib_bvae.runtime import RUNS, load_tensorflow, say

if TYPE_CHECKING:
    from dlib_bvae.models.signatures import SavedModel

_TRAINED = Path("train", "results", "json", "train_results.json")
_EXPORTED = "saved_model"
_RESULTS = {"model": str, "dataset": str, "fingerprint": str, "seed": int}  # what later stages need of a training

Encode = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
Decode = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class TrainedRun:
    """A finished training in `directory` and its data set. output: where stages write. step: of its model, None for the last."""

    directory: Path
    output: Path
    data: ImageData
    step: int | None = None
    results: dict[str, Any] = field(init=False)  # of the training
    identity: Identity = field(init=False)

    def __post_init__(self) -> None:
        check_readable(self.directory / "train" / "results")  # of which later stages copy, after hours of work
        object.__setattr__(self, "results", trained_results(self.directory))
        object.__setattr__(self, "identity", read_identity(self.directory / "train", "train"))

    @property
    def codes(self) -> str | None:
        """What the codes are where no encoder makes them (see Baseline.codes): "factors"; None for all others."""
        return self.results.get("codes")

    @property
    def saved_model(self) -> Path:
        """The SavedModel. Raises UserError where training kept none of `step`."""
        train = self.directory / "train"
        if self.step is None or self.step == self.results.get("steps"):
            return train / _EXPORTED
        kept = sorted(int(path.name.rpartition("-")[2]) for path in train.glob(f"{_EXPORTED}-[0-9]*"))
        if self.step not in kept:
            raise UserError(
                f"{self.directory} keeps no model of step {self.step} (kept: {', '.join(map(str, kept)) or 'none'}, and the "
                f"last); train with model.export_steps = [{self.step}]"
            )
        return train / f"{_EXPORTED}-{self.step}"

    def encoder(self, data: Any) -> tuple[Encode, Any]:
        """How the run encodes, and what of `data`: the images, or of a method without an encoder what has its codes."""
        if self.codes:
            coded = self._coded(data)
            return coded.encode, coded
        return load_encoder(self.saved_model), data

    def decoder(self) -> Decode | None:
        """Latents float32 (n, latents) → images (n, H, W, C) in [0, 1]; None where it has none."""
        return self._coded(self.data).decode if self.codes else load_decoder(self.saved_model)

    def model(self) -> SavedModel | None:
        """All that the SavedModel can do; None of a method without an encoder, which has none."""
        return None if self.codes else load_model(self.saved_model)

    def _coded(self, data: ImageData) -> Any:
        from dlib_bvae.models.baselines import coded_data

        return coded_data(str(self.codes), data, self.results)


class Representation(NamedTuple):
    """Codes (images, latents) of `data` in index order; `directory` of their stage, `output`: where what is made of them goes.

    decoder: makes the function latents → images, or None where there is none. model: makes all that the model can do, or None.
    called: the model in the titles of pictures.
    """

    directory: Path
    output: Path
    data: ImageData
    codes: np.ndarray | CodesOnDemand
    decoder: Callable[[], Decode | None]
    model: Callable[[], SavedModel | None]
    called: str = ""


@contextlib.contextmanager
def opened_run(model_dir: Path | None, output_dir: Path | None = None, step: int | None = None) -> Iterator[TrainedRun]:
    """The trained run in `model_dir` (None: the most recent, which is said), in this process alone until the block ends.

    output_dir: where to write instead, next to a run that is only read; of a model of the zoo runs/zoo_<name> by default.
    Raises UserError for no trained run, InUse where another process works in it.
    """
    model_dir = trained_run(model_dir)
    if output_dir is None and (name := zoo.name_of(model_dir)) is not None:
        output_dir = RUNS / f"zoo_{name}"  # the one in the cache is for all
    if output_dir is not None and output_dir.resolve() == model_dir.resolve():
        output_dir = None
    lock = open_run(model_dir) if output_dir is None else open_run(output_dir, "--output_dir")
    with lock, contextlib.nullcontext() if output_dir is None else read_lock(model_dir):
        model_dir = trained_run(model_dir)  # once more, as it was not ours before
        yield TrainedRun(model_dir, output_dir or model_dir, same_data(model_dir), step)


def trained_run(model_dir: Path | None) -> Path:
    """Checks that `model_dir` holds a trained model and returns it; "zoo:name" is a model of the zoo.

    None means the most recently trained run, and says which.
    """
    if model_dir is not None and (name := zoo.name_in(model_dir)) is not None:
        return zoo.run_directory(name)
    if model_dir is None:
        found = sorted(RUNS.glob(f"*/{_TRAINED}"), key=lambda path: path.stat().st_mtime)
        if not found:
            raise UserError(f"no trained run in {RUNS}/; train one with dlib_bvae_train, or give --model_dir")
        model_dir = found[-1].parents[3]
        say(f"run: {model_dir} (the most recent; --model_dir chooses another)")
    elif not model_dir.is_dir():
        raise UserError(f"there is no run directory {model_dir}; train it with dlib_bvae_train --model_dir={model_dir}")
    elif (found_there := standing(model_dir / "train", "train")) == "begun":
        raise UserError(f"the training in {model_dir} is not finished; run its dlib_bvae_train command again")
    elif not found_there:
        raise UserError(f"{model_dir} is not a run directory of dlib_bvae_train: it lacks {_TRAINED}")
    return model_dir


def with_input_dir(
    input_dir: Path | None, model_dir: Path | None, gin_bindings: Sequence[str]
) -> tuple[Path | None, list[str]]:
    """The run directory and the bindings that disentanglement_lib's --input_dir, a run or the codes in one, means with these.

    Raises UserError for --model_dir, too, and for a directory that is neither.
    """
    if input_dir is None:
        return model_dir, [*gin_bindings]
    if model_dir is not None:
        raise UserError("--input_dir and --model_dir both say what to score; leave out one")
    if (input_dir / _TRAINED).is_file():
        return input_dir, [*gin_bindings]
    whole = input_dir.resolve()
    if not (whole.parent / _TRAINED).is_file() or not (whole / "codes.npy").is_file() or "-step" in whole.name:
        raise UserError(
            f"--input_dir must be a run directory, or the codes of its last step in one, such as runs/beta4/mean; {input_dir} is "
            "neither; give --model_dir, and --step for the codes of an earlier step"
        )
    return input_dir.parent, [*gin_bindings, f"postprocess.postprocess_fn = @{whole.name}_representation"]


def trained_results(model_dir: Path) -> dict[str, Any]:
    """The results of the training in `model_dir`. Raises UserError where one that later stages need is not there."""
    results = read_results(model_dir / "train", "train")
    if lacking := [name for name, kind in _RESULTS.items() if not isinstance(results.get(name), kind)]:
        raise damaged(model_dir / _TRAINED, "train", f"it lacks {', '.join(lacking)}")
    return results


def same_data(model_dir: Path) -> ImageData:
    """The data set of the training, as the run's configuration says.

    Raises UserError when this machine's has another fingerprint, and where the configuration imports modules that may not be
    executed (see artifacts.trust).
    """
    trained = trained_results(model_dir)
    with part_of_configuration(statements_of_run(model_dir), [datasets.DATASETS]):
        data = datasets.load()
    if data.fingerprint != trained["fingerprint"]:
        raise UserError(
            f"{model_dir} was trained on {trained['dataset']} {trained['fingerprint']}, here that data set is "
            f"{data.fingerprint}; use the package version that trained it, or train again"
        )
    return data


def load_encoder(directory: Path) -> Encode:
    """The SavedModel's encode as a numpy function: observations → (mean, log_variance or None)."""
    load_tensorflow()
    from dlib_bvae.models.signatures import encoder

    return encoder(directory)


def load_decoder(directory: Path) -> Decode | None:
    """The SavedModel's decode: latents float32 (n, latents) → images (n, H, W, C) in [0, 1]; None where it has none."""
    load_tensorflow()
    from dlib_bvae.models import signatures

    return signatures.decoder(directory)


def load_model(directory: Path) -> SavedModel:
    """All functions of a SavedModel on numpy arrays."""
    load_tensorflow()
    from dlib_bvae.models import signatures

    return signatures.model(directory)
