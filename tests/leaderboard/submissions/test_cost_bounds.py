"""cost_bounds.py: no gin file of a submission asks for more than a bounded training, whichever parameter it binds."""

from pathlib import Path

import pytest
from support import submittable

from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.submissions.cost_bounds import _MOST_LISTED, _SEEDS, BOUNDS, MOST, check_costs
from dlib_bvae.leaderboard.submissions.gin_check import checked

HEAD = "include 'gin/beta4_dsprites.gin'\ndataset.name = 'dummy_data'\n"
DOCS = Path(__file__).parents[3] / "docs" / "submissions.md"
# integers that make a training no longer and no larger: when a schedule changes, how many factors of a pair differ, devices
FREE = {
    *(
        "annealed_vae.iteration_threshold",
        "joint_vae.iteration_threshold",
        "control_vae.every",
        "logistic_weight.middle",
    ),
    *("linear_weight.steps", "linear_weight.start", "cyclical_weight.steps", "cyclical_weight.cycles", "warm_up.steps"),
    *("ada_gvae.changed", "ada_ml_vae.changed", "lejepa_pairs.changed", "validation.patience", "model.devices"),
}


def refused(text, folder):
    (folder / "train.gin").write_text(HEAD + text)
    with pytest.raises(UserError) as caught:
        checked(folder / "train.gin", "dummy_data")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_integer_that_may_be_bound_has_a_bound_or_costs_nothing():
    integers = submittable.parameters("int")
    assert len(integers) > 30
    assert integers - {*BOUNDS} - {*_SEEDS} - {*_MOST_LISTED} == FREE


@pytest.mark.parametrize("name", BOUNDS)
def test_a_number_out_of_its_bounds_is_one_sentence_that_names_it(name, tmp_path):
    least, most, _ = BOUNDS[name]
    for value in (most + 1, float(most) * 2, [most * 10], {"a": (most * 3,)}, least - 1):
        with pytest.raises(UserError) as caught:
            check_costs({f"deep/{name}": (value, " (line 3 of x)")}, tmp_path)
        assert f"sets {name} = " in str(caught.value)
        assert f"a submission may set {least:,} … {most:,}, as it changes " in str(caught.value)
        assert str(caught.value).endswith("(line 3 of x)")
    few = {"model.training_steps": (10, ""), "model.batch_size": (1, "")}
    check_costs({**few, name: (least, "")}, tmp_path)
    check_costs({**few, name: (most, "")}, tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model.training_steps = 1_000_001", "sets model.training_steps = 1000001; a submission may set 1 … 1,000,000"),
        ("N = 10**9\nmodel.training_steps = %N", "gin syntax error"),
        ("N = 1000000000\nencoder.num_latent = %N", "sets encoder.num_latent = 1000000000"),
        ("dlib_bvae.training.settings.model.batch_size = 2147483648", "sets model.batch_size = 2147483648"),
        ("model.training_steps = 1000000\nmodel.batch_size = 128", "1,000,000 times model.batch_size = 128 images"),
        ("model.batch_size = 1024", "model.training_steps = 300,000 times model.batch_size = 1,024 images"),
        ("model.export_steps = [1, 2, 3, 4, 5]", "model.export_steps to a list of 5; a submission may list at most 4"),
        (f"categorical_vae.categories = {[3] * 65}", "categorical_vae.categories to a list of 65"),
        (f"linear_weight.steps = {10**400}", "sets linear_weight.steps = 1000000"),
        ("of_another_package.size = 5", "uses 'of_another_package', which is no part of a model"),
    ],
)
def test_what_a_gin_file_may_not_ask_for(text, said, tmp_path):
    assert said in refused(text, tmp_path)


def test_what_is_usual_may_be_asked_for(tmp_path):
    text = "model.training_steps = 300000\nmodel.batch_size = 256\nmodel.random_seed = 2147483647\nvae.beta = 1e9\n"
    (tmp_path / "train.gin").write_text(HEAD + text)
    assert "model.batch_size = 256" in checked(tmp_path / "train.gin", "dummy_data")


def test_the_table_in_the_documentation_is_that_of_the_program():
    text = DOCS.read_text(encoding="utf-8")
    for name, (least, most, changes) in BOUNDS.items():
        assert f"| `{name}` | {least:,} | {most:,} | {changes} |" in text
    assert f"{MOST:,}" in text
