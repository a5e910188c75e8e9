"""The energy of JᵀJ of the decoder against numpy, in value and gradient, and against the run's page."""

import gin
import numpy as np
import pytest
import tensorflow as tf
from support.gradients import check_terms
from support.methods import Decoder, Encoder, defaults

from dlib_bvae.errors import UserError
from dlib_bvae.models import ARCHITECTURES
from dlib_bvae.models.objectives.base import stream
from dlib_bvae.models.objectives.orthogonal_jacobian import draw_pairs, energies, jacobian_columns, orthogonal_jacobian
from dlib_bvae.models.random_numbers import normal, uniform
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.visualize.jacobian import jacobian_overlap

RNG = np.random.default_rng(0)
INNER, OUTER = RNG.normal(size=(4, 6)), RNG.normal(size=(6, 9))
LATENT = RNG.normal(size=(5, 4))
ALL = np.array([(i, j) for i in range(4) for j in range(i)])
KEY = tf.constant([0, 1], tf.int64)


def decode(latent, inner=INNER, outer=OUTER):
    """Images (n, 3, 3, 1) in [0, 1] by an MLP of one layer, in the precision of the latents."""
    inner, outer = (tf.cast(weights, latent.dtype) for weights in (inner, outer))
    return tf.reshape(tf.sigmoid(tf.matmul(tf.tanh(tf.matmul(latent, inner)), outer)), [-1, 3, 3, 1])


def jacobian(latent, inner=INNER, outer=OUTER):
    """∂ image / ∂ latent by the chain rule: (n, pixels, latents)."""
    hidden = np.tanh(latent @ inner)
    image = 1 / (1 + np.exp(-hidden @ outer))
    return np.einsum("np,hp,nh,lh->npl", image * (1 - image), outer, 1 - hidden**2, inner)


def penalty(latent, chosen, inner=INNER, outer=OUTER):
    """The estimate of the off-diagonal energy from the pairs `chosen` (n, pairs, 2), in loops."""
    found = [
        (columns[:, i] @ columns[:, j]) ** 2
        for columns, pairs in zip(jacobian(latent, inner, outer), chosen, strict=True)
        for i, j in pairs
    ]
    return 4 * 3 * np.mean(found)


def energy_of(latent, chosen, inner=INNER, outer=OUTER):
    columns = jacobian_columns(lambda z: decode(z, inner, outer), latent, tf.reshape(chosen, [len(latent), -1]))
    return energies(tf.reshape(columns, [len(latent), -1, 2, 9]), 4)


def test_columns_of_the_jacobian_are_those_of_the_chain_rule():
    chosen = np.array([[0, 3, 2], [1, 1, 0], [2, 0, 3], [3, 2, 1], [0, 1, 2]])
    found = jacobian_columns(decode, tf.constant(LATENT), tf.constant(chosen))
    expected = np.stack([columns[:, picks].T for columns, picks in zip(jacobian(LATENT), chosen, strict=True)])
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_all_pairs_together_have_the_energies_of_the_whole_matrix():
    gram = np.einsum("npi,npj->nij", jacobian(LATENT), jacobian(LATENT))
    on = np.einsum("nii->ni", gram) ** 2
    found = energy_of(tf.constant(LATENT), np.tile(ALL, (5, 1, 1)))
    assert [float(each) for each in found] == pytest.approx([((gram**2).sum() - on.sum()) / 5, on.sum() / 5])


def test_the_gradient_by_weights_and_latents_is_that_of_differences():
    chosen = draw_pairs(5, 4, 2, KEY).numpy()
    variables = [tf.Variable(x) for x in (LATENT, INNER, OUTER)]
    with tf.GradientTape() as tape:
        value = energy_of(tf.convert_to_tensor(variables[0]), chosen, *variables[1:])[0]
    assert float(value) == pytest.approx(penalty(LATENT, chosen))
    for number, gradient in enumerate(tape.gradient(value, variables)):
        direction = np.random.default_rng(number).normal(size=gradient.shape)
        ends = []
        for step in (1e-5, -1e-5):
            moved = [LATENT, INNER, OUTER]
            moved[number] = moved[number] + step * direction
            ends.append(penalty(moved[0], chosen, *moved[1:]))
        assert float(tf.reduce_sum(gradient * direction)) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6)


def test_it_is_the_energy_whose_off_diagonal_share_a_run_s_page_shows():
    off, on = energy_of(tf.constant(LATENT, tf.float32), np.tile(ALL, (5, 1, 1)))
    shown = jacobian_overlap(lambda codes: decode(tf.constant(codes)).numpy(), LATENT, np.arange(4), np.ones(4))
    assert float(off / (off + on)) == pytest.approx(shown.off_diagonal, rel=1e-3)


@pytest.mark.parametrize(("columns", "expected"), [(np.eye(4, 9), [0, 4]), (np.ones((4, 9)) / 3, [12, 4])])
def test_orthogonal_columns_have_no_energy_off_the_diagonal_and_equal_ones_as_much_as_there_can_be(columns, expected):
    found = energies(tf.constant(columns[ALL][None]), 4)
    assert [float(each) for each in found] == pytest.approx(expected)


def test_pairs_are_of_different_latents_all_alike_and_follow_from_the_key():
    pairs = draw_pairs(3_000, 4, 2, KEY).numpy()
    assert pairs.shape == (3_000, 2, 2)
    counts = np.zeros((4, 4))
    np.add.at(counts, (pairs[..., 0], pairs[..., 1]), 1)
    np.testing.assert_allclose(counts, 500 * (1 - np.eye(4)), atol=100)
    np.testing.assert_array_equal(pairs, draw_pairs(3_000, 4, 2, KEY))
    assert (pairs != draw_pairs(3_000, 4, 2, stream(KEY, 1)).numpy()).any()


def test_value_and_gradient_are_those_of_the_formula(make_batch):
    batch = make_batch(4, 4, decode=decode)
    chosen = draw_pairs(4, 4, 2, stream(batch.key, 1)).numpy()

    def reference(b):
        return {
            "reconstruction": b.reconstruction.mean(),
            "weighted_kl": 3.7 * b.kl.mean(),
            "weighted_off_diagonal_energy": 0.6 * penalty(b.latent, chosen),
        }

    check_terms(orthogonal_jacobian(gamma=0.6, beta=3.7), reference, batch)


def test_both_energies_are_logged_without_their_weight(make_batch):
    batch = make_batch(8, 4, decode=decode)
    orthogonal_jacobian(gamma=0.0).terms(batch)
    chosen = draw_pairs(8, 4, 2, stream(batch.key, 1)).numpy()
    latent = batch.latent.numpy().astype(float)
    lengths = [(jacobian(latent)[n, :, i] ** 2).sum() for n, pairs in enumerate(chosen) for i in pairs.ravel()]
    expected = {"off_diagonal_energy": penalty(latent, chosen), "diagonal_energy": 4 * np.mean(np.square(lengths))}
    assert {name: float(x) for name, x in batch.measured.items()} == pytest.approx(expected, rel=1e-4)


def test_a_latent_that_changes_nothing_has_no_energy(make_batch):
    batch = make_batch(8, 4, decode=lambda latent: tf.zeros([latent.shape[0], 3, 3, 1]))
    assert float(orthogonal_jacobian(gamma=1.0).terms(batch)["weighted_off_diagonal_energy"]) == 0.0


def test_its_defaults_and_what_it_refuses(make_batch):
    assert defaults(orthogonal_jacobian) == {"gamma": 1e-3, "beta": 1.0, "pairs": 2}
    with pytest.raises(UserError, match="orthogonal_jacobian.pairs must be an integer >= 1"):
        orthogonal_jacobian(pairs=0)
    with pytest.raises(UserError, match="orthogonal_jacobian.gamma must be a finite number >= 0"):
        orthogonal_jacobian(gamma=-1.0)
    with pytest.raises(UserError, match=r"at least 2 latents; encoder.num_latent is 1"):
        orthogonal_jacobian().terms(make_batch(latents=1, decode=decode))


@pytest.fixture
def one_layer():
    """gin makes an encoder and a decoder of one layer of 32, for images of 16×16×1."""
    gin.bind_parameter("encoder.encoder_fn", Encoder)
    gin.bind_parameter("decoder.decoder_fn", Decoder)
    yield
    gin.clear_config()


@pytest.mark.usefixtures("one_layer")
def test_in_bfloat16_it_is_nearly_the_same():
    found = []
    for precision in ("float32", "mixed_bfloat16"):
        batch = GaussianVAE((16, 16, 1), 0, precision).batch(uniform([8, 16, 16, 1], KEY), KEY)
        orthogonal_jacobian().terms(batch)
        found.append([float(batch.measured[f"{each}_energy"]) for each in ("off_diagonal", "diagonal")])
    assert found[0] == pytest.approx(found[1], rel=0.1)
    assert min(found[0]) > 0


@pytest.mark.parametrize("name", ["deconv_decoder", "spatial_broadcast_decoder"])
def test_products_through_convolutions_are_those_of_reverse_mode(name):
    decoder = ARCHITECTURES.get(name)((16, 16, 1), 3, 0)
    latent, weights = normal([2, 3], KEY), normal([2, 16, 16, 1], stream(KEY, 1))
    found = jacobian_columns(decoder, latent, tf.constant([[0, 1, 2], [0, 1, 2]]))
    with tf.GradientTape() as tape:
        tape.watch(latent)
        contracted = tf.reduce_sum(weights * decoder(latent))
    np.testing.assert_allclose(
        tf.einsum("ncp,np->nc", found, tf.reshape(weights, [2, -1])), tape.gradient(contracted, latent), rtol=1e-3
    )
