"""matrices.py: a picture for every matrix, with the factors' names beside the right rows."""

import sys

import numpy as np
import pytest
from PIL import Image

from dlib_bvae import datasets, metrics
from dlib_bvae.metrics.score_info import Matrix
from dlib_bvae.visualize import matrices
from dlib_bvae.visualize.matrices import draw_matrix, save_matrices


class Grid:
    factor_names = ("shape", "one_value", "$scale_1$")
    factors_num_values = (3, 1, 4)


BY_CODE = Matrix("code", "factor", "share", high=1.0)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    from matplotlib.figure import Figure

    found = []
    save = Figure.savefig

    def saved(self, *arguments, **options):
        found.append(self)
        return save(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", saved)
    return found


def texts(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def cells(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_factors_are_rows_whichever_way_the_matrix_lies(tmp_path, drawn):
    values = [[0.0, 0.25], [0.5, 1.0], [0.125, 0.75]]
    transposed = np.array(values).T.tolist()
    facts = {"a": BY_CODE, "b": Matrix("factor", "code", "share", high=1.0)}
    paths = save_matrices(tmp_path, {"a": values, "b": transposed}, facts, Grid())
    assert [path.name for path in paths] == ["a.png", "b.png"]
    for figure in drawn:
        axes = figure.axes[0]
        assert texts(axes.yaxis) == ["shape", "$scale_1$"]
        assert texts(axes.xaxis) == ["z0", "z1", "z2"]
        assert axes.get_xlabel() == "latent"
        assert axes.images[0].get_array().tolist() == transposed
        assert axes.images[0].get_clim() == (0, 1)
        assert cells(figure) == ["0.00", "0.50", "0.12", "0.25", "1.00", "0.75"]
    assert (
        len({path.read_bytes() for path in paths}) == 1 or drawn[0].axes[0].get_title() != drawn[1].axes[0].get_title()
    )


def test_active_codes_and_listed_axes_have_their_own_names(tmp_path, drawn):
    results = {
        "irs": [[0.1, 0.2], [0.3, 0.4]],
        "active_codes": [3, 7],
        "losses": [[0.1, 0.2]] * 2,
        "widths": [16, 32],
        "other": [[1, 2, 3], [4, 5, 6]],
        "kept": [[0.1, 0.2], [0.3, 0.4]],
        "screening": {"kept": [15, 704]},
    }
    facts = {
        "irs": Matrix("active code", "factor", "r"),
        "losses": Matrix("widths", "factor", "error"),
        "kept": BY_CODE,
    }
    save_matrices(tmp_path, results, facts, Grid())
    irs, losses, other, kept = (figure.axes[0] for figure in drawn)
    assert texts(kept.xaxis) == ["z15", "z704"]
    assert texts(irs.xaxis) == ["z3", "z7"]
    assert irs.get_xlabel() == "active latent"
    assert texts(losses.xaxis) == ["16", "32"]
    assert losses.get_xlabel() == "width"
    assert (other.get_ylabel(), other.get_xlabel()) == ("row", "column")
    assert cells(drawn[2]) == list("123456")


@pytest.mark.parametrize(
    ("value", "form"),
    [([[0.0004, -0.0002]], ["0.0004", "-0.0002"]), ([[2500, 0]], ["2500", "0"]), ([[-0.001, 0.5]], ["0.00", "0.50"])],
)
def test_numbers_are_written_as_precisely_as_they_are_large(value, form, tmp_path, drawn):
    save_matrices(tmp_path, {"m": value}, {"m": Matrix("row", "column", "x", low=None)}, Grid())
    assert cells(drawn[0]) == form


def test_numbers_can_be_read_on_their_cells(tmp_path, drawn):
    save_matrices(tmp_path, {"m": [list(np.linspace(0, 1, 20))]}, {}, Grid())
    from matplotlib.colors import to_rgb

    axes = drawn[0].axes[0]
    linear = lambda rgb: (
        np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
    )
    for text, colour in zip(axes.texts, axes.images[0].to_rgba(np.linspace(0, 1, 20)[None])[0, :, :3], strict=True):
        bright = sorted([linear(np.array(to_rgb(text.get_color()))), linear(colour)])
        assert (bright[1] + 0.05) / (bright[0] + 0.05) >= 4  # WCAG asks for 3 of large and 4.5 of small text


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (21, 2), (22, 2), (300, 2), (2_000, 2), (60, 60)])
def test_nothing_is_clipped_and_many_cells_have_no_numbers(shape, tmp_path, drawn, monkeypatch):
    monkeypatch.setattr(Grid, "factor_names", ("shape", "one_value", "the_name_of_a_factor_which_goes_on_" * 3))
    values = np.random.default_rng(0).random(shape).tolist()
    facts = {"normalised_information": BY_CODE if shape[1] == 2 else Matrix("code", "code", "share")}
    (path,) = save_matrices(tmp_path, {"normalised_information": values}, facts, Grid())
    figure = drawn[0]
    assert len(figure.axes[0].texts) == (shape[0] * shape[1] if shape[0] <= 21 else 0)
    picture = np.asarray(Image.open(path).convert("L"))
    assert picture.shape[0] < 2_200
    assert picture.shape[1] < 3_500
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 255).all()
    boxes = [label.get_window_extent() for label in figure.axes[0].xaxis.get_ticklabels()]
    assert all(a.x1 < b.x0 for a, b in zip(boxes, boxes[1:], strict=False))


def test_what_is_no_matrix_is_passed_over_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    results = {"s": 0.5, "l": [1, 2], "empty": [], "rows": [[], []], "uneven": [[1], [1, 2]], "none": [[None, 1.0]]}
    results |= {"text": [["a"]], "flags": [[True]], "deep": [[[1.0]]], "nan": [[float("nan")]], "dict": {"a": [[1.0]]}}
    assert save_matrices(tmp_path, results, {}, Grid()) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.1, -0.004], ["0.10", "0.00"]),
        ([0.09, 0.001], ["0.09", "0.001"]),
        ([99.9, 0.006], ["99.90", "0.01"]),
        ([100.5, 3.0], ["1e+02", "3"]),
        ([99_999.0, -7.0], ["99999", "-7"]),
        ([100_000.0, 1.0], ["1e+05", "1"]),
    ],
)
def test_numbers_have_the_form_that_fits_the_largest(values, expected, tmp_path, drawn):
    save_matrices(tmp_path, {"m": [values]}, {}, Grid())
    assert cells(drawn[0]) == expected


def test_a_key_is_a_safe_file_name(tmp_path):
    (path,) = save_matrices(tmp_path, {"../10:confusion": [[1.0]]}, {}, Grid())
    assert path.parent == tmp_path
    assert path.name == ".._10_confusion.png"


@pytest.mark.parametrize(
    "keys",
    [
        ["größe", "gräße"],
        ["размер", "форма"],
        ["a/b", "a_b", "a b"],
        ["Shape", "shape"],
        ["ö", "o\u0308"],
        ["x" * 300 + "1", "x" * 300 + "2"],
        ["я" * 90 + "1", "я" * 90 + "2"],
    ],
)
def test_two_keys_never_share_a_file(keys, tmp_path, drawn):
    paths = save_matrices(tmp_path, {key: [[1.0]] for key in keys}, {}, Grid())
    assert len({path.name.casefold() for path in paths}) == len(list(tmp_path.iterdir())) == len(keys)
    assert all(path.parent == tmp_path and len(path.name.encode()) <= 104 for path in paths)
    assert [figure.axes[0].get_title() for figure in drawn] == [key.replace("_", " ") for key in keys]
    again = save_matrices(tmp_path, {key: [[1.0]] for key in reversed(keys)}, {}, Grid())
    assert again == paths[::-1]


def test_letters_of_all_alphabets_stay_in_a_file_name(tmp_path):
    paths = save_matrices(tmp_path, {"größe": [[1.0]], "gräße": [[1.0]]}, {}, Grid())
    assert [path.name for path in paths] == ["größe.png", "gräße.png"]


def test_the_state_of_pyplot_is_left_alone(tmp_path):
    save_matrices(tmp_path, {"m": [[1.0]]}, {}, Grid())
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_every_metric_says_what_its_matrices_are(monkeypatch):
    data = datasets.load("dummy_data")
    codes = data.factors_at(np.arange(512)) + np.random.default_rng(0).normal(size=(512, 4))
    sizes = {"code": 4, "active code": 4, "factor": 4}
    found = set()
    for name in metrics.names():
        facts = metrics.matrices(name)
        if not facts:
            continue
        result = metrics.score(name, data, codes, 0, **metrics.small_parameters(name, images=60, fits=2))
        as_matrices = {key: value for key, value in result.items() if matrices._as_matrix(value) is not None}
        assert set(as_matrices) == set(facts)
        for key, value in as_matrices.items():
            rows, columns = (sizes[axis] if axis in sizes else len(result[axis]) for axis in facts[key][:2])
            assert np.shape(value) == (rows, columns)
            low, high = facts[key].low, facts[key].high
            assert low is None or np.min(value) >= low or facts[key].rows == "active code"
            assert high is None or np.max(value) <= high
        found.add(name)
    assert {"mig", "dci", "sap", "infomec", "irs", "factor_vae_score", "fos", "unsupervised"} <= found


def test_counts_are_shown_as_shares_of_their_row(tmp_path, drawn):
    facts = {"confusion": metrics.matrices("beta_vae")["confusion"]}
    save_matrices(tmp_path, {"confusion": [[30, 10], [0, 0]]}, facts, Grid(), "beta_vae · vae on $dummy_data$")
    axes, bar = drawn[0].axes
    assert cells(drawn[0]) == ["0.75", "0.25", "0.00", "0.00"]
    assert axes.images[0].get_clim() == (0, 1)
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true factor", "predicted factor")
    assert axes.get_title() == "confusion\nbeta_vae · vae on $dummy_data$"
    assert bar.get_ylabel() == "share of the points of the true factor"
    votes = metrics.matrices("factor_vae_score")["votes"]
    assert votes.shares
    save_matrices(tmp_path, {"votes": [[3, 1, 0], [1, 1, 2]]}, {"votes": votes}, Grid())
    assert cells(drawn[1]) == ["0.75", "0.25", "0.00", "0.25", "0.25", "0.50"]


def test_cells_without_a_value_are_empty():
    values = np.array([[np.nan, 0.25], [0.5, np.nan]])
    figure = draw_matrix(
        "overlap", values, Matrix("latents", "latents", "share", high=1.0), {"latents": ["z3", "z0"]}, Grid()
    )
    assert cells(figure) == ["0.25", "0.50"]
    assert texts(figure.axes[0].xaxis) == texts(figure.axes[0].yaxis) == ["z3", "z0"]
    assert figure.axes[0].get_xlabel() == "latent"


def test_factors_beside_each_other_are_all_named(tmp_path, drawn):
    facts = {"m": Matrix("factor", "factor", "threshold")}
    save_matrices(tmp_path, {"m": [[0.0, 1.0], [1.0, 0.5]]}, facts, Grid())
    axis = drawn[0].axes[0].xaxis
    assert texts(axis) == ["shape", "$scale_1$"]
    assert {label.get_rotation() for label in axis.get_ticklabels()} == {90.0}
