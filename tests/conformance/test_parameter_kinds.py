"""Which gin parameters of data sets, models, metrics and pictures are no ordinary ones; that declarations name parameters."""

import inspect

from gin import config

from dlib_bvae import config as configurations
from dlib_bvae import registry
from dlib_bvae.artifacts import identity
from dlib_bvae.config import configuration
from dlib_bvae.datasets import DATASETS
from dlib_bvae.image_quality.extractors import EXTRACTORS
from dlib_bvae.metrics import METRICS
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS
from dlib_bvae.registry import EXECUTION, LABEL, SEED, kind_of
from dlib_bvae.stages import evaluate, rank, sensitivity, train, visualize

ROOMS = ("datasets", "models", "representations", "metrics", "image_quality", "visualize")
# Where verified or fingerprinted files lie is a label, what the file holds is not: see the comments at the declarations.
EXPECTED = {
    "bernoulli_loss.name": LABEL,
    "causal.seed": SEED,
    "causal_chamber.download": EXECUTION,
    "causal_chamber.folder": LABEL,
    "cifar10_jpeg.folder": LABEL,
    "color_dsprites.seed": SEED,
    "color_dsprites_rendered.seed": SEED,
    "dsprites_continuous.seed": SEED,
    "dsprites_noshape.seed": SEED,
    "dsprites_noshape_rendered.seed": SEED,
    "efficientnet_lite0.path": LABEL,
    "factor_cnn.seed": SEED,
    "frechet_curve.seed": SEED,
    "from_file.labels": LABEL,
    "from_file.path": LABEL,
    "image_folder.labels": LABEL,
    "image_folder.path": LABEL,
    "inception_tfgan.download": EXECUTION,
    "noisy_dsprites.seed": SEED,
    "noisy_dsprites_rendered.seed": SEED,
    "probe.rows": LABEL,
    "probe.seed": SEED,
    "redundant.seed": SEED,
    "scream.picture": LABEL,
    "scream_dsprites.seed": SEED,
    "scream_dsprites_rendered.seed": SEED,
    "shapes3d_continuous.seed": SEED,
}
STAGES = (train, evaluate, visualize, sensitivity, rank)  # imported, so that gin knows their parameters


def parameters(*rooms):
    """Every "configurable.parameter" that a gin file may bind in these rooms; of all where none is given."""
    registries = [*train.REGISTRIES, *evaluate.REGISTRIES, DATASETS, EXTRACTORS, METRICS, RUN_SET_METRICS]
    with configuration([], [], registries):
        return {
            f"{selector.split('.')[-1]}.{name}"
            for selector, each in config._REGISTRY.items()
            if selector.startswith(tuple(f"dlib_bvae.{room}" for room in rooms or ("",)))
            for name in inspect.signature(each.wrapper).parameters
            if name not in (each.denylist or ())
        }


def test_the_kinds_are_those_of_the_table():
    found = parameters(*ROOMS)
    assert len(found) > 250
    assert {name: kind for name in found if (kind := kind_of(name))} == EXPECTED


def test_every_seed_is_declared():
    names = {name for name in parameters() if name.rpartition(".")[2] in ("seed", "seeds", "random_seed")}
    assert names
    assert {name for name in names if kind_of(name) != SEED} == set()


def test_what_is_declared_is_a_parameter():
    known = parameters()
    selectors = {name.partition(".")[0] for name in known}
    declared = {name for name in registry._kinds if name.partition(".")[0] in selectors}
    assert len(declared) > len(EXPECTED)
    assert declared - known == set()


def test_the_parameters_that_earlier_versions_lacked_have_the_defaults_that_are_said_of_them():
    expected = {**identity._ADDED, **identity._CHANGED}
    with configuration([], [], train.REGISTRIES):
        assert {key: configurations.default(key) for key in expected} == expected
    steps = {
        "annealed_vae.iteration_threshold",
        "control_vae.every",
        "cyclical_weight.steps",
        "joint_vae.iteration_threshold",
    }
    assert (
        identity._CHANGED.keys() - identity._ADDED.keys() == steps
    )  # which are no new parameters, but have another default
