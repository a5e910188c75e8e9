"""The β curve: each point is the ELBO's terms at that β, and the command's files."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.multi_rate import multi_rate_vae
from dlib_bvae.models.saved_model import export, load
from dlib_bvae.re_beta_vae import beta_curve as stage
from dlib_bvae.re_beta_vae.beta_curve import beta_curve, save_beta_curve
from dlib_bvae.stages import train

DATA = DummyData()


@pytest.fixture(scope="module")
def network():
    made = multi_rate_vae((16, 16, 1), 0, beta_low=0.1, beta_high=10.0)
    rng = np.random.default_rng(0)
    for variable in made.trainable_variables:
        if variable.name.startswith("slope"):
            variable.assign(rng.normal(size=variable.shape))
    return made


def test_every_point_is_the_mean_of_the_terms_at_its_beta(network, tmp_path):
    export(network, tmp_path / "model")
    curve = beta_curve(load(tmp_path / "model"), DATA, num_images=600, num_betas=3)
    assert list(curve.columns) == ["beta", "reconstruction", "kl"]
    np.testing.assert_allclose(curve["beta"], [0.1, 1.0, 10.0], rtol=1e-5)
    for beta, reconstruction, kl in curve.itertuples(index=False):
        network.rate.assign(beta)
        terms = np.zeros(2)
        for start in (0, 256):
            images = DATA.observations_at(np.arange(start, start + 256))
            mean, log_variance = (x.numpy().astype(float) for x in network.encode(tf.constant(images)))
            noise = tf.random.stateless_normal(mean.shape, tf.constant([0, start], tf.int64)).numpy()
            latent = tf.constant(mean + np.exp(log_variance / 2) * noise, tf.float32)
            logits = network.decode_logits(latent).numpy().astype(float)
            terms[0] += np.sum(images * np.logaddexp(0, -logits) + (1 - images) * np.logaddexp(0, logits))
            terms[1] += 0.5 * np.sum(mean**2 + np.exp(log_variance) - log_variance - 1)
        assert reconstruction == pytest.approx(terms[0] / 512, rel=1e-4)
        assert kl == pytest.approx(terms[1] / 512, rel=1e-4)
    assert curve["kl"].nunique() == 3


def test_a_run_gets_its_curve_as_table_and_picture(tmp_path):
    short = ["dataset.name = 'dummy_data'", "model.training_steps = 300", "model.batch_size = 64"]
    run = train.run(["gin/mr_vae_dsprites.gin"], [*short, "adam.learning_rate = 3e-3"], tmp_path / "run")
    paths = stage.run(run, num_images=128, num_betas=5)
    assert [path.name for path in paths] == ["beta_curve.csv", "beta_curve.png"]
    curve = pd.read_csv(paths[0])
    assert len(curve) == 5
    assert curve["kl"].iloc[0] > curve["kl"].iloc[-1] > 0
    with Image.open(paths[1]) as picture:
        assert picture.format == "PNG"
        assert np.asarray(picture.convert("L")).std() > 5
    assert [path.read_bytes() for path in stage.run(run, 128, 5)] == [path.read_bytes() for path in paths]


def test_a_run_with_one_beta_is_refused(tmp_path):
    given = ["dataset.name = 'dummy_data'", "pca.num_samples = 50"]
    run = train.run(["gin/pca_dsprites.gin"], given, tmp_path / "run")
    with pytest.raises(UserError, match=r"trained by pca, which has one β or none; a curve needs a run of mr_vae"):
        stage.run(run)
    with pytest.raises(UserError, match="--num_betas must be an integer >= 2; got 1"):
        stage.run(run, num_betas=1)


def test_a_file_of_the_user_is_not_replaced(tmp_path):
    (tmp_path / "beta_curve.png").write_text("mine")
    curve = pd.DataFrame({"beta": [1.0, 2.0], "reconstruction": [3.0, 4.0], "kl": [2.0, 1.0]})
    with pytest.raises(UserError, match="beta_curve.png is not as this package wrote it, or another's"):
        save_beta_curve(tmp_path, curve, "title")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("beta_curve.png", "mine")]
