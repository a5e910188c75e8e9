"""image_quality from data and codes to named scores."""

import numpy as np
import pytest

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.image_quality import Extractor
from dlib_bvae.image_quality import scores as page
from dlib_bvae.image_quality.distances import Moments, frechet_distance
from dlib_bvae.image_quality.features import Protocol, reference_features
from dlib_bvae.metrics.score_info import info_of

DATA = DummyData()
CODES = DATA.observations_at(np.arange(DATA.num_images)).reshape(DATA.num_images, -1)


def perfect(latents):
    return np.clip(latents.reshape(-1, *DATA.observation_shape), 0, 1)


class Means:
    """An extractor of eight features: means of pixels' blocks."""

    calls = 0

    def get(self, name):
        def features(images):
            Means.calls += 1
            grey = np.asarray(images)[..., 0]
            blocks = [grey[:, :, 4 * i : 4 * i + 4].mean(axis=(1, 2)) for i in range(4)]
            blocks += [grey[:, 4 * i : 4 * i + 4].mean(axis=(1, 2)) for i in range(4)]
            return np.stack(blocks, axis=1) / 255

        return lambda data: Extractor(name, features, 8, 16, "none", is_inception_2015=name == "inception_2015")


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(page, "EXTRACTORS", Means())


FEW = {"extractor": "means", "num_images": 200, "subsets": 3, "subset_size": 50}


def score(**parameters):
    return page.image_quality(DATA, CODES, 0, **{"decode": perfect, **FEW, **parameters})


def test_a_perfect_decoder_reconstructs_at_no_distance_and_samples_noise():
    result = score()
    assert result["fd_means_reconstruction"] == pytest.approx(0, abs=1e-9)
    assert result["precision_means_reconstruction"] == result["coverage_means_reconstruction"] == 1
    assert result["fd_means_sample"] > 10 * result["fd_means_data"] > 0
    assert result["kd_means_sample"] > 10 * abs(result["kd_means_data"])
    assert not any(key.startswith(("fid", "kid")) for key in result)


def test_the_kernel_distance_of_a_perfect_decoder_is_not_below_zero_and_subsets_are_told():
    crossed = score(compare=("reconstruction",), subsets=40)
    assert abs(crossed["kd_means_reconstruction"]) < 3 * crossed["kd_means_reconstruction_std"] / np.sqrt(40)
    result = score(subset_size=1_000)
    assert result["kernel_subset_size"] == {"reconstruction": 100, "sample": 200, "data": 200}
    assert result["kd_means_reconstruction_std"] > 0
    assert result["kd_means_sample_std"] is None
    assert sorted(result["missing_scores"]) == ["kd_means_data_std", "kd_means_sample_std"]
    assert (
        result["missing_scores"]["kd_means_data_std"] == "there is one subset only, of 200 of 200 images of each side"
    )


def test_only_the_network_of_2015_gives_fid():
    result = score(extractor="inception_2015", compare=("sample",))
    assert "fid_sample" in result
    assert "kid_sample" in result
    assert not any(key.startswith("fd_") for key in result)


def test_the_same_seed_gives_the_same_numbers_and_features_are_kept():
    first = score()
    before = Means.calls
    assert score() == first
    assert Means.calls - before == 2 * -(-200 // 64), "images of the data set went through the network again"
    assert score(compare=("data",))["fd_means_data"] == first["fd_means_data"]


def test_the_distance_is_that_of_the_features_of_the_rows():
    protocol = Protocol("means", "none", 16, "bicubic", True)
    extractor = Means().get("means")(DATA)
    rows = np.arange(0, 300, 3)
    kept = reference_features(DATA, rows, extractor, protocol)
    whole = extractor(DATA.observations_at(rows) * 255)
    np.testing.assert_allclose(kept, whole, atol=1e-6)
    assert frechet_distance(Moments.of(kept), Moments.of(whole)) == pytest.approx(0, abs=1e-9)


def test_the_protocol_says_all_that_decides_the_number():
    protocol = score(compare=("data",))["protocol"]
    assert protocol["extractor"] == "means"
    assert protocol["resize"] == "bicubic"
    assert protocol["quantise"] is True
    assert protocol["images_each_side"] == 200
    assert protocol["grey_repeated_to_rgb"] is True
    assert protocol["value_range"] == [0, 255]
    assert protocol["split"] == "disjoint rows, drawn from all 512 images of dummy_data"


def test_every_score_has_its_facts():
    result = score()
    numbers = [key for key, value in result.items() if isinstance(value, float)]
    assert len(numbers) == 3 * 7
    assert all(info_of(page.SCORES, key) for key in numbers)
    assert info_of(page.SCORES, "kd_means_data_std").higher_is_better is None
    assert info_of(page.SCORES, "fd_means_data").higher_is_better is False


def test_fewer_images_than_features_are_warned_of(capsys):
    result = score(num_images=8, compare=("data",))
    # (1/8 + 1/8) (8 + 8 · 9 / 4) = 6.5
    assert "no more than the 8 features" in result["warning"]
    assert "would be 6.5 instead of 0" in result["warning"]
    assert "no more than the 8 features" in capsys.readouterr().err


def test_the_distance_for_infinitely_many_images_has_its_own_name_and_moves_no_other_score():
    plain, result = score(), score(infinity_points=4, infinity_smallest=50)
    assert {key: result[key] for key in plain} == plain
    for what in page.COMPARISONS:
        fit = result[f"infinity_fit_{what}"]
        assert fit["sizes"] == [50, 100, 150, 200]
        assert fit["distances"][-1] == pytest.approx(result[f"fd_means_{what}"], abs=1e-9)
        assert fit["reference_images"] == 200
        line = np.polyfit(1 / np.array(fit["sizes"]), fit["distances"], 1)
        assert result[f"fd_means_infinity_{what}"] == pytest.approx(line[1])
        assert fit["slope"] == pytest.approx(line[0])
    assert result == score(infinity_points=4, infinity_smallest=50)
    assert "fid_infinity_sample" in score(
        extractor="inception_2015", compare=("sample",), infinity_points=2, infinity_smallest=50
    )
    for name in ("fd_means_infinity_data", "fid_infinity_sample"):
        assert info_of(page.SCORES, name) == (None, None, False, None, None), "it may be below zero"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"infinity_points": 1}, "infinity_points must be 0, for none, or at least 2"),
        ({"infinity_points": 3}, "infinity_smallest must be less than the 200 images of each side; got 5000"),
        ({"infinity_points": 3, "infinity_smallest": 1}, "infinity_smallest must be an integer >= 2"),
        ({"compare": ("samples",)}, "compare"),
        ({"resize": "nearest"}, "resize"),
        ({"num_images": 1}, "num_images"),
        ({"decode": None}, "decoder"),
        ({"decode": lambda z: np.full((len(z), 16, 16, 1), np.nan)}, "NaN"),
        ({"decode": lambda z: np.full((len(z), 16, 16, 1), 7.0)}, r"\[0, 1\]"),
        ({"decode": lambda z: np.zeros((len(z), 8, 8, 1))}, "decode must give"),
        ({"num_images": 3}, "neighbours must be less than the 3 images of each side; got 5"),
        ({"compare": "data"}, "compare must name some of"),
        ({"compare": 3}, "compare must name some of"),
        ({"quantise": 1}, "quantise must be True or False"),
        ({"decode": lambda z: np.full((len(z), 16, 16, 1), -0.2)}, r"\[0, 1\]"),
        ({"subset_size": 1}, "subset_size"),
    ],
)
def test_bad_input_gets_one_sentence(parameters, message):
    with pytest.raises(UserError, match=message):
        score(**parameters)


class Few(DummyData):
    factor_sizes = (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("data", "codes", "message"),
    [
        (Few(), np.zeros((1, 256)), "needs at least four images; dummy_data has 1"),
        (DATA, CODES[:100], r"codes must be numbers \(512, latents\), one row per image; got shape \(100, 256\)"),
        (DATA, np.where(CODES > 0, np.nan, 0), "a code is NaN or infinite"),
        (DATA, CODES[:, 0], "codes must be numbers"),
    ],
)
def test_bad_data_and_codes_get_one_sentence(data, codes, message):
    with pytest.raises(UserError, match=message):
        page.image_quality(data, codes, 0, decode=perfect, extractor="means", num_images=100, subsets=1)


def test_features_that_are_no_numbers_are_refused(tmp_path):
    broken = Extractor("broken", lambda images: np.full((len(images), 2), np.inf), 2, 16, "none")
    with pytest.raises(UserError, match="the extractor broken gave NaN or infinite features"):
        reference_features(DATA, np.arange(4), broken, Protocol.of(broken, "bicubic", True))
    assert not list((tmp_path / "features").glob("*.npy"))
    wide = Extractor("wide", lambda images: np.zeros((len(images), 3)), 2, 16, "none")
    with pytest.raises(UserError, match=r"wide gave features \(4, 3\) for 4 images; expected \(4, 2\)"):
        reference_features(DATA, np.arange(4), wide, Protocol.of(wide, "bicubic", True))


def test_a_damaged_file_of_features_is_told(tmp_path):
    score(compare=("data",))
    for path in (tmp_path / "features").glob("*.npy"):
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UserError, match="damaged"):
        score(compare=("data",))


def test_the_least_numbers_are_taken_and_those_below_refused():
    least = {"subsets": 1, "subset_size": 2, "neighbours": 1, "infinity_smallest": 2, "num_images": 2}
    score(**{**least, "num_images": 4, "infinity_points": 2}, compare=("data",))
    for name, value in least.items():
        with pytest.raises(UserError, match=rf"image_quality\.{name} must be an integer >= {value}; got {value - 1}"):
            score(**{**least, name: value - 1}, compare=("data",))


def test_as_many_neighbours_as_images_are_refused_and_one_less_is_taken():
    measures = page._Measures(subsets=1, subset_size=2, neighbours=5, infinity_points=0, infinity_smallest=2)
    measures.check_sizes(6)
    with pytest.raises(UserError, match="neighbours must be less than the 5 images of each side; got 5; lower it"):
        measures.check_sizes(5)
