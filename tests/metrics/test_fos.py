"""fos.py: against its definition and known answers."""

import numpy as np
import pytest
from support.known_codes import GRID, mixed

from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.metrics.engine.sampling import sampled
from dlib_bvae.metrics.fos import fos, hausdorff


def test_it_agrees_with_a_slow_one_from_the_definition():
    codes = mixed(GRID, latents=3)[:40]
    expected = np.zeros((3, 3))
    for batch in (codes[:20], codes[20:]):
        for a in range(3):
            for b in range(3):
                if a != b:
                    points = [(u, v) for u in batch[:, a] for v in batch[:, b]]
                    nearest = [min((u - z[a]) ** 2 + (v - z[b]) ** 2 for z in batch) for u, v in points]
                    expected[a, b] += max(nearest) / 2
    assert hausdorff(codes, 20) == pytest.approx(expected, rel=1e-5)


def test_a_grid_is_factorised_and_a_line_is_not():
    grid = np.array(list(np.ndindex(4, 4)), float)
    assert hausdorff(grid, 16).tolist() == [[0, 0], [0, 0]]
    line = np.repeat(np.arange(3.0)[:, None], 2, axis=1)
    # The corner (0, 2) is nearest to (1, 1), as near as to both ends' coordinates allow.
    assert hausdorff(line, 3)[0, 1] == 2


def test_a_code_twice_is_not_factorised_and_independent_codes_are_more_so():
    rng = np.random.default_rng(0)
    codes = rng.uniform(size=(360, 2))
    apart, twice = (fos(GRID, each, 0)["fos_standardised"] for each in (codes, codes[:, [0, 0]]))
    assert twice > 5 * apart


def test_standardised_it_does_not_see_scale_and_dead_codes():
    codes = mixed(GRID)
    few = {"num_train": 128, "batch_size": 64}
    plain = fos(GRID, codes, 0, **few)
    moved = fos(GRID, np.hstack([100 * codes + 3, np.ones((360, 2))])[:, ::-1], 0, **few)
    assert moved["fos_standardised"] == pytest.approx(plain["fos_standardised"], rel=1e-4)
    assert fos(GRID, 10 * codes, 0, **few)["fos"] == pytest.approx(100 * plain["fos"], rel=1e-4)
    one = fos(GRID, codes[:, :1], 0, **few)
    assert one["fos"] == one["fos_standardised"] == 0


def test_fewer_images_than_a_batch_are_refused():
    with pytest.raises(UserError, match=r"fos\.num_train must be an integer >= 128; got 100"):
        fos(GRID, mixed(GRID), 0, num_train=100)


def test_batches_are_of_different_images():
    codes = GRID.identity()
    with sampled("disjoint") as drawn:
        fos(GRID, codes, 0, num_train=1_280, batch_size=128)
    assert drawn.numbers == {"num_train": 256}
    with pytest.raises(
        NotApplicable, match="fos needs batch_size = 512 different images, and this data set has 360; set"
    ):
        fos(GRID, codes, 0, num_train=1_280, batch_size=512)
