"""config.py: which parameters were used, what they would be now, and what was typed for nothing."""

import gin
import pytest
from support.configurables import branch, leaf, only_a_function

from dlib_bvae.config import configuration, current, reached, unused, used
from dlib_bvae.registry import configurable
from dlib_bvae.stages import train


def test_what_is_used_has_defaults_and_functions_but_not_what_the_caller_gave():
    with configuration([], ["s/branch.rate = 2.0", "branch.name = 'b'", "branch.options = @leaf()"], []):
        with gin.config_scope("s"):
            branch(data=3, name="given")
        only_a_function()
        assert used() == {
            "s/branch.rate": 2.0,
            "s/branch.limit": "inf",
            "s/branch.function": "@leaf",
            "s/branch.options": "@leaf()",
            "s/leaf.size": 1,
            "s/leaf.data": None,
            "only_a_function.function": "@leaf",
        }
        assert current(used()) == used()


def test_long_values_are_read_whole():
    value = {"numbers": list(range(60)), "text": "# Parameters for leaf:\n" * 9}
    with configuration([], [f"leaf.data = {value!r}"], []):
        leaf()
        assert used() == {"leaf.data": value, "leaf.size": 1}


def test_the_present_values_of_what_another_configuration_used():
    with configuration([], ["s/branch.rate = 2.0", "branch.function = @s/leaf"], []):
        with gin.config_scope("s/t"):
            branch()
        earlier = used()
    assert earlier["s/t/branch.rate"] == 2.0
    assert earlier["s/t/branch.function"] == "@s/leaf"
    with configuration([], ["branch.rate = 3.0", "s/t/branch.name = 'n'", "branch.limit = 4.0"], []):
        now = {**earlier, "s/t/branch.rate": 3.0, "s/t/branch.name": "n", "s/t/branch.limit": 4.0}
        assert current(earlier) == {**now, "s/t/branch.function": "@leaf"}


def test_what_gin_does_not_know_has_no_present_value():
    with configuration([], [], []):
        keys = [
            "no_such.thing",
            "leaf.no",
            "branch.data",
            "branch.other",
            "fid",
            "s/leaf.size",
            "test_config.leaf.size",
        ]
        assert current(keys) == {"s/leaf.size": 1, "test_config.leaf.size": 1}


def test_a_former_name_has_the_present_value_of_today():
    with configuration([], ["frechet_curve.seed = 8"], [train.EXTRACTORS]):
        assert current(["fid.seed"]) == {"fid.seed": 8}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"vae.beta": 6}, []),
        ({"s/t/vae.beta": 6, "s/encoder.num_latent": 3}, []),
        ({"beta_tc_vae.beta": 6}, ["nothing used beta_tc_vae.beta = 6; what was used: vae.beta, s/t/vae.beta"]),
        ({"r/vae.beta": 6}, ["nothing used r/vae.beta = 6; what was used: vae.beta, s/t/vae.beta"]),
        ({"vae.bet": "x"}, ["nothing used vae.bet = 'x'; what was used: vae.beta, s/t/vae.beta"]),
        ({"dci.num_train": "@f()"}, ["nothing used dci.num_train = @f()"]),
        ({"N": 2}, ["nothing used the macro N = 2"]),
    ],
)
def test_what_was_typed_and_not_used_is_named(typed, said):
    assert unused(typed, ["vae.beta", "s/t/vae.beta", "s/t/encoder.num_latent"]) == said


@configurable("another_name", module="test_parameters")
class Named:
    """A class that gin knows by another name."""


@configurable("takes_a_class", module="test_parameters")
def takes_a_class(made=Named):
    return made


def test_a_default_that_gin_knows_by_another_name_than_its_own_is_used():
    with configuration([], [], []):
        takes_a_class()
        assert used() == {"takes_a_class.made": "@another_name"}
    with configuration([], ["takes_a_class.made = @another_name"], []):
        assert current(["takes_a_class.made"]) == {"takes_a_class.made": "@another_name"}


def test_what_a_value_names_is_reached_in_its_scope():
    bound = {"a/leaf.x": 1, "b/leaf.x": 2, "leaf.x": 3, "other.y": 4, "door.z": 5, "deep.w": 6}
    used = {"root.value": ["@a/leaf()"], "root.name": "deep"}
    assert reached(used, bound, ["door"]).keys() - used.keys() == {"a/leaf.x", "leaf.x", "door.z", "deep.w"}
