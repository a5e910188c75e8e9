"""evaluation.py: a run has an evaluation when a result of its present codes has the same parameters, whatever it is called."""

import json

import pytest
from support.study_runs import finish

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.score_info import HIGH, UNIT
from dlib_bvae.studies.evaluation import Evaluation, scored


@pytest.fixture
def directory(tiny, tmp_path):
    """A run that is scored by MIG with mig.num_train = 200."""
    run = tiny().runs[0]
    finish(run, tmp_path)
    return run.directory(tmp_path)


def mig(*bindings, files=()):
    return Evaluation("mig", files, bindings)


def test_it_is_found_by_its_parameters_whatever_it_is_called(directory, tmp_path):
    asked = mig("mig.num_train = 200")
    assert scored(directory, [asked]) == {asked: directory / "mean/metrics/mig"}
    (directory / "mean/metrics/mig").rename(directory / "mean/metrics/renamed")
    assert scored(directory, [asked]) == {asked: directory / "mean/metrics/renamed"}
    (tmp_path / "few.gin").write_text("mig.num_train = %N\nN = 200\nsap.num_train = 7\n")
    same = mig("mig.num_bins = 20", files=(str(tmp_path / "few.gin"),))
    assert scored(directory, [same, asked]).keys() == {same, asked}


@pytest.mark.parametrize(
    "other",
    [
        mig(),
        mig("mig.num_train = 201"),
        mig("mig.num_train = 200", "mig.num_bins = 21"),
        mig("mig.num_train = 200", "postprocess.postprocess_fn = @sampled_representation"),
        Evaluation("sap", (), ("sap.num_train = 200",)),
    ],
)
def test_one_with_other_parameters_is_missing(directory, other):
    assert scored(directory, [other]) == {}


def test_one_with_fewer_matchings_is_missing_where_its_scores_have_a_null(directory, monkeypatch):
    """The identity says 20: what was to add 15 to 5 was ended after it had written that."""
    place = directory / "mean/metrics/mig/results/json"
    identity = json.loads((place / "evaluation_identity.json").read_text())
    recorded = {**identity["recorded"], "evaluation.null": 20}
    (place / "evaluation_identity.json").write_text(json.dumps({**identity, "recorded": recorded}))
    results = json.loads((place / "evaluation_results.json").read_text())
    scores = {"score_names": ["discrete_mig"], "discrete_mig": 0.5, "null_scores": {"discrete_mig": 5 * [0.1]}}
    (place / "evaluation_results.json").write_text(json.dumps({**results, **scores}))
    asked = [mig("mig.num_train = 200", f"evaluation.null = {number}") for number in (0, 5, 6, 20)]
    assert scored(directory, asked).keys() == {*asked[:2]}
    monkeypatch.setattr("dlib_bvae.metrics.mig.COSTS", {"mig": HIGH}, raising=False)
    costly = mig("mig.num_train = 200", "evaluation.null = 21", "evaluation.costly_null = 5")
    assert scored(directory, [costly]).keys() == {costly}
    (place / "evaluation_results.json").write_text(json.dumps({**results, **scores, "null_scores": [1]}))
    with pytest.raises(UserError, match=r"evaluation_results\.json is damaged"):
        scored(directory, asked)
    monkeypatch.setattr("dlib_bvae.metrics.mig.SCORES", {"discrete_mig": UNIT._replace(null=None)})
    without = mig("mig.num_train = 200", "evaluation.null = 7")
    assert scored(directory, [without]).keys() == {without}


def test_one_of_codes_by_another_seed_is_missing(directory):
    """The mean codes here stand for sampled ones: their identity is that of postprocess.random_seed = 3."""
    path = directory / "mean/results/json/postprocess_identity.json"
    identity = json.loads(path.read_text())
    identity["parameters"] |= {"postprocess.postprocess_fn": "@sampled_representation", "postprocess.random_seed": 3}
    path.write_text(json.dumps(identity))
    (directory / "mean").rename(directory / "sampled")
    sampled = "postprocess.postprocess_fn = @sampled_representation"
    other, same = (mig("mig.num_train = 200", sampled, f"postprocess.random_seed = {seed}") for seed in (0, 3))
    assert scored(directory, [other, same]).keys() == {same}


@pytest.mark.parametrize("again", ["train", "mean"])
def test_one_of_another_training_or_encoding_is_missing(directory, again):
    path = next((directory / again / "results" / "json").glob("*_results.json"))
    path.write_text(path.read_text().replace('"uuid": "', '"uuid": "another'))
    assert scored(directory, [mig("mig.num_train = 200")]) == {}


@pytest.mark.parametrize("lacking", ["train", "mean", "mean/metrics/mig"])
def test_where_a_stage_is_not_done_it_is_missing(directory, lacking):
    next((directory / lacking / "results" / "json").glob("*_results.json")).unlink()
    assert scored(directory, [mig("mig.num_train = 200")]) == {}


def test_a_part_is_no_result(directory):
    (directory / "mean/metrics/mig").rename(directory / "mean/metrics/mig.part")
    assert scored(directory, [mig("mig.num_train = 200")]) == {}


def test_what_cannot_be_asked_is_one_sentence(directory):
    for wrong, message in (("mgi", "did you mean mig"), ("mig", "no parameter of mig is called 'bins'")):
        with pytest.raises(UserError, match=message):
            scored(directory, [Evaluation(wrong, (), ("mig.bins = 3",) if wrong == "mig" else ())])


def test_one_of_another_version_of_the_stage_is_missing(directory):
    path = directory / "mean/metrics/mig/results/json/evaluation_identity.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 0}))
    assert scored(directory, [mig("mig.num_train = 200")]) == {}


def test_whether_codes_are_of_all_images():
    assert Evaluation("mig").encodes_all()
    assert not Evaluation("mig", gin_bindings=("postprocess.images = 'needed'",)).encodes_all()
