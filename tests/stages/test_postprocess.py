"""postprocess.py: a grid that is too large is encoded in part, and the results say so."""

import shutil
from pathlib import Path

import gin
import numpy as np
import pytest
from support.tiny_runs import snapshot, strays

from dlib_bvae import datasets
from dlib_bvae.artifacts import read_results
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.errors import UserError
from dlib_bvae.models.baselines import BASELINES
from dlib_bvae.models.baselines.references import FactorView
from dlib_bvae.representations.codes import codes_digest, read_codes
from dlib_bvae.stages import evaluate, postprocess, rank, train

MOST = "postprocess.max_images = 300"
FEW = ["mig.num_train = 200", "beta_vae.num_train = 100", "beta_vae.num_eval = 50", "factor_vae_score.num_train = 100"]


@pytest.fixture
def oracle(tmp_path):
    """The run directory of an oracle on dummy_data, 512 images."""
    return train.run([], ORACLE, tmp_path / "oracle")


def encoded(run):
    return np.load(run / "mean" / "codes.npy"), read_results(run / "mean", "postprocess")


def test_a_grid_that_is_too_large_is_encoded_as_a_recorded_probe(oracle, capsys):
    postprocess.run(gin_bindings=[MOST], model_dir=oracle)
    assert "512 images; a probe of 300 stands for them (postprocess.max_images)" in capsys.readouterr().out
    codes, results = encoded(oracle)
    assert results["probe"] == "probe(dummy_data, 300 images, seed 0)"
    assert results["num_images"] == 300
    assert results["codes_digest"] == codes_digest(codes)
    data = datasets.load("dummy_data")
    rows = Subsample(data, images=300, seed=0).rows
    np.testing.assert_array_equal(codes, FactorView(data).observations_at(rows))
    postprocess.run(gin_bindings=[MOST], model_dir=oracle)
    assert "encoded already" in capsys.readouterr().out


def test_metrics_score_the_probe_or_say_that_they_need_the_whole_grid(oracle):
    (path,) = evaluate.run("mig", [], [MOST, *FEW], oracle)
    results = read_results(path, "evaluation")
    assert results["num_images"] == 300
    assert results["discrete_mig"] > 0.9
    with pytest.raises(
        UserError, match=r"it needs one of every combination; probe\(dummy_data, .*\) has 300 images for 512"
    ):
        evaluate.run("beta_vae", [], [MOST, *FEW], oracle)


def test_other_images_are_encoded_and_scored_again(oracle, capsys):
    evaluate.run("mig", [], [MOST, *FEW], oracle)
    first = encoded(oracle)[0].copy()
    evaluate.run("mig", [], [MOST, "postprocess.random_seed = 1", *FEW], oracle)
    assert f"{oracle}/mean was computed from another data set; encoding again" in capsys.readouterr().out
    second, results = encoded(oracle)
    assert results["probe"] == "probe(dummy_data, 300 images, seed 1)"
    assert not np.array_equal(first, second)
    (path,) = evaluate.run("mig", [], FEW, oracle)
    whole, results = encoded(oracle)
    assert results["probe"] is None
    assert whole.shape == (512, 4)
    assert read_results(path, "evaluation")["num_images"] == 512


NETWORK = ["dataset.name = 'dummy_data'", "encoder.num_latent = 2"]
SAMPLED = "postprocess.postprocess_fn = @sampled_representation"


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """The run directory of a network before its first step; tests must not change it."""
    return train.run(["gin/models/random_encoder.gin"], NETWORK, tmp_path_factory.mktemp("untrained") / "run")


@pytest.fixture
def network(untrained, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(untrained, tmp_path / "network"))


def test_the_seed_of_samples_makes_other_codes(network, capsys):
    for seed in (0, 1, 1):
        postprocess.run(gin_bindings=[SAMPLED, f"postprocess.random_seed = {seed}"], model_dir=network)
    said = capsys.readouterr().out.splitlines()
    sampled = f"{network}/sampled"
    assert said[0].startswith(f"{sampled}: encoded 512 images")
    assert said[1] == f"{sampled} was computed with postprocess.random_seed = 0, now it is 1; encoding again"
    assert said[3] == f"{sampled}: encoded already"
    assert read_results(network / "sampled", "postprocess")["seed"] == 1


def test_the_seed_changes_nothing_about_the_means_of_a_whole_grid(oracle, capsys):
    for seed in (0, 1):
        postprocess.run(gin_bindings=[f"postprocess.random_seed = {seed}"], model_dir=oracle)
    assert capsys.readouterr().out.splitlines()[-1] == f"{oracle}/mean: encoded already"


def test_codes_and_scores_of_another_training_are_made_again(oracle, capsys):
    evaluate.run("mig", [], FEW, oracle)
    train.run([], [*ORACLE, "model.random_seed = 1"], oracle, overwrite=True)
    evaluate.run("mig", [], FEW, oracle)
    said = capsys.readouterr().out.splitlines()
    assert f"{oracle}/mean was computed from another training; encoding again" in said
    dropped = "the codes differ from those before; what was computed from those goes with them (1 result)"
    assert f"{oracle}/mean: {dropped}" in said


NEEDED = 'postprocess.images = "needed"'
BY_METRICS = ["mig", "beta_vae"]


def test_only_the_images_that_metrics_read_are_encoded_and_scores_are_the_same(network):
    few = ["mig.num_train = 60", "beta_vae.num_train = 10", "beta_vae.num_eval = 5", "beta_vae.batch_size = 4"]
    known = {name: _scored(network, name, few) for name in BY_METRICS}
    found = {name: _scored(network, name, [*few, NEEDED]) for name in BY_METRICS}
    for name in BY_METRICS:
        for score in known[name]["score_names"]:
            assert found[name][score] == pytest.approx(known[name][score], abs=1e-6)
        assert 0 < found[name]["images_encoded"] < 512
        assert "images_encoded" not in known[name]
    assert (network / "mean-needed" / "encoded.npz").is_file()
    assert read_results(network / "mean-needed", "postprocess")["representation"] == "mean"


def _scored(run, metric, bindings, **more):
    return read_results(evaluate.run(metric, [], bindings, run, **more)[0], "evaluation")


def test_the_null_of_needed_codes_encodes_no_more_images_and_more_of_it_is_added(network):
    few = ["mig.num_train = 60", NEEDED]
    without = _scored(network, "mig", few)
    path = network / "mean-needed" / "encoded.npz"
    before = path.read_bytes()
    two = _scored(network, "mig", few, null=2)
    five = _scored(network, "mig", few, null=5)
    assert five["null_scores"]["discrete_mig"][:2] == two["null_scores"]["discrete_mig"]
    assert len(set(five["null_scores"]["discrete_mig"])) == 5
    assert five["discrete_mig"] == without["discrete_mig"]
    assert path.read_bytes() == before


def test_needed_codes_are_not_taken_for_all_and_what_they_cannot_be_is_refused(network, capsys):
    postprocess.run(gin_bindings=[NEEDED], model_dir=network)
    assert "512 images are encoded when a metric asks for them" in capsys.readouterr().out
    postprocess.run(gin_bindings=[NEEDED], model_dir=network)
    assert "mean-needed: encoded already" in capsys.readouterr().out
    with pytest.raises(UserError, match=r'set postprocess\.images = "all"'):
        read_codes(network / "mean-needed")
    with pytest.raises(UserError, match="encodes posterior means only"):
        postprocess.run(gin_bindings=[NEEDED, SAMPLED], model_dir=network)
    with pytest.raises(UserError, match="is called 'need'; did you mean needed"):
        postprocess.run(gin_bindings=['postprocess.images = "need"'], model_dir=network)
    postprocess.run(model_dir=network)
    assert len(read_codes(network / "mean")) == 512


ORACLE = ["model.model = @oracle()", "dataset.name = 'dummy_data'"]
BROKEN = ["", "codes.npy", "codes.json", "results/json/postprocess_results.json", "results/gin/postprocess.gin"]


@pytest.mark.parametrize("damaged", BROKEN)
def test_equal_codes_keep_what_was_made_from_them(oracle, capsys, damaged):
    (path,) = evaluate.run("mig", [], FEW, oracle)
    codes, before = encoded(oracle)
    codes, kept = codes.copy(), snapshot(path)
    if damaged:
        (oracle / "mean" / damaged).write_text("{")
    postprocess.run(model_dir=oracle, overwrite=True)
    assert capsys.readouterr().out.rstrip().endswith("the codes are equal to those before")
    after = encoded(oracle)
    np.testing.assert_array_equal(after[0], codes)
    assert after[1]["uuid"] == before["uuid"]
    evaluate.run("mig", [], FEW, oracle)
    assert f"{path}: scored already" in capsys.readouterr().out
    assert snapshot(path) == kept
    assert strays(oracle) == []
    assert "random_seed" in (oracle / "mean/results/gin/postprocess.gin").read_text()


def test_a_training_with_an_equal_outcome_keeps_what_was_made_from_it(network, capsys):
    (path,) = evaluate.run("mig", [], FEW, network)
    kept = snapshot(network / "mean")
    train.run(["gin/models/random_encoder.gin"], NETWORK, network, overwrite=True)
    assert (
        "the outcome is equal to that before; codes, scores and pictures computed from it stay"
        in capsys.readouterr().out
    )
    evaluate.run("mig", [], FEW, network)
    assert snapshot(network / "mean") == kept
    train.run(["gin/models/random_encoder.gin"], [*NETWORK, "model.random_seed = 1"], network, overwrite=True)
    evaluate.run("mig", [], FEW, network)
    assert f"{network}/mean was computed from another training; encoding again" in capsys.readouterr().out


def test_a_method_is_imported_where_gin_takes_new_names(oracle, monkeypatch):
    get, names = BASELINES.get, []

    def imported(name):
        assert not gin.config_is_locked()
        names.append(name)
        return get(name)

    monkeypatch.setattr(BASELINES, "get", imported)
    postprocess.run(model_dir=oracle)
    assert "oracle" in names


def test_a_file_that_may_not_be_read_is_not_replaced(oracle, monkeypatch):
    evaluate.run("mig", [], FEW, oracle)
    kept = snapshot(oracle)

    def forbidden(path, *given, **more):
        if path.name == "codes.json":
            raise PermissionError(13, "Permission denied", str(path))
        return read_text(path, *given, **more)

    read_text = Path.read_text
    monkeypatch.setattr(Path, "read_text", forbidden)
    with pytest.raises(UserError, match=r"codes\.json cannot be read \(Permission denied\); see who may read it"):
        postprocess.run(model_dir=oracle, overwrite=True)
    assert snapshot(oracle) == kept


def test_scores_of_another_encoding_are_made_again(oracle, tmp_path, capsys):
    mine = tmp_path / "mine"
    (path,) = evaluate.run("mig", [], FEW, oracle, output_dir=mine)
    postprocess.run(model_dir=oracle)  # whose codes are used from now on
    evaluate.run("mig", [], FEW, oracle, output_dir=mine)
    assert f"{path} was computed from another encoding; scoring again" in capsys.readouterr().out
    assert read_results(path, "evaluation")["encoded"] == read_results(oracle / "mean", "postprocess")["uuid"]


class Killed(BaseException):
    """What no handler expects."""


@pytest.mark.parametrize("then", ["another metric", "postprocess", "overwrite", "another seed"])
def test_an_interrupted_encoding_stops_no_other_command(oracle, monkeypatch, then):
    def killed(*given):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(postprocess, "encode_all", killed)
        with pytest.raises(Killed):
            evaluate.run("mig", [], ["mig.num_train = 100"], oracle)
    assert (oracle / "mean.part").is_dir()
    if then == "postprocess":
        postprocess.run(model_dir=oracle)
    else:
        more = ["evaluation.random_seed = 3"] if then == "another seed" else []
        metric = "sap" if then == "another metric" else "mig"
        evaluate.run(metric, [], [f"{metric}.num_train = 200", *more], oracle, overwrite=then == "overwrite")
    assert len(encoded(oracle)[0]) == 512
    assert not [*oracle.rglob("*.part"), *oracle.rglob("*.old")]


def test_an_interrupted_encoding_of_other_images_is_not_continued(oracle, monkeypatch):
    encode_all, begun = postprocess.encode_all, []

    def interrupted(encode, data, reduction, directory, seed):
        encode_all(encode, data, reduction, directory, seed)
        (directory / "encoded.json").write_text('{"rows": 300}')  # as before the last step of encode_all
        begun.append(directory / "codes.npy")
        raise KeyboardInterrupt

    monkeypatch.setattr(postprocess, "encode_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        postprocess.run(gin_bindings=[MOST], model_dir=oracle)
    monkeypatch.setattr(postprocess, "encode_all", encode_all)
    left = np.load(begun[0])
    postprocess.run(gin_bindings=[MOST, "postprocess.random_seed = 1"], model_dir=oracle)
    assert not np.array_equal(encoded(oracle)[0], left)


def test_runs_are_ranked_on_the_probe(tmp_path, random_encoder):
    runs = [random_encoder(tmp_path / name, f"model.random_seed = {seed}") for seed, name in enumerate("ab")]
    paths = rank.run("udr", runs, [], [MOST, "udr.num_train = 100", "udr.num_kl = 50", "udr.kl_threshold = 0.0"])
    assert {read_results(path, "evaluation")["num_images"] for path in paths} == {300}


@pytest.mark.parametrize("most", ["1", "0", "2.5", "None"])
def test_a_limit_out_of_range_is_refused(most, oracle):
    with pytest.raises(UserError, match=r"postprocess\.max_images must be an integer >= 2"):
        postprocess.run(gin_bindings=[f"postprocess.max_images = {most}"], model_dir=oracle)


@pytest.mark.parametrize("bindings", [[], [SAMPLED], [MOST]], ids=["means", "samples", "a probe"])
@pytest.mark.parametrize("seed", ["-1", "1.5", "'x'", "None", "True", "[0]", "1e3"])
def test_a_seed_that_is_none_is_refused(seed, bindings, network):
    before = sorted(network.rglob("*"))
    with pytest.raises(UserError, match=r"postprocess\.random_seed must be an integer >= 0; got") as refused:
        postprocess.run(gin_bindings=[*bindings, f"postprocess.random_seed = {seed}"], model_dir=network)
    assert "\n" not in str(refused.value)
    assert sorted(network.rglob("*")) == before
