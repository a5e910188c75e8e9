"""Rows with known scores → the cells of the tables."""

import pandas as pd
from support import report_rows
from support.report_rows import FOUR, cell, scored, training

from dlib_bvae.re_beta_vae import paper, tables
from dlib_bvae.re_beta_vae.evidence import Evidence, Subject, of_study
from dlib_bvae.re_beta_vae.exports import plain
from dlib_bvae.re_beta_vae.tables import Table

MLP = Subject("dsprites_rendered", "MLP")


def evidence(rows: list) -> Evidence:
    return Evidence(of_study(report_rows.frame(rows))[0])


def at(table: Table, row: str, column: str) -> str:
    (line,) = [each for each in table.rows if each[0] == row]
    return line[table.header.index(column)]


def test_table_1_has_ours_beside_the_papers_and_names_what_is_missing():
    rows = cell("dsprites_rendered", "4-VAE", [70, 80, 90, 60], "MLP")
    rows += cell("dsprites_rendered", "4-VAE", [91, 93], "MLP", factors=FOUR)
    rows += cell("dsprites_rendered", "4-VAE", [10, 10], "MLP", pairs=16) + cell("dsprites_rendered", "PCA", [33])
    mlp, conv = tables.table_1(evidence(rows))
    assert "dsprites_rendered (rendered here, not the official files), MLP" in mlp.title
    assert at(mlp, "4-VAE", "5 factors, mean ± std") == "75.00 ± 12.91"
    assert at(mlp, "4-VAE", "5 factors, median") == "75.00"
    assert at(mlp, "4-VAE", "5 factors, median: paper") == "76.62"
    assert at(mlp, "4-VAE", "4 factors, median") == "92.00"
    assert at(mlp, "4-VAE", "seeds") == "4; 4 factors: 2"
    assert at(mlp, "4-VAE", "steps") == "6,000"
    assert at(mlp, "PCA", "5 factors, mean ± std") == "33.00"  # one seed has no spread
    assert at(mlp, "1-VAE", "5 factors, median") == at(mlp, "1-VAE", "steps") == "not run"
    assert at(conv, "4-VAE", "5 factors, median") == "not run"
    assert at(conv, "PCA", "5 factors, median") == "33.00"
    assert not any("paper" in name for name in conv.header)


def test_rendered_data_never_stand_under_an_official_name():
    rows = cell("dsprites_rendered", "4-VAE", [70, 80], "MLP") + cell("dsprites_full", "4-VAE", [20, 30], "MLP")
    found = {
        each.title: at(each, "4-VAE", "5 factors, median")
        for each in tables.table_1(evidence(rows))
        if "MLP" in each.title
    }
    assert list(found.values()) == ["25.00", "75.00"]
    assert "dsprites_full (official files)" in next(iter(found))
    only_rendered = evidence(cell("dsprites_rendered", "4-VAE", [70, 80], "MLP"))
    assert all("dsprites_full" not in each.title for each in tables.table_1(only_rendered))
    assert any("shapes3d (official files)" in each[0] for each in tables.figure_3(only_rendered).rows)


def test_seeds_under_each_rule():
    table = tables.selection(evidence(cell("dsprites_rendered", "4-VAE", [70, 80, 90, 60], "MLP")))[0]
    cells = [at(table, "4-VAE", f"5 factors: {rule}") for rule in ("all seeds", "best half", "best", "median", "seeds")]
    assert cells == ["75.00 ± 12.91", "85.00 ± 7.07", "90.00", "75.00", "4"]


def test_table_2_is_over_beta_and_seeds():
    rows = cell("dsprites_rendered", "1-VAE", [50, 60], "MLP", classifier="mlp")
    rows += cell("dsprites_rendered", "4-VAE", [70], "MLP", classifier="mlp") + cell(
        "dsprites_rendered", "PCA", [1], classifier="mlp"
    )
    table = tables.table_2(evidence(rows))
    assert at(table, "dsprites_rendered, MLP", "MLP") == "60.00 ± 10.00"
    assert at(table, "dsprites_rendered, MLP", "random forest") == "not run"
    assert at(table, "dsprites_rendered, MLP", "runs") == "0 to 3"
    assert at(table, "paper: 2Dshapes", "MLP") == "78.80 ± 12.73"


def test_figure_6_in_numbers():
    rows = cell("dsprites_rendered", "4-VAE", [50, 60], "MLP", pairs=16) + cell(
        "dsprites_rendered", "4-VAE", [70], "MLP", pairs=256
    )
    (table,) = tables.figure_6(evidence(rows))
    assert table.rows[2] == ["4-VAE", "55.00", "not run", "not run", "70.00", "2, 0, 1"]


def test_distances_stand_under_their_own_names():
    rows = []
    for seed in (1, 2):
        row = training("cifar10", "4-VAE", seed, "Conv")
        rows.append(scored(row, "image_quality", fid_reconstruction=200.0 + seed, protocol__images_each_side=10000))
        rows.append(scored(row, "image_quality", fd_small_net_reconstruction=3.0, protocol__images_each_side=500))
        rows.append(
            {
                **rows[-2],
                "postprocess_results.representation": "sampled",
                "evaluation_results.fid_reconstruction": 220.0,
            }
        )
    ten, hundred = tables.table_3(evidence(rows))
    assert at(ten, "fid_reconstruction (mean codes, 10,000 images a side)", "4-VAE") == "201.5 ± 0.7"
    assert at(ten, "fid_reconstruction (sampled codes, 10,000 images a side)", "4-VAE") == "220.0 ± 0.0"
    assert at(ten, "fd_small_net_reconstruction (mean codes, 500 images a side)", "4-VAE") == "3.0 ± 0.0"
    assert at(ten, "fid_sample", "4-VAE") == at(hundred, "fid_reconstruction", "4-VAE") == "not run"
    assert at(ten, "paper: FID of samples", "WGAN-GP") == "29.3"
    assert at(hundred, "paper: FID of reconstructions (sampled codes)", "0.1-VAE") == "132.1"


def test_beside_re_encoded_pictures_no_distance_of_the_paper_stands():
    rows = report_rows.whole_study().to_dict("records")
    origin = {"train_results.dataset": "cifar10_jpeg", "train_results.origin": "re-encoded"}
    ours = [{**row, **origin} for row in rows if row["train_results.dataset"] == "cifar10"]
    ten, hundred = tables.table_3(evidence(ours))
    assert "cifar10_jpeg (re-encoded, not the official files)" in ten.title
    assert at(ten, "fid_reconstruction (mean codes, 10,000 images a side)", "4-VAE") != "not run"
    assert not any("paper" in cell for row in ten.rows for cell in row)
    assert not {"197.8", "29.3"} & {cell for row in ten.rows for cell in row}
    assert any("re-encoded" in note for note in ten.notes)
    assert at(hundred, "paper: FID of reconstructions (sampled codes)", "0.1-VAE") == "132.1"


def test_no_rows_of_the_study_leave_every_cell_empty():
    rows = of_study(report_rows.frame(cell("dummy_data", "4-VAE", [50, 60], "MLP")))
    assert rows[0].empty
    found = Evidence(rows[0])
    assert {at(tables.table_1(found)[0], model, "seeds") for model in paper.MODELS} == {"0"}
    assert isinstance(found.rows, pd.DataFrame)


def rows_of(table: Table) -> list[str]:
    return [f"| {' | '.join(map(plain, row))} |" for row in (table.header, *table.rows)]


def test_the_committed_rows_give_the_committed_tables(committed_evidence, committed_report):
    found = committed_evidence
    every = [tables.trained(found), tables.fitted(found), *tables.table_1(found), *tables.selection(found)]
    every += [tables.figure_3(found), *tables.figure_6(found), tables.table_2(found), *tables.table_3(found)]
    titles = [line for line in committed_report if line.startswith("**")]
    assert titles[0] == "**Verdicts by claim and data set**"  # of findings, not of these tables
    assert [f"**{plain(each.title)}**" for each in every] == titles[1:]
    own = committed_report[committed_report.index(titles[1]) :]
    committed = [line for line in own if line.startswith("|") and not line.startswith("| ---")]
    assert [line for each in every for line in rows_of(each)] == committed
    notes = {plain(note) for each in every for note in each.notes}
    assert notes <= set(committed_report)
