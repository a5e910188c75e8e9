"""What a GPU has to show before anything is said of it: correctness first, then speed. One command, ten minutes at most.

    python benchmarks/gpu_check.py --output=gpu_check.json [--tiny] [--max_minutes=10] [--only=ITEM,…]

Items run in the order of the list, each with a time of its own; the JSON, and a Markdown table next to it, are written anew after
each, so that whatever stops the check leaves what was found. An item that hangs or takes the process with it is named so, and the
next goes on in a new process. "correctness": {item: {"held", "seen"}}. "speed": {cell: images/s with what else was seen}; the
targets are printed next to what was measured. --tiny: images of 16×16, a few steps, and without a GPU two virtual devices of the
CPU; it tries that everything runs, and says nothing about speed.
"""

from __future__ import annotations

import argparse
import contextlib
import glob
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

HOME = Path(__file__).resolve().parents[1]
TARGETS = {  # images/s
    "conv float32 xla batch 64": "≥ 30,000",
    "conv bfloat16 xla batch 64": "≥ 30,000",
    "fused 16 float32 xla": "≥ 200,000 in all, and ≥ 6 times one alone",
}
CONV = ["gin/models/beta_vae.gin", "gin/models/burgess_conv.gin"]
MLP = ["gin/beta4_dsprites_mlp.gin"]
STEPS_COMPARED = 50
RATE = 5e-4  # the learning rate of what is compared
_SECONDS, _PATIENCE = 30.0, 120.0  # of a cell; before an item counts as hanging
Found = dict[str, Any]


class Size:
    """How much is done: all of it, or with --tiny as little as shows that it runs."""

    def __init__(self, tiny: bool):
        self.tiny = tiny
        self.data = "dummy_data" if tiny else "dsprites_rendered"
        self.steps = 2 if tiny else STEPS_COMPARED
        self.members = 2 if tiny else 4
        self.seconds = 0.2 if tiny else 8.0

    def files(self, kind: str) -> list[str]:
        """The gin files of a network: the tiny one is the convolutional one on small images."""
        return CONV if kind == "conv" or self.tiny else MLP

    def bindings(self, **more: object) -> list[str]:
        """Bindings of a training; a name with two underscores has a dot there."""
        given = {
            "dataset.name": self.data,
            "model.batch_size": 8 if self.tiny else 64,
            "model.training_steps": 10_000_000,
        }
        given |= {name.replace("__", "."): value for name, value in more.items()}
        return [f"{name} = {value!r}" for name, value in given.items()]


def trainers_of(size: Size, kind: str = "conv", seeds: int = 1, **more: object) -> list[Any]:
    """Trainers of as many seeds, which share the images in memory."""
    from dlib_bvae import datasets
    from dlib_bvae.config import configuration
    from dlib_bvae.stages import train as stage

    found: list[Any] = []
    for seed in range(seeds):
        given = size.bindings(model__random_seed=seed, **more)
        with configuration(size.files(kind), given, stage.REGISTRIES):
            shared = found[0].feed if found else None
            found.append(stage.build(datasets.load(), stage.TrainingSettings(), shared=shared)[0])
    return found


def advance(runner: Any, trainers: list[Any], steps: int) -> np.ndarray:
    """Losses (members,) after so many steps of all."""
    import tensorflow as tf

    for trainer in trainers:
        trainer.feed.start(int(trainer.state.step), 10_000_000)
    runner.run(tf.constant(steps, tf.int64))
    return np.array([trainer.means()["loss"] for trainer in trainers])


# ---- correctness: each returns whether it held, and what was seen


def fused_member_equals_its_seed_alone(size: Size) -> tuple[bool, Found]:
    """After STEPS_COMPARED steps losses within 1e-3, and few weights differ, none by more than steps × rate."""
    from dlib_bvae.training.ensemble import Ensemble

    together = trainers_of(size, seeds=size.members)
    losses = advance(Ensemble(together, "fused"), together, size.steps)
    alone = trainers_of(size, seeds=size.members)
    expected = np.array([advance(trainer, [trainer], size.steps)[0] for trainer in alone])
    far, largest = 0.0, 0.0
    for one, other in zip(together, alone, strict=True):
        for ours, theirs in zip(one.variables, other.variables, strict=True):
            apart = np.abs(ours.numpy() - theirs.numpy())
            far = max(far, float((apart > 1e-4 * max(1.0, float(np.abs(theirs).max()))).mean()))
            largest = max(largest, float(apart.max()))
    relative = float(np.abs(losses / expected - 1).max())
    held = relative < 1e-3 and far < 0.05 and largest <= 2 * size.steps * RATE
    return held, {"relative_loss": relative, "share_of_weights_apart": far, "largest": largest, "steps": size.steps}


def _train_command(size: Size, directory: Path, steps: int, every: int) -> list[str]:
    more = {"model__training_steps": steps, "model__deterministic": True, "model__checkpoint_every": every}
    command = [sys.executable, "-m", "dlib_bvae", "train", f"--model_dir={directory}"]
    command += [f"--gin_config={name}" for name in size.files("conv")]
    return command + [f"--gin_bindings={each}" for each in size.bindings(**more)]


def _weights(directory: Path) -> str:
    from dlib_bvae.artifacts import read_results

    return str(read_results(directory / "train", "train")["weights"])


def deterministic_mode_gives_the_same_bits_twice(size: Size) -> tuple[bool, Found]:
    """Two processes, model.deterministic."""
    steps = 20 if size.tiny else 400
    with _folder() as folder:
        for name in "ab":
            subprocess.run(_train_command(size, folder / name, steps, steps), check=True, capture_output=True)
        found = [_weights(folder / name) for name in "ab"]
    return found[0] == found[1], {"weights": found, "steps": steps}


def sigkill_and_resume_give_the_same_bits(size: Size) -> tuple[bool, Found]:
    """A training that is killed after its first checkpoint and run again, against one that is not."""
    steps, every = (2_000, 100) if size.tiny else (4_000, 500)
    with _folder() as folder:
        subprocess.run(_train_command(size, folder / "whole", steps, every), check=True, capture_output=True)
        command = _train_command(size, folder / "killed", steps, every)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(folder.glob("killed/train.part/checkpoint/*.index")):
            time.sleep(0.02)
        process.kill()
        killed = process.wait() != 0
        subprocess.run(command, check=True, capture_output=True)
        found = [_weights(folder / name) for name in ("whole", "killed")]
    return killed and found[0] == found[1], {"killed_before_its_end": killed, "weights": found, "steps": steps}


def bfloat16_and_float32_agree(size: Size) -> tuple[bool, Found]:
    """Mean losses of the last steps of two trainings differ by less than 2 %."""
    steps, means = (2 if size.tiny else 300), []
    for precision in ("float32", "mixed_bfloat16"):
        (trainer,) = trainers_of(size, model__precision=precision)
        advance(trainer, [trainer], steps)
        means.append(float(np.mean([advance(trainer, [trainer], 1)[0] for _ in range(2 if size.tiny else 50)])))
    relative = abs(means[1] / means[0] - 1)
    return relative < 0.02, {"float32": means[0], "bfloat16": means[1], "relative": relative}


def grouped_convolutions_have_gradients_outside_xla(size: Size) -> tuple[bool, Found]:
    """One convolution of groups, and its transpose, against one convolution a group."""
    import tensorflow as tf

    groups, channels, side = size.members, 4, 8
    rng = np.random.default_rng(0)
    image = tf.constant(rng.normal(size=(2, side, side, groups * channels)), tf.float32)
    kernel = tf.Variable(rng.normal(size=(4, 4, channels, groups * channels)), dtype=tf.float32)

    @tf.function(jit_compile=False)
    def gradient_of(apart: bool) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            if apart:
                parts = zip(tf.split(image, groups, 3), tf.split(kernel, groups, 3), strict=True)
                found = tf.concat([tf.nn.conv2d(x, k, 2, "SAME") for x, k in parts], 3)
            else:
                found = tf.nn.conv2d(image, kernel, 2, "SAME")
            loss = tf.reduce_sum(found**2)
        return loss, tape.gradient(loss, kernel)

    (loss, gradient), (expected, theirs) = gradient_of(False), gradient_of(True)
    apart = float(tf.reduce_max(tf.abs(gradient - theirs)) / tf.reduce_max(tf.abs(theirs)))
    relative = float(abs(loss / expected - 1))
    return relative < 1e-2 and apart < 1e-2, {"relative_loss": relative, "relative_gradient": apart}


def several_devices_share_a_batch(size: Size) -> tuple[bool, Found]:
    """MirroredStrategy over all GPUs, or two virtual CPUs; with one GPU there is nothing to share."""
    import tensorflow as tf

    devices = len(tf.config.list_logical_devices("GPU")) or len(tf.config.list_logical_devices("CPU"))
    if devices < 2:
        return True, {"devices": devices, "note": "one device: nothing to share"}
    losses = []
    for count in (1, devices):
        (trainer,) = trainers_of(size, model__devices=count)
        losses.append(float(advance(trainer, [trainer], size.steps)[0]))
    relative = abs(losses[1] / losses[0] - 1)
    return relative < 1e-3, {"devices": devices, "losses": losses, "relative": relative}


def every_objective_takes_steps(size: Size) -> tuple[bool, Found]:
    """A step or two of every method that has a gin file, on small images; the loss is finite."""
    from dlib_bvae import datasets
    from dlib_bvae.config import configuration
    from dlib_bvae.models.baselines import Baseline
    from dlib_bvae.stages import train as stage

    seen: Found = {}
    for path in sorted((HOME / "gin" / "models").glob("*.gin")):
        if "model.model = @" not in path.read_text(encoding="utf-8"):
            continue
        small = ["dataset.name = 'dummy_data'", "model.batch_size = 8", "model.training_steps = 2"]
        try:
            with configuration([str(path)], small, stage.REGISTRIES):
                settings = stage.TrainingSettings()
                if isinstance(settings.model, Baseline):
                    continue
                trainer = stage.build(datasets.load(), settings)[0]
                seen[path.stem] = float(advance(trainer, [trainer], 2)[0])
        except Exception as error:
            seen[path.stem] = f"{type(error).__name__}: {error}"
    wrong = {name: each for name, each in seen.items() if not isinstance(each, float) or not math.isfinite(each)}
    return not wrong and bool(seen), {"methods": len(seen), "wrong": wrong}


def every_metric_runs(size: Size) -> tuple[bool, Found]:
    """Every metric scores codes, or says why it does not apply, in the process that holds the GPU."""
    from dlib_bvae import metrics
    from dlib_bvae.datasets import load
    from dlib_bvae.errors import NotApplicable

    del size
    data, seen = load("dummy_data"), dict[str, Any]()
    codes = np.random.default_rng(0).normal(size=(data.num_images, 4)).astype(np.float32)
    for name in metrics.names():
        try:
            metrics.score(name, data, codes, 0, **metrics.small_parameters(name, 100, 4))
        except NotApplicable as refusal:
            seen[name] = str(refusal)
        except Exception as error:
            return False, {"metric": name, "error": f"{type(error).__name__}: {error}"}
    return True, {"metrics": len(metrics.names()), "not_applicable": seen}


# ---- speed: each returns images/s and what else was seen


def solo(kind: str, batch: int, precision: str, xla: bool) -> Callable[[Size], Found]:
    """One training."""

    def cell(size: Size) -> Found:
        more = {"model__precision": precision, "model__xla": xla, "model__batch_size": 8 if size.tiny else batch}
        (trainer,) = trainers_of(size, kind, **more)
        return measured(size, trainer, [trainer])

    return cell


def fused(members: int, precision: str = "float32") -> Callable[[Size], Found]:
    """As many trainings of other seeds in one graph."""

    def cell(size: Size) -> Found:
        from dlib_bvae.training.ensemble import Ensemble

        count = min(members, 2) if size.tiny else members
        together = trainers_of(size, seeds=count, model__precision=precision, model__xla=True)
        return measured(size, Ensemble(together, "fused", xla=True), together)

    return cell


def measured(size: Size, runner: Any, trainers: list[Any]) -> Found:
    """Images/s of all trainers over some seconds, after compilation, with memory and the share of the matrix rate."""
    import tensorflow as tf

    images = sum(trainer.feed.batch_size for trainer in trainers)
    began = time.perf_counter()
    advance(runner, trainers, 2)
    compiled = time.perf_counter() - began
    began = time.perf_counter()
    advance(runner, trainers, 4)
    count = max(4, int(4 * size.seconds / (time.perf_counter() - began)))
    began = time.perf_counter()
    advance(runner, trainers, count)
    seconds = time.perf_counter() - began
    found: Found = {
        "images_per_second": round(count * images / seconds),
        "steps": count,
        "compile_seconds": round(compiled, 1),
    }
    found["milliseconds_a_step"] = round(1e3 * seconds / count, 3)
    if tf.config.list_physical_devices("GPU"):
        found["peak_memory_mib"] = round(tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20)
        found["kernels_share_of_time"] = kernel_share(lambda: advance(runner, trainers, 20))
    return found


def kernel_share(call: Callable[[], object]) -> float | None:
    """The share of the time of `call` in which the GPU computes; the others go by until kernels are launched. None: not known."""
    import tensorflow as tf

    try:
        from tensorflow.tsl.profiler.protobuf import xplane_pb2
    except ImportError:
        return None
    with _folder() as folder:
        tf.profiler.experimental.start(str(folder))
        began = time.perf_counter()
        call()
        seconds = time.perf_counter() - began
        tf.profiler.experimental.stop()
        busy = 0.0
        for path in glob.glob(f"{folder}/**/*.xplane.pb", recursive=True):
            space = xplane_pb2.XSpace()
            space.ParseFromString(Path(path).read_bytes())
            planes = [plane for plane in space.planes if plane.name.startswith("/device:GPU")]
            lines = [line for plane in planes for line in plane.lines if "Stream" in line.name]
            busy += sum(event.duration_ps for line in lines for event in line.events) / 1e12
    return round(busy / seconds, 3) if busy else None


def encoding(size: Size) -> Found:
    """Posterior means of a data set's images by an exported model, in batches, as the postprocessing stage makes them."""
    from dlib_bvae import datasets
    from dlib_bvae.models.saved_model import export
    from dlib_bvae.models.signatures import encoder

    (trainer,) = trainers_of(size)
    data = datasets.load(size.data)
    with _folder() as folder:
        export(trainer.network, folder / "saved_model")
        encode = encoder(folder / "saved_model")
        batch = 64 if size.tiny else 1_024
        rows = np.arange(batch) % data.num_images
        encode(data.observations_at(rows))
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < size.seconds:
            encode(data.observations_at((rows + count) % data.num_images))
            count += batch
        return {"images_per_second": round(count / (time.perf_counter() - began))}


def matrix_rate_of(size: Size) -> Found:
    """Multiply-adds/s of large matrix products, which shares of a peak can be taken of."""
    import tensorflow as tf

    found, side = {}, 256 if size.tiny else 8_192
    for name, kind in (("float32 (TF32 where the GPU has it)", tf.float32), ("bfloat16", tf.bfloat16)):
        a = tf.cast(tf.random.stateless_normal([side, side], [0, 0]), kind)
        product = tf.function(lambda a: tf.reduce_sum(tf.cast(tf.matmul(a, a)[:1, :1], tf.float32)))
        product(a).numpy()
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < size.seconds / 4:
            product(a).numpy()
            count += 1
        found[name] = count * side**3 / (time.perf_counter() - began)
    return {"multiply_adds_per_second": found}


CORRECTNESS: dict[str, Callable[[Size], tuple[bool, Found]]] = {
    each.__name__: each
    for each in (
        fused_member_equals_its_seed_alone,
        deterministic_mode_gives_the_same_bits_twice,
        sigkill_and_resume_give_the_same_bits,
        bfloat16_and_float32_agree,
        grouped_convolutions_have_gradients_outside_xla,
        several_devices_share_a_batch,
        every_objective_takes_steps,
        every_metric_runs,
    )
}
SPEED: dict[str, Callable[[Size], Found]] = {
    "conv float32 xla batch 64": solo("conv", 64, "float32", True),
    "conv bfloat16 xla batch 64": solo("conv", 64, "mixed_bfloat16", True),
    **{f"fused {members} float32 xla": fused(members) for members in (4, 16, 64)},
    "fused 16 bfloat16 xla": fused(16, "mixed_bfloat16"),
    "encoding": encoding,
    "matrix rate": matrix_rate_of,
    "conv float32 xla batch 256": solo("conv", 256, "float32", True),
    "conv float32 batch 64": solo("conv", 64, "float32", False),
    "conv float16 xla batch 64": solo("conv", 64, "mixed_float16", True),
    "mlp float32 xla batch 256": solo("mlp", 256, "float32", True),
}


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def start(size: Size) -> Found:
    """Starts TensorFlow with all that the items need; what the machine is."""
    from dlib_bvae.runtime import load_tensorflow, prepare_tensorflow

    prepare_tensorflow()
    import tensorflow as tf

    if size.tiny and not tf.config.list_physical_devices("GPU"):
        halves = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)
    load_tensorflow()
    from dlib_bvae.artifacts import describe
    from dlib_bvae.training.hardware import Hardware

    return {"gpus": list(Hardware.found().gpus), "cores": os.cpu_count(), "environment": describe()}


def work(size: Size, names: list[str]) -> None:
    """The worker: a line of JSON when an item begins, and one when it ends."""
    say = lambda **entry: print(json.dumps(entry), flush=True)
    say(machine=start(size))
    for name in names:
        say(begun=name)
        began = time.perf_counter()
        try:
            if name in CORRECTNESS:
                held, seen = CORRECTNESS[name](size)
                result: Found = {"held": bool(held), "seen": seen}
            else:
                result = SPEED[name](size)
        except Exception as error:  # the items after it are worth as much
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
            result = {"held": False, "seen": text} if name in CORRECTNESS else {"failed": text}
        say(item=name, result={**result, "seconds": round(time.perf_counter() - began, 1)})


def supervise(flags: argparse.Namespace, names: list[str]) -> Found:
    """Runs the items in worker processes until all are done or the time is over; writes what is found after each."""
    record: Found = {"tiny": flags.tiny, "machine": None, "correctness": {}, "speed": {}, "not_tried": names}
    end = time.monotonic() + 60 * flags.max_minutes
    while record["not_tried"] and time.monotonic() < end:
        command = [
            sys.executable,
            __file__,
            "--worker",
            ",".join(record["not_tried"]),
            *(["--tiny"] if flags.tiny else []),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        os.set_blocking(process.stdout.fileno(), False)  # type: ignore[union-attr]
        now, since, rest = None, time.monotonic(), b""
        while True:
            ended = process.poll() is not None
            *lines, rest = (rest + (process.stdout.read() or b"")).split(b"\n")  # type: ignore[union-attr]
            for line in lines:
                entry = json.loads(line) if line.startswith(b"{") else {}
                record["machine"] = entry.get("machine", record["machine"])
                if "begun" in entry:
                    now, since = entry["begun"], time.monotonic()
                if "item" in entry:
                    note(flags, record, entry["item"], entry["result"])
                    now, since = None, time.monotonic()
            if ended:
                break
            late = time.monotonic() >= end
            if late or time.monotonic() - since > _PATIENCE + _SECONDS:
                process.kill()
                if late:
                    return record
                now = now or record["not_tried"][0]
            time.sleep(0.05)
        if process.returncode and record["not_tried"]:
            name = now or record["not_tried"][0]
            text = f"the process ended with status {process.returncode}, or hung, in it"
            note(flags, record, name, {"held": False, "seen": text} if name in CORRECTNESS else {"failed": text})
    return record


def note(flags: argparse.Namespace, record: Found, name: str, result: Found) -> None:
    """Adds a result, and writes the JSON and the table."""
    record["correctness" if name in CORRECTNESS else "speed"][name] = result
    record["not_tried"] = [each for each in record["not_tried"] if each != name]
    print(f"{name}: {json.dumps(result)}", flush=True)
    flags.output.parent.mkdir(parents=True, exist_ok=True)
    for path, text in (
        (flags.output, json.dumps(record, indent=1) + "\n"),
        (flags.output.with_suffix(".md"), table(record)),
    ):
        part = path.with_name(f"{path.name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)


def table(record: Found) -> str:
    """The record as Markdown."""
    lines = ["| correctness | held | seen |", "|---|---|---|"]
    for name, each in record["correctness"].items():
        seen = json.dumps(each["seen"]).replace("|", "\\|")
        lines.append(f"| {name.replace('_', ' ')} | {'yes' if each['held'] else 'NO'} | {seen:.300} |")
    heads = ("speed", "images/s", "target", "ms a step", "peak memory (MiB)", "kernels' share of the time")
    lines += ["", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, each in record["speed"].items():
        values = [each.get(key) for key in ("milliseconds_a_step", "peak_memory_mib", "kernels_share_of_time")]
        rate = each.get("images_per_second", each.get("failed", each.get("multiply_adds_per_second", "")))
        target = "" if record["tiny"] else TARGETS.get(name, "")
        lines.append(
            f"| {name} | {rate} | {target} | {' | '.join('' if each is None else str(each) for each in values)} |"
        )
    if record["not_tried"]:
        lines += ["", f"Not tried: {', '.join(record['not_tried'])}."]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the check; the status is 1 where something did not hold or was not tried."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("gpu_check.json"))
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--max_minutes", type=float, default=10)
    parser.add_argument("--only", default=",".join([*CORRECTNESS, *SPEED]))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.worker:
        work(Size(flags.tiny), flags.worker.split(","))
        return 0
    names = flags.only.split(",")
    if unknown := [name for name in names if name not in {**CORRECTNESS, **SPEED}]:
        parser.error(f"there is no item {unknown[0]!r}; there are {', '.join([*CORRECTNESS, *SPEED])}")
    if shutil.which("nvidia-smi") is None and not flags.tiny:
        print("there is no NVIDIA GPU here (no nvidia-smi): what follows is of the CPU", file=sys.stderr)
    record = supervise(flags, names)
    bad = [name for name, each in record["correctness"].items() if not each["held"]]
    failed = [name for name, each in record["speed"].items() if "failed" in each]
    print(f"\n{table(record)}\nwritten: {flags.output}")
    return 1 if bad or failed or record["not_tried"] else 0


if __name__ == "__main__":
    sys.exit(main())
