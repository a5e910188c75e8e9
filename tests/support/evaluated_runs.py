"""Run directories with one configuration, representation and metric each, as the stages write them, for tests of tables."""

from support.results import write


def write_run(root, name, *, seed=0, beta=4.0, config=None, representation="mean", num_images=100, **train):
    """A trained and encoded run; returns the directory of its representation."""
    bindings = {"vae.beta": beta, "model.random_seed": seed, "model.name": name, "model.model": "@vae()"}
    facts = {"model": "beta_vae", "dataset": "dummy", "fingerprint": "f" * 64, "seed": seed, "steps": 10, "loss": 1.0}
    write(root / name / "train", "train", {**facts, **train}, {**bindings, **(config or {})})
    encoded = {"representation": representation, "num_images": num_images}
    settings = {"postprocess.random_seed": 3}
    write(root / name / representation, "postprocess", encoded, settings, root / name / "train")
    return root / name / representation


def evaluate(encoded, scores, *, metric="beta_vae", parameters=None, seed=0, place=None, null=None):
    """An evaluation of an encoded run; returns its directory. null: {score: what its null says}."""
    directory = encoded / "metrics" / (place or f"{metric}_{seed}")
    results = {
        "metric": metric,
        "metric_parameters": {"num_train": 10} if parameters is None else parameters,
        "random_seed": seed,
        "score_names": list(scores),
        **scores,
        **({} if null is None else {"null": null}),
    }
    write(directory, "evaluation", results, {"evaluation.random_seed": seed}, encoded)
    return directory
