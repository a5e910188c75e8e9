"""Colour, noise, picture and hidden shape: pure functions of (seed, index)."""

import numpy as np
import pytest
from PIL import Image

from dlib_bvae import datasets
from dlib_bvae.datasets.derived import dsprites_variants as variants
from dlib_bvae.datasets.derived.pixels import resized
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
MAKERS = {
    "color": variants.colored,
    "noisy": variants.noisy,
    "scream": lambda data, seed=0: variants.on_picture(data, PICTURE, seed),
}


class Sprites(DummyData):
    """The bars with dSprites' names."""

    name, factor_names = "sprites", ("shape", "scale", "position_x", "position_y")


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_an_index_is_one_image_whatever_the_batch(kind, bars):
    data = MAKERS[kind](bars)
    together = data.images_at(np.arange(64))
    assert together.shape == (64, 16, 16, 3)
    assert together.dtype == np.uint8
    for index in (63, 0, 17):
        assert np.array_equal(data.images_at([index])[0], together[index])
    assert np.array_equal(MAKERS[kind](bars).images_at(np.arange(64)[::-1])[::-1], together)
    assert data.images_at([]).shape == (0, 16, 16, 3)
    other = MAKERS[kind](bars, seed=1)
    assert not np.array_equal(other.images_at([5]), data.images_at([5]))
    assert other.fingerprint != data.fingerprint == MAKERS[kind](bars).fingerprint
    assert data.factor_sizes == bars.factor_sizes
    assert data.packed() is None


def test_color_is_one_colour_an_image_between_half_and_white(bars):
    images, sprites = variants.colored(bars).images_at(np.arange(512)), bars.images_at(np.arange(512))
    assert (images[(sprites == 0)[..., 0]] == 0).all()
    colours = np.array([image[mask[..., 0] == 1][0] for image, mask in zip(images, sprites, strict=True)])
    assert np.array_equal(images, sprites * colours[:, None, None])
    assert colours.min() == 128
    assert colours.max() == 255
    assert abs(colours.mean() - 191.5) < 5 * 37 / np.sqrt(512 * 3)
    assert len(np.unique(colours, axis=0)) > 500


def test_noise_surrounds_a_white_sprite(bars):
    images, sprites = variants.noisy(bars).images_at(np.arange(64)), bars.images_at(np.arange(64))[..., 0]
    assert (images[sprites == 1] == 255).all()
    noise = images[sprites == 0]
    assert abs(noise.mean() - 127.5) < 5 * 74 / np.sqrt(noise.size)
    assert set(np.unique(noise)) == set(range(256))


def test_the_sprite_inverts_a_shifted_crop_of_the_picture(bars):
    images = variants.on_picture(bars, PICTURE).images_at(np.arange(8))
    sprites = bars.images_at(np.arange(8))
    background = np.where(sprites == 1, 255 - images, images).astype(int)
    for image in background:
        # The crop is where twice the background less the picture is one number a channel, up to halving.
        matches = [
            (top, left)
            for top in range(40 - 16)
            for left in range(50 - 16)
            if np.ptp((2 * image - PICTURE[top : top + 16, left : left + 16]).reshape(-1, 3), axis=0).max() <= 1
        ]
        assert len(matches) == 1


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_gray_sprites_are_treated_as_binary_ones_are(kind, bars):
    gray = resized(bars, 16, 16, "nearest")
    assert np.array_equal(MAKERS[kind](gray).images_at([3, 9]), MAKERS[kind](bars).images_at([3, 9]))


def test_a_hidden_factor_still_varies(bars):
    data = variants.WithoutFactor(Sprites(), "scale")
    assert data.factor_names == ("shape", "position_x", "position_y")
    assert data.factor_sizes == (2, 8, 8)
    whole = Sprites().factors_at(data.rows)
    assert np.array_equal(whole[:, [0, 2, 3]], data.factors_at(np.arange(128)))
    assert (np.bincount(whole[:, 1], minlength=4) > 128 / 4 / 2).all()
    assert np.array_equal(data.images_at([5, 90]), Sprites().images_at(data.rows[[5, 90]]))
    assert data.fingerprint != variants.WithoutFactor(Sprites(), "scale", seed=1).fingerprint
    with pytest.raises(UserError, match="factor of dummy_data"):
        variants.WithoutFactor(bars, "shape")


@pytest.mark.parametrize("base", ["dsprites_full", "dsprites_rendered"])
def test_the_registry_has_the_variants_by_name(base, monkeypatch, tmp_path):
    asked = []
    real = datasets.DATASETS.get
    stand_in = lambda name: asked.append(name) or (Sprites if name == base else real(name))
    monkeypatch.setattr(datasets.DATASETS, "get", stand_in)
    Image.fromarray(PICTURE).save(tmp_path / "picture.png")
    suffix = "_rendered" if base == "dsprites_rendered" else ""
    for name in ("color_dsprites", "noisy_dsprites", "dsprites_noshape"):
        data = datasets.load(name + suffix)
        assert data.name == name + suffix
        assert asked[-1] == base
    assert data.factor_names == ("scale", "position_x", "position_y")
    import gin

    with gin.unlock_config():
        gin.bind_parameter("scream.picture", str(tmp_path / "picture.png"))
    try:
        scream = datasets.load("scream_dsprites" + suffix)
    finally:
        gin.clear_config()
    assert scream.images_at([0]).shape == (1, 16, 16, 3)


def test_the_picture_is_resized_and_refused_where_it_is_none(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "picture.png")
    picture = variants.scream_picture(str(tmp_path / "picture.png"))
    assert picture.shape == (274, 350, 3)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for name in ("broken.png", "missing.png"):
        with pytest.raises(UserError, match=f"scream.picture = .*{name}"):
            variants.scream_picture(str(tmp_path / name))


def test_the_fingerprint_is_of_the_picture_wherever_it_lies(bars, tmp_path):
    found = {}
    for name, pixels in {"here.png": PICTURE, "there.png": PICTURE, "other.png": 255 - PICTURE}.items():
        Image.fromarray(pixels).save(tmp_path / name)
        found[name] = variants.on_picture(bars, variants.scream_picture(str(tmp_path / name))).fingerprint
    assert found["here.png"] == found["there.png"] != found["other.png"]


def test_bad_parameters_are_one_sentence(bars):
    with pytest.raises(UserError, match="one channel; color"):
        variants.colored(variants.colored(bars))
    with pytest.raises(UserError, match="seed of noisy must be an integer >= 0; got -1"):
        variants.noisy(bars, seed=-1)
    with pytest.raises(UserError, match="larger than 16×16"):
        variants.on_picture(bars, PICTURE[:16])
