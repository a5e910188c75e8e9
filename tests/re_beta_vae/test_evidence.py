"""evidence.py: rows from run directories and tables, what is of the study and what is left out; scores by cell."""

import pytest
from support import report_rows
from support.report_rows import FOUR, beta_vae, cell, scored, training

from dlib_bvae.re_beta_vae.evidence import (
    Evidence,
    Subject,
    best_half,
    distances,
    median,
    of_study,
    summary,
)
from dlib_bvae.re_beta_vae.rows import value


@pytest.mark.parametrize(
    ("column", "entry", "said"),
    [
        ("train_config.vae.beta", '"@cyclical_weight()"', "a β that changes"),
        ("train_config.vae.beta", "16.0", "β = 16, which the report does not have"),
        ("train_config.vae.beta", None, "β = nan, which the report does not have"),
        ("train_config.reconstruction_loss.loss_fn", "@gaussian_loss", "likelihood @gaussian_loss"),
        ("train_config.encoder.encoder_fn", "@own_encoder", "architecture @own_encoder and @higgins_decoder"),
        ("train_config.model.model", "@factor_vae()", "is no β-VAE, PCA or ICA"),
        ("train_results.dataset", "smallnorb", "a data set that the report does not have"),
    ],
)
def test_what_is_not_of_the_study_is_left_out_and_named(column, entry, said):
    rows = cell("dsprites_rendered", "4-VAE", [50, 60], "MLP")
    rows.append({**rows[0], column: entry})
    kept, notes = of_study(report_rows.frame(rows))
    assert len(kept) == 2
    assert len(notes) == 1
    assert said in notes[0]


def test_names_of_runs_mean_nothing():
    rows = report_rows.frame(
        cell(
            "dsprites_rendered",
            "4-VAE",
            [50],
            "MLP",
        )
    )
    rows["train_results.model"] = "pca_conv_beta10"
    kept, _ = of_study(rows)
    assert kept[["model", "architecture"]].to_numpy().tolist() == [["4-VAE", "MLP"]]


def test_seeds_with_equal_codes_count_once_and_are_named():
    rows = cell("dsprites_rendered", "PCA", [50, 60, 70])
    for row, digest in zip(rows, ["x", "x", None], strict=True):
        row |= {"postprocess_results.codes_digest": digest}
    kept, notes = of_study(report_rows.frame(rows))
    assert notes == ["dsprites_rendered: the codes of PCA by seed 2 are those of a lower seed and count once"]
    scores = Evidence(kept).scores(Subject("dsprites_rendered", "MLP"), "PCA")
    assert scores.tolist() == pytest.approx([55, 70])


def test_of_two_configurations_the_longer_training_counts_then_the_more_seeds():
    def rows_of(config, steps, seeds):
        more = {"config": config, "train_results__steps": steps}
        return [beta_vae(training("dsprites_rendered", "4-VAE", seed, "MLP", **more), 50) for seed in seeds]

    rows = rows_of("a", 300, [1, 2]) + rows_of("b", 6000, [1]) + rows_of("c", 6000, [1, 2, 3])
    kept, notes = of_study(report_rows.frame(rows))
    assert set(kept["config"]) == {"c"}
    assert notes == [
        "dsprites_rendered: another configuration of 4-VAE MLP (6,000 steps or images, 1 seed)",
        "dsprites_rendered: another configuration of 4-VAE MLP (300 steps or images, 2 seeds)",
    ]


def test_the_beta_vaes_of_a_data_set_are_of_one_number_of_steps():
    def rows_of(model, steps, seeds, architecture="Conv"):
        more = {"config": f"{model} {steps}", "train_results__steps": steps}
        return [beta_vae(training("dsprites_rendered", model, seed, architecture, **more), 50) for seed in seeds]

    short = [each for model in ("1-VAE", "4-VAE") for each in rows_of(model, 300, [1, 2, 3])]
    long = rows_of("4-VAE", 6000, [1]) + rows_of("10-VAE", 6000, [1])
    kept, notes = of_study(report_rows.frame(short + long + rows_of("1-VAE", 6000, [1], "MLP")))
    assert {*kept["config"]} == {"1-VAE 300", "4-VAE 300", "1-VAE 6000"}
    assert {*kept.loc[kept["config"] == "1-VAE 6000", "architecture"]} == {"MLP"}
    assert notes == [
        "dsprites_rendered: another configuration of 10-VAE Conv (6,000 steps or images, 1 seed)",
        "dsprites_rendered: another configuration of 4-VAE Conv (6,000 steps or images, 1 seed)",
    ]
    tied, _ = of_study(report_rows.frame(rows_of("1-VAE", 300, [1]) + rows_of("4-VAE", 6000, [1])))
    assert {*tied["config"]} == {"4-VAE 6000"}


def test_values_of_mixed_columns():
    assert [value(each) for each in ("4.0", '"@a()"', "@a()", None, float("nan"), 3)] == [
        4.0,
        "@a()",
        "@a()",
        None,
        None,
        3,
    ]


MLP = Subject("dsprites_rendered", "MLP")


def evidence(rows: list) -> Evidence:
    return Evidence(of_study(report_rows.frame(rows))[0])


def test_selection_rules():
    values = [70.0, 90.0, 80.0, 60.0, 50.0]
    assert best_half(values).tolist() == [90, 80, 70]
    assert median(values) == 70
    assert summary([1.0, 3.0]) == (2.0, pytest.approx(2**0.5), 2)
    assert summary([1.0]) == (1.0, None, 1)
    assert (summary([]), median([])) == (None, None)


def test_a_seed_counts_once_and_the_larger_of_two_evaluations():
    row = training("dsprites_rendered", "4-VAE", 1, "MLP")
    small = {**beta_vae(row, 10), "evaluation_results.metric_parameters.num_train": 100}
    found = evidence([beta_vae(row, 60), beta_vae(row, 80), small]).scores(MLP, "4-VAE")
    assert found == pytest.approx([70])


def test_the_newest_version_of_a_metric_counts_and_earlier_ones_are_named():
    row = training("dsprites_rendered", "4-VAE", 1, "MLP")
    today, older = {**beta_vae(row, 60), "metric_version": 2}, beta_vae(row, 10)
    before = {**beta_vae(row, 80), "evaluation_results.metric_parameters.definition": 2}  # as tables of before have it
    kept, notes = of_study(report_rows.frame([today, older, before]))
    assert Evidence(kept).scores(MLP, "4-VAE") == pytest.approx([70])
    assert notes == ["dsprites_rendered: beta_vae of version 1"]


def test_sampled_codes_and_held_out_points_are_not_scores_of_the_study():
    row = training("dsprites_rendered", "4-VAE", 1, "MLP")
    sampled = {**beta_vae(row, 10), "postprocess_results.representation": "sampled"}
    held_out = {**beta_vae(row, 20), "evaluation_config.evaluation.split": "out"}
    assert evidence([beta_vae(row, 60), sampled, held_out]).scores(MLP, "4-VAE") == pytest.approx([60])


@pytest.mark.parametrize(
    ("values", "kept"),
    [([], []), ([3.0], [3.0]), ([1.0, 2.0], [2.0]), ([1.0, 3.0, 2.0], [3.0, 2.0]), ([4.0, 1.0, 3.0, 2.0], [4.0, 3.0])],
)
def test_the_better_half_is_rounded_up(values, kept):
    assert best_half(values).tolist() == kept


def test_values_by_seed_are_means_over_evaluations_with_a_value():
    row = training("dsprites_rendered", "4-VAE", 7, "MLP")
    rows = [scored(row, "mig", discrete_mig=each) for each in (0.25, 0.75, None)]
    rows.append({**scored(row, "mig", discrete_mig=0.9), "postprocess_results.representation": "sampled"})
    rows.append(scored(training("dsprites_rendered", "4-VAE", 3, "MLP"), "mig", discrete_mig="0.125"))
    found = evidence(rows)
    name = "evaluation_results.discrete_mig"
    assert found.by_seed(MLP, "4-VAE", name, representation="mean") == {3: 0.125, 7: 0.5}
    assert found.by_seed(MLP, "4-VAE", name, representation="sampled") == {7: 0.9}
    assert found.by_seed(MLP, "4-VAE", "not.there") == {}
    assert found.by_seed(MLP, "1-VAE", name) == {}


def test_scores_are_percent_in_the_order_of_the_seeds_by_setting():
    rows = [
        beta_vae(training("dsprites_rendered", "4-VAE", seed, "MLP"), percent) for seed, percent in ((9, 60), (2, 80))
    ]
    rows += cell("dsprites_rendered", "4-VAE", [10], "MLP", factors=["shape", "scale"])
    rows += cell("dsprites_rendered", "4-VAE", [30], "MLP", factors=FOUR) + cell("dsprites_rendered", "PCA", [40])
    found = evidence(rows)
    assert found.scores(MLP, "4-VAE").tolist() == pytest.approx([80, 60])
    assert found.score_by_seed(MLP, "4-VAE") == pytest.approx({2: 80, 9: 60})
    assert found.scores(MLP, "4-VAE", asked="shape, scale").tolist() == pytest.approx([10])
    assert found.scores(MLP, "4-VAE", asked="without shape").tolist() == pytest.approx([30])
    assert found.scores(MLP, "PCA").tolist() == found.scores(Subject(MLP.dataset, "Conv"), "PCA").tolist() == [40.0]
    assert found.scores(MLP, "4-VAE", pairs=16).size == found.scores(MLP, "4-VAE", classifier="mlp").size == 0


def test_subjects_are_what_the_paper_trained_and_what_else_has_runs():
    found = evidence(cell("shapes3d_rendered", "4-VAE", [10], "MLP") + cell("dsprites_rendered", "PCA", [40]))
    assert found.subjects("2Dshapes", "3Dshapes", "MPI3D-toy") == [
        ("dsprites_rendered", "MLP"),
        ("dsprites_rendered", "Conv"),
        ("shapes3d_rendered", "Conv"),
        ("shapes3d_rendered", "MLP"),
        ("mpi3d_toy", "Conv"),
    ]
    assert [each for each in found.subjects("2Dshapes", "3Dshapes") if found.has_runs(each)] == [
        ("shapes3d_rendered", "MLP")
    ]
    assert found.datasets("CIFAR-10") == ["cifar10"]
    assert (MLP.slug, Subject("a (b)/c", "Conv").slug) == ("dsprites_rendered_MLP", "a_b_c_Conv")
    assert (str(MLP), MLP.family, Subject("other", "MLP").family) == ("dsprites_rendered, MLP", "2Dshapes", "other")


def test_distances_are_by_name_codes_and_images_and_fid_stands_first():
    rows = []
    for seed, value_ in ((1, 3.0), (2, 5.0)):
        row = training("cifar10", "4-VAE", seed, "Conv")
        rows.append(
            scored(row, "image_quality", fd_net_sample=value_, fd_net_sample_std=0.1, protocol__images_each_side=500)
        )
        rows.append(scored(row, "image_quality", fid_sample=10 * value_, protocol__images_each_side=500))
    rows.append(scored(training("cifar10", "1-VAE", 1, "Conv"), "image_quality", fid_sample=7.0))
    found = distances(evidence(rows), Subject("cifar10", "Conv"))
    assert [(str(each), by_model["1-VAE"], by_model["4-VAE"]) for each, by_model in found.items()] == [
        ("fid_sample (mean codes, 500 images a side)", {}, {1: 30.0, 2: 50.0}),
        ("fid_sample (mean codes)", {1: 7.0}, {}),
        ("fd_net_sample (mean codes, 500 images a side)", {}, {1: 3.0, 2: 5.0}),
        ("fid_reconstruction", {}, {}),
    ]
    assert list(distances(evidence(rows), Subject("cifar100", "Conv"))) == [
        ("fid_reconstruction", None, None),
        ("fid_sample", None, None),
    ]


def test_files_of_another_origin_are_another_data_set():
    rows = [
        {**row, "train_results.origin": origin}
        for origin, scores in (("official", [50, 60]), ("external", [70, 80]), (None, [90]))
        for row in cell("cifar10", "4-VAE", scores, "Conv")
    ]
    found = evidence(rows)
    assert found.datasets("CIFAR-10") == ["cifar10", "cifar10 (re-encoded or unverified)"]
    assert len(found.cell(Subject("cifar10", "Conv"), "4-VAE")) == 3  # earlier results go by the name
    assert found.scores(Subject("cifar10 (re-encoded or unverified)", "Conv"), "4-VAE").tolist() == pytest.approx(
        [70, 80]
    )


def test_the_size_of_a_fitted_model_is_the_images_that_it_was_fitted_to():
    kept, _ = of_study(
        report_rows.frame(cell("dsprites_rendered", "PCA", [40]) + cell("dsprites_rendered", "4-VAE", [50], "MLP"))
    )
    assert kept[["model", "architecture", "size"]].to_numpy().tolist() == [["PCA", "", 25000], ["4-VAE", "MLP", 6000]]
    assert kept["seed"].tolist() == [1, 1]
    assert kept["beta"].tolist()[1] == 4.0
