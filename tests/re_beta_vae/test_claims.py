"""The rules of the verdicts: each both ways, and with too few runs; the paper's own numbers where it has them."""

from support import report_rows
from support.report_rows import assert_alike

from dlib_bvae.re_beta_vae import claims, paper
from dlib_bvae.re_beta_vae.claims import FAILS, HOLDS, TOO_FEW, of_claims
from dlib_bvae.re_beta_vae.evidence import Evidence, of_study
from dlib_bvae.re_beta_vae.page import _markdown

BETAS = paper.BETAS


def status(verdict: claims.Verdict) -> str:
    assert verdict.evidence.endswith(".")
    return verdict.status


def test_near_perfect_scores():
    low = {"4-VAE": [60.0, 99.9, 60.0, 70.0]}
    assert status(claims.not_near_perfect(low, low)) == HOLDS  # the better half: 84.95
    better_half = {"4-VAE": [99.0, 98.0, 60.0, 70.0]}
    assert status(claims.not_near_perfect(better_half, low)) == FAILS
    assert status(claims.not_near_perfect(low, {"4-VAE": [98.0, 98.0]})) == FAILS
    assert status(claims.not_near_perfect(low, {"4-VAE": [97.9, 97.9]})) == HOLDS
    assert status(claims.not_near_perfect(low, {"4-VAE": [50.0]})) == TOO_FEW
    assert status(claims.not_near_perfect({"4-VAE": []}, {})) == TOO_FEW
    others = {"1-VAE": [80.0, 70.0]}  # what Higgins et al. trained is not among them
    assert status(claims.not_near_perfect(others, others)) == TOO_FEW
    assert status(claims.not_near_perfect({"1-VAE": [99.0, 99.0]}, others)) == FAILS


def test_the_evidence_tells_which_mean_decided():
    found = claims.not_near_perfect(
        {"1-VAE": [50.0, 60.0], "4-VAE": [70.0, 72.0]}, {"1-VAE": [80.0, 90.0], "4-VAE": [75.0, 99.0]}
    )
    assert "All factors, all seeds: at most 71.00 % (4-VAE)" in found.evidence
    assert "without shape, all seeds: at most 87.00 % (4-VAE)" in found.evidence
    assert "better half of the seeds: 99.00 % (4-VAE)" in found.evidence
    assert "Runs: 2 of each." in found.evidence


def test_the_best_beta():
    assert status(claims.small_beta_is_best({0.1: [50, 60], 1.0: [40, 40], 4.0: [30, 54], 10.0: []})) == HOLDS
    assert status(claims.small_beta_is_best({0.1: [50, 60], 4.0: [55.1, 55.1]})) == FAILS
    assert status(claims.small_beta_is_best({0.1: [50, 60], 4.0: [90]})) == TOO_FEW
    assert status(claims.small_beta_is_best({4.0: [50, 60], 10.0: [40, 40]})) == TOO_FEW


def test_high_scores_with_little_mig():
    entangled, disentangled = (95.0, 0.1), (95.0, 0.6)
    assert status(claims.high_score_without_disentanglement([entangled, disentangled])) == HOLDS
    assert status(claims.high_score_without_disentanglement([entangled, disentangled, disentangled])) == FAILS
    assert status(claims.high_score_without_disentanglement([entangled, (89.9, 0.1)])) == TOO_FEW
    assert status(claims.high_score_without_disentanglement([])) == TOO_FEW


def test_reconstruction_loss_over_beta():
    rising = {0.1: [10, 12], 1.0: [13, 13], 4.0: [14, 20]}
    assert status(claims.lower_beta_reconstructs_better(rising)) == HOLDS
    assert status(claims.lower_beta_reconstructs_better({**rising, 10.0: [17, 17]})) == FAILS
    assert status(claims.lower_beta_reconstructs_better({0.1: [1, 2], 1.0: [3]})) == TOO_FEW


def test_fid_and_loss():
    losses = {beta: [100 + beta, 101 + beta] for beta in BETAS}
    for name in ("CIFAR-100", "CIFAR-10"):  # the paper's, whose CIFAR-10 has the first two the other way round
        fids = {beta: [each, each] for beta, each in zip(BETAS, paper.TABLE_3[name], strict=True)}
        assert status(claims.fid_follows_loss(fids, losses, "fid_reconstruction")) == HOLDS
    falling = {beta: [100 - beta] * 2 for beta in BETAS}
    assert status(claims.fid_follows_loss(falling, losses, "fid_reconstruction")) == FAILS
    assert status(claims.fid_follows_loss(dict.fromkeys(BETAS, [1.0, 1.0]), losses, "fid_reconstruction")) == FAILS
    assert (
        status(claims.fid_follows_loss({0.1: [1, 1], 1.0: [2, 2], 4.0: [3]}, losses, "fid_reconstruction")) == TOO_FEW
    )


def test_larger_batches():
    few = {"1-VAE": [50, 50], "4-VAE": [70, 70], "PCA": [50, 50], "ICA": [40, 40]}
    many = {"1-VAE": [65, 65], "4-VAE": [75, 75], "PCA": [70, 70], "ICA": [60, 60]}
    assert status(claims.larger_batches_help(few, many)) == HOLDS
    assert status(claims.larger_batches_help(few, {**many, "4-VAE": [69, 69]})) == FAILS  # it falls
    assert (
        status(claims.larger_batches_help(few, {**many, "PCA": [51, 51], "ICA": [41, 41]})) == FAILS
    )  # they rise least
    assert (
        status(claims.larger_batches_help(few, {**many, "1-VAE": [51, 51], "4-VAE": [75, 75]})) == FAILS
    )  # further apart
    assert status(claims.larger_batches_help(few, {**many, "ICA": [60]})) == TOO_FEW
    assert status(claims.larger_batches_help({}, {})) == TOO_FEW


def test_classifiers():
    apart = {"linear": [50, 60, 70], "mlp": [52, 62, 72]}
    assert status(claims.classifier_hardly_matters(apart)) == HOLDS
    assert status(claims.classifier_hardly_matters({**apart, "random_forest": [70, 80, 90]})) == FAILS
    assert status(claims.classifier_hardly_matters({**apart, "mlp": [60]})) == TOO_FEW
    for family in paper.WITH_FACTORS:
        assert claims.of_means_and_stds(paper.TABLE_2[family]).status == HOLDS


def test_claims_are_decided_by_the_rows():
    found = Evidence(of_study(report_rows.whole_study())[0])
    verdicts = {
        (place, each.subject): each.verdict.status
        for place, claim in enumerate(of_claims(found), start=1)
        for _, verdicts in claim.findings
        for each in verdicts
    }
    assert verdicts[1, "dsprites_rendered, MLP"] == "holds"
    assert verdicts[2, "mpi3d_toy, Conv"] == "not enough runs"
    assert verdicts[3, "dsprites_rendered, MLP (without shape)"] == "not enough runs"
    assert verdicts[4, "cifar10, Conv"] == "holds"
    assert verdicts[4, "dsprites_rendered, MLP"] == "does not hold"  # the same loss at every β
    assert verdicts[4, "cifar10, Conv, fid_reconstruction (mean codes, 10,000 images a side)"] == "holds"
    assert verdicts[5, "dsprites_rendered, MLP"] == "does not hold"  # all rise by the same
    assert not any("fid_sample" in subject for _, subject in verdicts)


def test_the_committed_rows_give_the_committed_verdicts(committed_evidence, committed_report):
    found = [
        f"- **{each.verdict.status}**, {_markdown(each.subject)}: {_markdown(each.verdict.evidence)}"
        for claim in of_claims(committed_evidence)
        for _, findings in claim.findings
        for each in findings
    ]
    assert_alike(found, [line for line in committed_report if line.startswith("- **")])
    assert len(found) == 21


def test_a_rise_may_be_small_but_must_be_one():
    few = {"1-VAE": [50, 50], "4-VAE": [70, 70], "PCA": [50, 50], "ICA": [40, 40]}
    small = {"1-VAE": [51, 51], "4-VAE": [70.5, 70.5], "PCA": [52, 52], "ICA": [42, 42]}
    assert status(claims.larger_batches_help(few, small)) == HOLDS
    assert status(claims.larger_batches_help(few, {**small, "4-VAE": [70, 70]})) == FAILS
    assert status(claims.larger_batches_help(few, {**small, "PCA": [51.5, 51.5], "ICA": [40, 40]})) == FAILS
    equal = {"1-VAE": [51, 51], "4-VAE": [71, 71], "PCA": [52, 52], "ICA": [42, 42]}
    assert status(claims.larger_batches_help(few, equal)) == FAILS  # as far apart as before
    as_much = {"1-VAE": [53, 53], "4-VAE": [71, 71], "PCA": [52, 52], "ICA": [42, 42]}
    assert status(claims.larger_batches_help(few, as_much)) == FAILS  # PCA and ICA rise by no more than the others
    found = claims.larger_batches_help(few, small).evidence
    assert found == (
        "Change of the median in points: 1-VAE +1.00, 4-VAE +0.50, PCA +2.00, ICA +2.00; mean of PCA and ICA +2.00, of the "
        "β-VAEs +0.75; range of the β-VAEs' medians 20.00, then 19.50 points. Runs: 2 of each."
    )
    assert status(claims.larger_batches_help({**few, "1-VAE": [50]}, small)) == TOO_FEW
    without_ica = [{name: values for name, values in each.items() if name != "ICA"} for each in (few, small)]
    assert status(claims.larger_batches_help(*without_ica)) == TOO_FEW


def test_verdicts_at_their_edges():
    exactly = {"4-VAE": [98.0, 98.0]}
    low = {"4-VAE": [50.0, 50.0]}
    assert status(claims.not_near_perfect(exactly, low)) == FAILS
    assert status(claims.not_near_perfect({"4-VAE": [97.99, 97.99]}, low)) == HOLDS
    assert status(claims.small_beta_is_best({1.0: [50, 50], 4.0: [49, 49]})) == HOLDS
    assert status(claims.small_beta_is_best({1.0: [49, 49], 4.0: [50, 50]})) == FAILS
    assert status(claims.high_score_without_disentanglement([(90.0, 0.49), (90.0, 0.5)])) == HOLDS
    assert status(claims.high_score_without_disentanglement([(90.0, 0.5), (90.0, 0.5)])) == FAILS
    assert status(claims.high_score_without_disentanglement([(89.99, 0.1), (90.0, 0.1)])) == TOO_FEW
    assert status(claims.lower_beta_reconstructs_better({0.1: [1, 1], 1.0: [1, 1]})) == FAILS
    assert status(claims.lower_beta_reconstructs_better({1.0: [2, 2], 0.1: [1, 1]})) == HOLDS
    same = {"linear": [50.0, 60.0], "mlp": [50.0, 60.0]}
    assert status(claims.classifier_hardly_matters(same)) == HOLDS
    assert claims.of_means_and_stds({"a": (50.0, 5.0), "b": (55.0, 9.0)}).status == FAILS
    assert claims.of_means_and_stds({"a": (50.0, 5.0), "b": (54.9, 9.0)}).status == HOLDS


def test_evidence_in_sentences():
    assert claims.small_beta_is_best({0.1: [50, 60], 1.0: [40, 40, 41], 4.0: [30, 54], 10.0: []}).evidence == (
        "Medians from the best: 0.1-VAE 55.00 %, 4-VAE 42.00 %, 1-VAE 40.00 %. "
        "Runs: 2 of 0.1-VAE, 3 of 1-VAE, 2 of 4-VAE, 0 of 10-VAE."
    )
    assert claims.high_score_without_disentanglement([(95.0, 0.1), (95.0, 0.6), (10.0, 0.0)]).evidence == (
        "2 of 3 runs score 90 % or more; 1 of these have a MIG below 0.5 (median MIG 0.35)."
    )
    assert claims.high_score_without_disentanglement([(95.0, 0.1), (10.0, 0.0)]).evidence == (
        "1 of 2 runs with both scores reach 90 %; needed: 2."
    )
    assert claims.lower_beta_reconstructs_better({1.0: [1500, 1502], 0.1: [10, 12]}).evidence == (
        "Medians: 0.1-VAE 11.0 nats, 1-VAE 1,501.0 nats. Runs: 2 of each."
    )
    assert claims.lower_beta_reconstructs_better({1.0: []}).evidence == (
        "Needed: a reconstruction loss at two β, each of 2 seeds or more. Nothing was run."
    )
    fids = {0.1: [10, 12], 1.0: [20, 20], 4.0: [15, 15]}
    assert claims.fid_follows_loss(fids, {0.1: [1, 1], 1.0: [2, 2], 4.0: [3, 3]}, "fid").evidence == (
        "Medians: 0.1-VAE 11.0 and 1.0 nats, 1-VAE 20.0 and 2.0 nats, 4-VAE 15.0 and 3.0 nats; Spearman's correlation 0.50. "
        "Runs: 2 of each."
    )
    assert claims.classifier_hardly_matters({"linear": [50, 60], "mlp": [52, 62]}).evidence == (
        "Linear 55.00 %, mlp 57.00 %: 2.00 points apart, smallest standard deviation 7.07. Runs: 2 of each."
    )


def test_ranks_of_fids_and_losses_may_agree_up_to_0_8():
    losses = {beta: [float(place)] * 2 for place, beta in enumerate(BETAS)}
    one_swap = dict(zip(BETAS, [[1.0] * 2, [0.0] * 2, [2.0] * 2, [3.0] * 2], strict=True))
    assert status(claims.fid_follows_loss(one_swap, losses, "fid")) == HOLDS  # Spearman's correlation 0.8
    two_swaps = dict(zip(BETAS, [[1.0] * 2, [0.0] * 2, [3.0] * 2, [2.0] * 2], strict=True))
    assert status(claims.fid_follows_loss(two_swaps, losses, "fid")) == FAILS  # 0.6
    three = {beta: losses[beta] for beta in BETAS[:3]}
    assert status(claims.fid_follows_loss(three, losses, "fid")) == HOLDS
    assert status(claims.fid_follows_loss(losses, three, "fid")) == HOLDS
    assert status(claims.fid_follows_loss(losses, {beta: losses[beta] for beta in BETAS[:2]}, "fid")) == TOO_FEW
    constant = {beta: [5.0, 5.0] for beta in BETAS}
    assert status(claims.fid_follows_loss(losses, constant, "fid")) == FAILS
