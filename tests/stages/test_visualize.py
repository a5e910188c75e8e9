"""visualize.py: the pictures of whole runs, of every kind of model and data, and what is said where one does not apply."""

import io
import json
import re
import shutil
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from dlib_bvae import datasets
from dlib_bvae.artifacts import read_results
from dlib_bvae.errors import UserError
from dlib_bvae.stages import evaluate, train, visualize
from dlib_bvae.visualize.sections import drawn_codes

DATA = "dataset.name = 'dummy_data'"
NETWORK = ["gin/models/beta_vae.gin", "gin/models/burgess_conv.gin"]
TINY = ["model.batch_size = 16", "model.training_steps = 6", "model.log_every = 2", "model.checkpoint_every = 6"]
FEW = [
    "visualize.num_values = 3",
    "visualize.num_frames = 3",
    "visualize.num_images = 200",
    "visualize.num_codes = 2000",
]
ALL = list(visualize.SECTIONS)
FACTORS = {"information", "dendrogram", "precision-recall", "interventions", "factor-traversals"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of six steps; tests must not change it."""
    return train.run(NETWORK, [DATA, "encoder.num_latent = 4", *TINY], tmp_path_factory.mktemp("vae") / "run")


@pytest.fixture(scope="module")
def first(trained, tmp_path_factory):
    """The same run, and what was drawn of it; tests must not change it."""
    run = shutil.copytree(trained, tmp_path_factory.mktemp("drawn") / "run")
    return run, *drawn(run)


@pytest.fixture
def run(first, tmp_path, png_alone):
    """A copy of a run that was drawn; its figures are drawn again as PNG alone."""
    return shutil.copytree(first[0], tmp_path / "run")


def drawn(run, *bindings, **flags):
    """The results of the stage, its page, and its pictures by name."""
    folder = visualize.run([], [*FEW, *bindings], run, **flags)
    results = read_results(folder, "visualize")
    pictures = {name: Image.open(io.BytesIO((folder / name).read_bytes())) for name in results["pictures"]}
    return results, (folder / "index.html").read_text(encoding="utf-8"), pictures


def test_images_that_metrics_needed_are_not_all_encoded_for_pictures(trained, first, tmp_path):
    needed = shutil.copytree(trained, tmp_path / "needed")
    evaluate.run("mig", [], ["postprocess.images = 'needed'", "mig.num_train = 100"], needed)
    results, page, _ = drawn(needed, "visualize.num_codes = 300")
    assert not (needed / "mean").exists()
    assert "posterior means of 300 images" in page
    _, every, all_page, _ = first
    assert "posterior means of all images" in all_page
    assert results["kl_per_latent"] == pytest.approx(every["kl_per_latent"], rel=1e-4)
    assert results["variance_per_latent"] == pytest.approx(every["variance_per_latent"], rel=1e-4)


def test_a_vae_gets_every_picture(first):
    run, results, page, pictures = first
    # After six steps no latent has anything to say of a factor, or to overlap in.
    assert set(results["left_out"]) <= {"dendrogram", "precision-recall", "interventions", "jacobian"}
    assert all(f'id="{anchor}"' in page for anchor in ALL if anchor not in results["left_out"])
    assert all(f'src="{name}"' in page for name in pictures)
    for name in pictures:
        if name.startswith("figures/"):
            for kind in ("svg", "pdf"):
                assert (run / "visualize" / name).with_suffix(f".{kind}").is_file()
    assert Image.open(run / "visualize/thumbnail.png").width == 320
    assert pictures["sheet.png"].width == 1602
    assert pictures["traversals.gif"].n_frames == 4
    assert pictures["traversals.gif"].info["loop"] == 0
    kl = np.array(results["kl_per_latent"])
    assert (np.diff(kl[results["latent_order"]]) <= 0).all()
    assert (kl >= 0).all()
    assert np.shape(results["mutual_information"]) == (4, 4)
    assert len(set(results["examples"])) == 10
    assert not (run / "visualize.part").exists()
    assert read_results(run / "mean", "postprocess")["uuid"] == results["encoded"]


def test_it_is_drawn_once_and_the_same_again(first, run, capsys):
    _, results, _, pictures = first
    assert drawn(run)[0]["uuid"] == results["uuid"]
    assert "drawn already" in capsys.readouterr().out
    again, _, same = drawn(run, overwrite=True)
    assert again["uuid"] != results["uuid"]
    for name, picture in pictures.items():
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(same[name]), err_msg=name)


def test_pictures_show_the_data_and_what_the_decoder_makes_of_the_codes(first):
    import tensorflow as tf

    run, results, _, pictures = first
    data, codes = datasets.load("dummy_data"), np.load(run / "mean/codes.npy")
    decode = tf.saved_model.load(str(run / "train/saved_model")).signatures["decode"]
    made = decode(latents=tf.constant(codes[results["examples"]]))["images"].numpy()
    shown = np.asarray(pictures["reconstructions.png"])[2:, -660:].reshape(2, 66, 10, 66, 3)[:, :64:4, :, :64:4]
    originals = data.observations_at(results["examples"]) * 255
    np.testing.assert_array_equal(shown[0].transpose(1, 0, 2, 3), np.broadcast_to(originals, (10, 16, 16, 3)))
    np.testing.assert_allclose(shown[1].transpose(1, 0, 2, 3), np.broadcast_to(made * 255, (10, 16, 16, 3)), atol=0.6)
    first, order = codes[results["examples"][0]], results["latent_order"]
    ends = np.stack([first, first])
    ends[:, order[1]] = codes[:, order[1]].min(), codes[:, order[1]].max()
    row = np.asarray(pictures["traversals_posterior.png"])[-3 * 66 :, -3 * 66 :][:64:4].reshape(16, 3, 66, 3)[
        :, ::2, :64:4
    ]
    expected = decode(latents=tf.constant(ends))["images"].numpy() * 255
    np.testing.assert_allclose(row.transpose(1, 0, 2, 3), np.broadcast_to(expected, (2, 16, 16, 3)), atol=0.6)


def test_the_page_names_the_run_and_links_to_its_files(first):
    run, _, page, _ = first
    assert "<title>β-VAE β = 1 · burgess on dummy_data</title>" in page
    for words in (
        "6 steps, batch size 16",
        "rendered images, not the published files",
        "burgess_encoder, burgess_decoder",
    ):
        assert words in page, words
    assert "No scores yet" in page
    for link in re.findall(r'href="(\.\./[^"]*)"', page):
        assert (run / "visualize" / link).exists(), link
    assert "../mean/codes.npy" in page


def test_scores_of_the_run_are_on_its_page_and_new_ones_are_added(run, capsys):
    folder = evaluate.run("mig", [], ["mig.num_train = 200"], run)[0]
    _, page, _ = drawn(run)
    assert f"{run}/visualize was computed from another set of scores; drawing again" in capsys.readouterr().out
    score = 100 * read_results(folder, "evaluation")["discrete_mig"]
    link = f"../mean/metrics/{folder.name}/results/json/evaluation_results.json"
    assert (
        f'<a href="{quote(link)}">{folder.name}</a></th><td>discrete_mig</td><td class="number">{score:.1f} %</td>'
        in page
    )
    drawn(run)
    assert "drawn already" in capsys.readouterr().out
    (folder / "results/json/evaluation_results.json").write_text("{")
    _, page, _ = drawn(run)
    assert "No scores yet" in page
    assert "left out of the page" in capsys.readouterr().err


def test_the_board_is_linked_where_there_is_one(run):
    (run.parent / "board").mkdir()
    (run.parent / "board/index.html").write_text("")
    _, page, _ = drawn(run, overwrite=True)
    assert '<a href="../../board/index.html">board</a>' in page


def test_settings_change_what_is_shown(run):
    bindings = ["posterior_range = 'deviations'", "prior_range = 'linear'", "num_latents = 2", "num_examples = 1"]
    results, page, pictures = drawn(run, *[f"visualize.{each}" for each in bindings], overwrite=True)
    assert "reconstruct-traverse" in results["left_out"]
    assert "num_examples is 1" in page
    assert "±2 standard deviations of the codes" in page
    assert "even steps over ±2, standard deviations of the prior" in page
    assert pictures["traversals_prior.png"].height == 17 + 6 + 2 + 2 * 66


def test_pictures_of_an_earlier_training_are_drawn_again(run, capsys):
    before = read_results(run / "visualize", "visualize")
    path = run / "train/results/json/train_results.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "uuid": "another"}))
    after, _, _ = drawn(run)
    said = capsys.readouterr().out
    assert f"{run}/mean was computed from another training; encoding again" in said
    assert f"{run}/visualize was computed from another encoding; drawing again" in said
    assert after["uuid"] != before["uuid"]
    other, _, _ = drawn(run, "visualize.num_values = 5")
    said = capsys.readouterr().out
    assert f"{run}/visualize was computed with visualize.num_values = 3, now it is 5; drawing again" in said
    assert other["uuid"] != after["uuid"]


def test_pca_has_no_kl_no_prior_and_no_curves(tmp_path, png_alone):
    pca = [DATA, "model.model = @pca()", "pca.num_latent = 3", "pca.num_samples = 512"]
    results, page, pictures = drawn(train.run([], pca, tmp_path / "run"), "visualize.num_images = 512")
    assert set(results["left_out"]) == {"prior-traversals", "curves"}
    assert results["kl_per_latent"] == [None] * 3
    assert results["latent_order"] == [0, 1, 2]  # as components explain less and less, though all codes have variance 1
    assert (np.diff(results["explained_variance_per_latent"]) < 0).all()
    assert "ordered by the share of the images&#39; variance" in page
    assert "product of the marginal distributions" in page
    assert {"reconstructions.png", "traversals.gif", "figures/mutual_information.png"} <= pictures.keys()


def test_an_oracle_decodes_by_looking_up(tmp_path, png_alone):
    results, page, pictures = drawn(train.run([], [DATA, "model.model = @oracle()"], tmp_path / "run"))
    assert set(results["left_out"]) == {"prior-traversals", "curves", "jacobian"}
    assert "small steps of the codes do not change" in page
    information = np.array(results["mutual_information"])
    assert (information.argmax(axis=1) == np.arange(4)).all()
    images = np.asarray(pictures["reconstructions.png"])[2:, -660:].reshape(2, 66, 660, 3)
    np.testing.assert_array_equal(images[0], images[1])


def test_a_data_set_without_factors_has_no_labels_of_them(tmp_path, monkeypatch, png_alone):
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    images = np.random.default_rng(0).integers(256, size=(120, 16, 16, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    files = [f"from_file.path = '{tmp_path / 'images.npy'}'", "dataset.name = 'from_file'"]
    results, page, pictures = drawn(train.run(NETWORK, [*files, "encoder.num_latent = 3", *TINY], tmp_path / "run"))
    assert set(results["left_out"]) - {"jacobian"} == FACTORS
    assert "has images only" in page
    assert results["mutual_information"] is None
    shown = np.asarray(pictures["data_samples.png"])[2:, 2:].reshape(5, 66, 10, 66, 3)[:, :64:4, :, :64:4]
    for tile in shown.transpose(0, 2, 1, 3, 4).reshape(50, 16, 16, 3):
        assert (images == tile).all(axis=(1, 2, 3)).any(), "a picture that the data set has not"


@pytest.mark.parametrize(
    ("model", "kl"),
    [
        ("joint_vae", [True] * 6 + [False] * 3),
        pytest.param("vq_vae", [False] * 8, marks=pytest.mark.slow),
    ],
)
def test_latents_that_take_few_values_are_drawn_too(model, kl, tmp_path, png_alone):
    sizes = {"vq_vae": ["encoder.num_latent = 8", "vector_quantized_autoencoder.dim = 4"]}
    files = [f"gin/models/{model}.gin", "gin/models/burgess_conv.gin"]
    results, _, pictures = drawn(train.run(files, [DATA, *TINY, *sizes.get(model, [])], tmp_path / "run"))
    assert [each is not None for each in results["kl_per_latent"]] == kl
    assert ("prior-traversals" in results["left_out"]) == (not any(kl))
    if any(kl):
        assert pictures["traversals_prior.png"].height == 17 + 6 + 2 + 6 * 66
        assert set(results["latent_order"][:6]) == set(range(6))


def test_random_codes_come_from_the_prior_or_from_the_codes():
    codes = np.stack([np.arange(1000.0), np.arange(1000.0) + 5000, np.full(1000, 7.0)], axis=1).astype(np.float32)
    drawn, _ = drawn_codes(codes, np.array([True, True, True]), 5000, seed=0)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(drawn.std(axis=0), 1, atol=0.05)
    mixed, words = drawn_codes(codes, np.array([False, False, True]), 500, seed=0)
    np.testing.assert_array_equal(mixed[:, 0] + 5000, mixed[:, 1])
    assert "the others" in words
    alone, words = drawn_codes(codes, np.array([False, False, False]), 500, seed=0)
    assert (alone[:, 0] + 5000 != alone[:, 1]).mean() > 0.9
    assert set(alone[:, 0]) <= set(codes[:, 0])
    assert (alone[:, 2] == 7).all()
    np.testing.assert_array_equal(alone, drawn_codes(codes, np.array([False, False, False]), 500, seed=0)[0])


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        ("num_values = 1", "visualize.num_values must be an integer >= 2; got 1"),
        ("num_latents = 0", "visualize.num_latents must be an integer >= 1; got 0"),
        ("random_seed = -1", "visualize.random_seed must be an integer >= 0; got -1"),
        ("prior_range = 'even'", "visualize.prior_range must be one of quantiles, linear; got 'even'"),
        ("posterior_range = 3", "visualize.posterior_range must be one of codes, deviations; got 3"),
        ("coverage = 1.0", "visualize.coverage must be a finite number >= 0.01 and <= 0.9999; got 1.0"),
        ("num_value = 3", "no parameter of visualize is called 'num_value'; did you mean num_values"),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_encoded(trained, binding, words):
    with pytest.raises(UserError, match=f"^{words}"):
        visualize.run([], [f"visualize.{binding}"], trained)
    assert not (trained / "mean").exists()
    assert not list(trained.glob("visualize*"))


def test_a_run_that_is_not_there_or_not_finished_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no trained run in runs/"):
        visualize.run()
    with pytest.raises(UserError, match="there is no run directory"):
        visualize.run(model_dir=tmp_path / "nowhere")
    (tmp_path / "begun/train.part").mkdir(parents=True)
    with pytest.raises(UserError, match="the training in .* is not finished"):
        visualize.run(model_dir=tmp_path / "begun")
