"""Run directories with one configuration, representation and metric each, as the stages write them, for tests of tables."""

from dlib_bvae.artifacts import record


def write_run(root, name, *, seed=0, beta=4.0, config=None, representation="mean", num_images=100, **train):
    """A trained and encoded run; returns the directory of its representation."""
    bindings = {"vae.beta": beta, "model.random_seed": seed, "model.name": name, "model.model": "@vae()"}
    facts = {"model": "beta_vae", "dataset": "dummy", "fingerprint": "f" * 64, "seed": seed, "steps": 10, "loss": 1.0}
    write(root / name / "train", "train", {**bindings, **(config or {})}, None, {**facts, **train})
    encoded = {"representation": representation, "num_images": num_images}
    write(root / name / representation, "postprocess", {"postprocess.random_seed": 3}, root / name / "train", encoded)
    return root / name / representation


def evaluate(encoded, scores, *, metric="beta_vae", parameters=None, seed=0, place=None):
    """An evaluation of an encoded run; returns its directory."""
    directory = encoded / "metrics" / (place or f"{metric}_{seed}")
    results = {
        "metric": metric,
        "metric_parameters": {"num_train": 10} if parameters is None else parameters,
        "random_seed": seed,
        "score_names": list(scores),
        **scores,
    }
    write(directory, "evaluation", {"evaluation.random_seed": seed}, encoded, results)
    return directory


def write(directory, stage, config, earlier, results):
    results = {"elapsed_time": 1.0, **results}
    record.write_stage(directory, stage, results=results, config=config, gin_text="", earlier=earlier)
