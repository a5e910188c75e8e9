"""identification.py: verdicts follow theory on codes with known answers, and interrupted work goes on where it was."""

import pandas as pd
import pytest

from dlib_bvae import metrics
from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.metrics.constructed import ELEMENTWISE, GROUPED, KNOWN_CODES, LINEARLY, NOT_IDENTIFIED
from dlib_bvae.metrics.score_info import MODULAR, ONE_TO_ONE, READABLE, ROTATION, UNJUDGED
from dlib_bvae.stages import identification, validity
from dlib_bvae.stages.identification import CHECKPOINT, COLUMNS, Cell, cells, expected_of, parameters, verdict_of

FEW = {"structures": "independent,correlated", "codes": "aligned,rotated,duplicated,noise", "sizes": "200"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identification")
    paths = validity.run("mig,t_mex,linear_identifiability,omes,active_units", output_dir=folder, **FEW)
    assert [path.name for path in paths] == ["identification.csv", "identification.md", "identification.png"]
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == sorted(
        p.name for p in paths
    )
    return folder


def verdicts(folder, metric, score, structure):
    table = pd.read_csv(folder / "identification.csv")
    part = table[(table["metric"] == metric) & (table["score"] == score) & (table["structure"] == structure)]
    return dict(zip(part["codes"], part["verdict"], strict=True))


def test_scores_with_known_answers_are_judged_so(written):
    agree = dict.fromkeys(["aligned", "rotated", "duplicated", "noise"], "agrees")
    assert verdicts(written, "mig", "discrete_mig", "independent") == agree
    assert verdicts(written, "t_mex", "exclusivity", "correlated") == agree
    # least squares read rotated codes as well as aligned ones; a rotation of correlated factors is none of whitened ones
    assert verdicts(written, "linear_identifiability", "r2_codes_to_factors", "correlated") == agree
    assert verdicts(written, "linear_identifiability", "orthogonality_error", "correlated")["aligned"] == "disagrees"
    assert set(verdicts(written, "active_units", "active_units", "independent").values()) == {"not judged"}


def test_a_metric_that_needs_a_grid_says_so_where_there_is_none(written):
    table = pd.read_csv(written / "identification.csv")
    assert table.columns.tolist() == COLUMNS
    refused = table[(table["metric"] == "omes") & (table["structure"] == "correlated")]
    assert set(refused["verdict"]) == {"not applicable"}
    assert refused["reason"].str.startswith("omes compares images with chosen factors, so it needs one of every").all()


def test_the_page_has_cautions_theory_and_scores(written):
    page = (written / "identification.md").read_text(encoding="utf-8")
    assert metrics.caution("mig") in page
    assert "| duplicated | each factor twice | elementwise, after grouping only |" in page
    assert "| `mig` `discrete_mig` | 192 | 1.00 ✓ |" in page.replace("| 200 |", "| 192 |")


def test_interrupted_work_goes_on_where_it_was(written, tmp_path, monkeypatch):
    scored = []

    def interrupted(cell):
        if len(scored) == 3:
            raise KeyboardInterrupt
        scored.append(cell)
        return kept(cell)

    kept = identification.score_cell
    monkeypatch.setattr(identification, "score_cell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        validity.run("mig", output_dir=tmp_path, **FEW)
    with open(tmp_path / CHECKPOINT, "a", encoding="utf-8") as file:
        file.write('{"cut short')
    monkeypatch.setattr(identification, "score_cell", lambda cell: scored.append(cell) or kept(cell))
    validity.run("mig", output_dir=tmp_path, **FEW)
    assert len(scored) == len(set(scored)) == 8
    assert not (tmp_path / CHECKPOINT).exists()
    table, whole = (pd.read_csv(folder / "identification.csv") for folder in (tmp_path, written))
    pd.testing.assert_frame_equal(table, whole[whole["metric"] == "mig"].reset_index(drop=True), check_dtype=False)


def test_a_checkpoint_of_other_settings_begins_anew_and_another_s_file_is_refused(tmp_path, monkeypatch):
    wanted = [Cell("mig", "independent", "aligned", 200, 0)]
    first = identification.scored(wanted, tmp_path, [], [])
    second = identification.scored(wanted, tmp_path, [], ["mig.num_bins = 2"])
    assert first[0]["result"] == 1 != second[0]["result"]
    (tmp_path / CHECKPOINT).write_text("[1]\n", encoding="utf-8")
    with pytest.raises(UserError, match="is not as this package wrote it"):
        identification.scored(wanted, tmp_path, [], [])


def test_what_is_expected_follows_from_theory():
    expected = {
        claim: {name for name, known in KNOWN_CODES.items() if expected_of(claim, known) == "high"}
        for claim in (ONE_TO_ONE, MODULAR, READABLE, ROTATION, UNJUDGED)
    }
    by_theory = lambda *theories: {name for name, known in KNOWN_CODES.items() if known.theory in theories}
    assert expected[ONE_TO_ONE] == by_theory(ELEMENTWISE) == {"aligned", "monotone", "permuted"}
    assert expected[MODULAR] == by_theory(ELEMENTWISE, GROUPED)
    assert (
        expected[READABLE] == by_theory(ELEMENTWISE, GROUPED, LINEARLY) == set(KNOWN_CODES) - by_theory(NOT_IDENTIFIED)
    )
    assert expected[ROTATION] == {"aligned", "permuted", "rotated"}
    assert expected[UNJUDGED] == set()
    assert [verdict_of(a, high) for a, high in [(0.9, True), (0.9, False), (0.7, True), (0.1, True), (-5, False)]] == [
        "agrees",
        "disagrees",
        "unclear",
        "disagrees",
        "agrees",
    ]


def test_metrics_that_take_seconds_have_fewer_and_smaller_cells():
    sizes = lambda name: [cell.images for cell in cells([name], ["causal"], ["noise"], [1_000, 10_000, 100_000], 1)]
    assert sizes("mig") == [1_000, 10_000, 100_000]
    assert sizes("dci") == [1_000, 10_000]
    assert sizes("fos") == [1_000]
    assert len(cells(["mig", "dci"], ["causal"], ["noise"], [1_000], 3)) == 4
    assert parameters("mig", 100_000) == {"num_train": 100_000}
    assert parameters("dci", 10_000) == {"num_train": 2_000, "num_test": 1_000, "n_estimators": 10}
    assert parameters("downstream_task", 192)["num_train"] == (19,)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"structures": "chain"}, "no structure of factors"),
        ({"codes": "rotate"}, "did you mean rotated"),
        ({"sizes": "2000"}, r"no size \(--sizes\) is called '2000'"),
    ],
)
def test_unknown_names_are_refused(flags, message, tmp_path):
    with pytest.raises(UnknownName, match=message):
        validity.run("mig", output_dir=tmp_path, **flags)
    assert not list(tmp_path.iterdir())
