"""Seven metrics as the reference suite scores them, encoding images for each, against this package on codes encoded once.

    python benchmarks/reference_way.py runs/quickstart [--fraction=0.02]

Both have unsupervised_study_v1's parameters; the reference encodes batches of 64 by the run's SavedModel and fits plain
scikit-learn. --fraction: that share of the votes and points of the two metrics that encode most, and of the stages of the
boosted trees, is done and its time extrapolated, and the reference's scores are then those of the smaller thing; all else
is done in full. Ours are the metrics' own functions in a process
of their own, on memory-mapped codes; encoding the grid is measured here too, and totals stand with it and without.
Targets: 30 times without dci, 8 times with it, less than 2 GiB beside the codes. Writes results/reference_way.json.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dlib_bvae import metrics
from dlib_bvae.representations.codes import encode_all, mean_representation, read_codes
from dlib_bvae.runtime import load_tensorflow
from dlib_bvae.stages.inputs import same_data

OUTPUT = Path(__file__).parent / "results" / "reference_way.json"
OURS = {  # the reference's name → ours
    "beta_vae": "beta_vae",
    "factor_vae": "factor_vae_score",
    "mig": "mig",
    "sap": "sap_dlib",
    "modularity_explicitness": "modularity_explicitness_dlib",
    "irs": "irs_dlib",
    "dci": "dci",
}
BATCH, TRAIN, TEST, STAGES, BINS = 64, 10_000, 5_000, 100, 20


class Reference:
    """disentanglement_lib's metrics, as its papers and code state them, without any sharing between metrics.

    encode: observations (n, H, W, C) → means (n, latents). Each metric returns (its score, seconds); seconds are those of
    the whole metric, extrapolated where `fraction` says so.
    """

    def __init__(self, data, encode: Callable[[np.ndarray], np.ndarray], fraction: float):
        self.data, self.encode, self.fraction = data, encode, fraction
        self.rng = np.random.RandomState(0)
        self.factors = range(len(data.factors_num_values))

    def sample(self, num: int) -> tuple[np.ndarray, np.ndarray]:
        """Codes (num, latents) and factors (num, factors)."""
        codes, factors = [], []
        for start in range(0, num, BATCH):
            drawn = self.data.sample_factors(min(BATCH, num - start), self.rng)
            factors.append(drawn)
            codes.append(self.encode(self.data.sample_observations_from_factors(drawn, self.rng)))
        return np.concatenate(codes), np.concatenate(factors)

    def extrapolated(self, one: Callable[[], tuple], num: int) -> tuple[list[tuple], float]:
        """`one` called for a fraction of `num` times, and the seconds that all would take."""
        done = max(1, round(self.fraction * num))
        began = time.perf_counter()
        results = [one() for _ in range(done)]
        return results, (time.perf_counter() - began) * num / done

    def beta_vae(self, points: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
        """`points`: features and labels of TRAIN + TEST points, to fit the classifier to as many as there would be."""
        from sklearn.linear_model import LogisticRegression

        def point():
            index = self.rng.randint(len(self.factors))
            first, second = (self.data.sample_factors(BATCH, self.rng) for _ in range(2))
            second[:, index] = first[:, index]
            codes = [self.encode(self.data.sample_observations_from_factors(f, self.rng)) for f in (first, second)]
            return np.mean(np.abs(codes[0] - codes[1]), axis=0), index

        _, seconds = self.extrapolated(point, TRAIN + TEST)
        began = time.perf_counter()
        features, labels = points
        model = LogisticRegression(random_state=0).fit(features[:TRAIN], labels[:TRAIN])
        score = model.score(features[TRAIN:], labels[TRAIN:])
        return score, seconds + time.perf_counter() - began

    def factor_vae(self) -> tuple[float, float]:
        began = time.perf_counter()
        variances = np.var(self.sample(TRAIN)[0], axis=0, ddof=1)
        active = np.sqrt(variances) >= 0.05
        once = time.perf_counter() - began
        if not active.any():
            return 0.0, once

        def vote():
            index = self.rng.randint(len(self.factors))
            drawn = self.data.sample_factors(BATCH, self.rng)
            drawn[:, index] = drawn[0, index]
            codes = self.encode(self.data.sample_observations_from_factors(drawn, self.rng))
            local = np.var(codes, axis=0, ddof=1)
            return np.argmin(local[active] / variances[active]), index

        votes, seconds = self.extrapolated(vote, TRAIN + TEST)
        counts = np.zeros((int(active.sum()), len(self.factors)))
        for code, index in votes:
            counts[code, index] += 1
        return counts.max(axis=1).sum() / len(votes), once + seconds

    def mig(self) -> tuple[float, float]:
        began = time.perf_counter()
        codes, factors = self.sample(TRAIN)
        information = np.sort(self.information(codes, factors), axis=0)
        score = np.mean((information[-1] - information[-2]) / np.diag(self.information_of(factors, factors)))
        return score, time.perf_counter() - began

    def information(self, codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Codes in equal-width bins with factors, one pair after the other."""
        bins = np.stack([np.digitize(c, np.histogram(c, BINS)[1][:-1]) for c in codes.T], axis=1)
        return self.information_of(bins, factors)

    def information_of(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        from sklearn.metrics import mutual_info_score

        return np.array([[mutual_info_score(b, a) for b in second.T] for a in first.T])

    def sap(self) -> tuple[float, float]:
        from sklearn.svm import LinearSVC

        began = time.perf_counter()
        (codes, factors), (fresh, truth) = self.sample(TRAIN), self.sample(TEST)
        matrix = np.zeros((codes.shape[1], len(self.factors)))
        for j, k in np.ndindex(matrix.shape):
            model = LinearSVC(C=0.01, class_weight="balanced").fit(codes[:, [j]], factors[:, k])
            matrix[j, k] = model.score(fresh[:, [j]], truth[:, k])
        ordered = np.sort(matrix, axis=0)
        return np.mean(ordered[-1] - ordered[-2]), time.perf_counter() - began

    def modularity_explicitness(self) -> tuple[float, float]:
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import roc_auc_score

        began = time.perf_counter()
        (codes, factors), (fresh, truth) = self.sample(TRAIN), self.sample(TEST)
        squared = self.information(codes, factors) ** 2
        largest = squared.max(axis=1)
        others = (squared.sum(axis=1) - largest) / (largest * (len(self.factors) - 1))
        mean, deviation = codes.mean(axis=0), codes.std(axis=0)
        for k in self.factors:
            model = LogisticRegression().fit((codes - mean) / deviation, factors[:, k])
            for read, labels in ((codes, factors), (fresh, truth)):
                chances = model.predict_proba((read - mean) / deviation)
                for place, value in enumerate(model.classes_):
                    if 0 < np.mean(labels[:, k] == value) < 1:
                        roc_auc_score(labels[:, k] == value, chances[:, place])
        return np.mean(1 - others), time.perf_counter() - began

    def irs(self) -> tuple[float, float]:
        began = time.perf_counter()
        codes, factors = self.sample(TRAIN)
        bins = np.stack([np.digitize(f, np.histogram(f, BINS)[1][:-1]) for f in factors.T], axis=1)
        largest = np.abs(codes - codes.mean(axis=0)).max(axis=0)
        matrix = np.zeros((codes.shape[1], len(self.factors)))
        for k in self.factors:
            moved = []
            for value in np.unique(bins[:, k]):
                group = codes[bins[:, k] == value]
                moved.append(np.percentile(np.abs(group - group.mean(axis=0)), 99, axis=0))
            matrix[:, k] = 1 - np.mean(moved, axis=0) / largest
        return np.average(matrix.max(axis=1), weights=largest), time.perf_counter() - began

    def dci(self) -> tuple[float, float]:
        from sklearn.ensemble import GradientBoostingClassifier

        began = time.perf_counter()
        (codes, factors), (fresh, _) = self.sample(TRAIN), self.sample(TEST)
        once = time.perf_counter() - began
        stages = max(1, round(self.fraction * STAGES))
        began, importance = time.perf_counter(), []
        for k in self.factors:
            model = GradientBoostingClassifier(n_estimators=stages).fit(codes, factors[:, k])
            model.predict(codes), model.predict(fresh)
            importance.append(np.abs(model.feature_importances_))
        rows = np.stack(importance, axis=1) + 1e-11
        shares = rows / rows.sum(axis=1, keepdims=True)
        each = 1 + (shares * np.log(shares)).sum(axis=1) / np.log(len(self.factors))
        score = np.average(each, weights=rows.sum(axis=1))
        return score, once + (time.perf_counter() - began) * STAGES / stages


def encoder(run: Path) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The SavedModel's encode: observations → (mean, log_variance)."""
    load_tensorflow()  # as the commands do: with oneDNN, for the reference's way too
    import tensorflow as tf

    model = tf.saved_model.load(str(run / "train" / "saved_model"))
    signature = model.signatures["encode"]

    def encode(observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = signature(observations=tf.constant(observations))
        return outputs["mean"].numpy(), outputs["log_variance"].numpy()

    encode.model = model  # type: ignore[attr-defined]  # the signature alone does not keep the variables alive
    return encode


def ours(run: Path, directory: Path) -> None:
    """Prints the seconds and scores of our metrics on the codes in `directory`, and the memory they took, as JSON."""
    data, codes = same_data(run), read_codes(directory)
    metrics.METRICS.import_all()
    metrics.score(
        "dci", data, codes, num_train=300, num_test=50, n_estimators=1
    )  # scikit-learn is imported when asked for
    before = forget_peak()
    record = {}
    for name, mine in OURS.items():
        began = time.perf_counter()
        result = metrics.score(mine, data, codes, 0, sampling="with_replacement")
        record[name] = {"seconds": time.perf_counter() - began, "score": next(iter(result.values()))}
        if name in ("beta_vae", "dci", "factor_vae"):
            record[name]["score"] = result["disentanglement" if name == "dci" else "eval_accuracy"]
    memory = {"codes_mib": codes.nbytes / 2**20, "peak_mib_above_start": peak_mib() - before}
    print(json.dumps({"metrics": record, "memory": memory}))


def forget_peak() -> float:
    """Makes the memory that this process has now its peak, and returns it, MiB (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak_mib()


def peak_mib() -> float:
    """The most memory this process has had since forget_peak, MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def reference(run: Path, directory: Path, fraction: float) -> dict[str, dict[str, float]]:
    """Seconds and scores of the reference's way."""
    from dlib_bvae.metrics.beta_vae import points
    from dlib_bvae.metrics.engine.codes import CodeReader

    data = same_data(run)
    encode = encoder(run)
    way = Reference(data, lambda observations: encode(observations)[0], fraction)
    way.sample(2 * BATCH)  # TensorFlow makes its plan
    full = points(CodeReader(data, read_codes(directory)), list(way.factors), TRAIN + TEST, BATCH, 0)
    record = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the solvers, stopped as the reference stops them, did not converge
        for name in OURS:
            score, seconds = way.beta_vae(full) if name == "beta_vae" else getattr(way, name)()
            record[name] = {"seconds": seconds, "score": float(score)}
            print(name, record[name], flush=True)
    return record


def total(record: dict[str, dict[str, float]], with_dci: bool) -> float:
    """Seconds of the metrics together."""
    return sum(each["seconds"] for name, each in record.items() if with_dci or name != "dci")


def main() -> None:
    """Prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--fraction", type=float, default=1.0, help="in (0, 1]")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)  # the child process: the directory of the codes
    flags = parser.parse_args()
    if not 0 < flags.fraction <= 1:
        parser.error(f"--fraction must be in (0, 1]; got {flags.fraction}")
    if flags.ours:
        ours(flags.run, flags.ours)
        return
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        encode = encoder(flags.run)
        data = same_data(flags.run)
        encode(data.observations_at(np.arange(BATCH)))
        began = time.perf_counter()
        encode_all(encode, data, mean_representation, directory, 0)
        encoding = time.perf_counter() - began
        command = [sys.executable, __file__, str(flags.run), f"--ours={directory}"]
        done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        theirs = reference(flags.run, directory, flags.fraction)
    record = table(theirs, done, encoding)
    record |= {"images": data.num_images, "fraction": flags.fraction, "cores": os.cpu_count()}
    print(json.dumps(record, indent=1))
    flags.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def table(theirs: dict[str, dict[str, float]], done: dict[str, dict], encoding: float) -> dict[str, object]:
    """What is written: each metric both ways, totals and their ratios."""
    mine = done["metrics"]
    totals = {}
    for name, with_dci in (("without_dci", False), ("with_dci", True)):
        slow, fast = total(theirs, with_dci), total(mine, with_dci)
        totals[name] = {
            "reference_seconds": round(slow, 1),
            "seconds": round(fast, 1),
            "seconds_with_encoding": round(fast + encoding, 1),
            "times_faster": round(slow / fast, 1),
            "times_faster_with_encoding": round(slow / (fast + encoding), 1),
        }
    return {
        "metrics": {
            name: {
                "reference_seconds": round(theirs[name]["seconds"], 2),
                "seconds": round(mine[name]["seconds"], 2),
                "reference_score": theirs[name]["score"],
                "score": mine[name]["score"],
            }
            for name in OURS
        },
        "encoding_the_grid_seconds": round(encoding, 1),
        **totals,
        "memory": {key: round(value, 1) for key, value in done["memory"].items()},
    }


if __name__ == "__main__":
    main()
