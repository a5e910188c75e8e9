"""factor_paths.py: the plane of most variance, and the paths through the image with median factors."""

import io

import numpy as np
from PIL import Image
from sklearn.decomposition import PCA

from dlib_bvae import datasets
from dlib_bvae.visualize.factor_paths import draw_paths, median_paths, plane_of


def test_the_plane_is_that_of_scikit_learn_s_pca():
    codes = np.random.default_rng(0).normal(size=(300, 5)) * [0.1, 3.0, 1.0, 2.0, 0.5] + 7
    plane, known = plane_of(codes), PCA(2).fit(codes)
    np.testing.assert_allclose(np.abs(plane.axes), np.abs(known.components_), atol=1e-6)
    np.testing.assert_allclose(plane.shares, known.explained_variance_ratio_)
    np.testing.assert_allclose(np.abs(plane.project(codes)), np.abs(known.transform(codes)), atol=1e-6)
    for axis in plane.axes:
        assert axis[np.abs(axis).argmax()] > 0


def test_one_latent_and_constant_codes_have_a_plane_too():
    plane = plane_of(np.array([[1.0], [3.0]]))
    np.testing.assert_allclose(plane.project(np.array([[3.0]])), [[1.0, 0.0]])
    np.testing.assert_allclose(plane.shares, [1.0, 0.0])
    assert plane_of(np.ones((4, 3))).shares.tolist() == [0.0, 0.0]


def test_paths_go_through_the_image_with_median_factors():
    data = datasets.load("dummy_data")
    paths = median_paths(data)
    assert [name for name, _, _ in paths] == list(data.factor_names)
    middle = [1, 2, 4, 4]
    for factor, (_, rows, start) in enumerate(paths):
        factors = data.factors_at(rows)
        assert factors[:, factor].tolist() == list(range(data.factor_sizes[factor]))
        assert (np.delete(factors, factor, axis=1) == np.delete(middle, factor)).all()
        assert factors[start].tolist() == middle


def test_each_factor_is_drawn_in_its_own_colour_and_the_start_is_marked():
    cloud = np.random.default_rng(0).normal(size=(50, 2))
    line = np.linspace(0, 3, 4)[:, None]
    paths = [("_across", line * [1, 0], 0), ("$up$", line * [0, 1], 0)]
    picture = np.asarray(Image.open(io.BytesIO(draw_paths(plane_of(cloud), cloud, paths))).convert("RGB"))
    height, width = picture.shape[:2]
    inside = picture[: int(0.9 * height), : int(0.75 * width)]
    for colour in ((0, 114, 178), (213, 94, 0), (204, 204, 204)):
        assert (inside == colour).all(axis=2).sum() > 50, colour
    beside = picture[:, int(0.84 * width) :]
    dark = (beside < 100).all(axis=2).any(axis=1)
    assert np.count_nonzero(np.diff(dark.astype(int)) == 1) >= 4, "a name is missing in the legend"
