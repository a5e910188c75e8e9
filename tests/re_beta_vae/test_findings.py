"""Which numbers of the rows decide on which data set and network; the committed verdicts."""

from support import report_rows
from support.report_rows import assert_alike

from dlib_bvae.re_beta_vae.evidence import Evidence, Subject, of_study
from dlib_bvae.re_beta_vae.exports import plain
from dlib_bvae.re_beta_vae.findings import matrix, of_claims


def found_in(rows):
    evidence = Evidence(of_study(rows)[0])
    return evidence, of_claims(evidence)


def test_claims_are_decided_by_the_rows():
    _, claims = found_in(report_rows.whole_study())
    verdicts = {
        (place, each.title): each.verdict
        for place, claim in enumerate(claims, start=1)
        for _, verdicts in claim.findings
        for each in verdicts
    }
    assert verdicts[1, "dsprites_rendered, MLP"].status == "holds"
    assert verdicts[2, "mpi3d_toy, Conv"].short == "not run"
    assert verdicts[3, "dsprites_rendered, MLP (without shape)"].status == "not decidable"  # no score is high
    assert "PCA, which has no β" in verdicts[3, "dsprites_rendered, MLP (without shape)"].evidence
    assert "Chance: 25.00 %" in verdicts[3, "dsprites_rendered, MLP (without shape)"].evidence
    assert verdicts[4, "cifar10, Conv"].status == "holds"
    assert verdicts[4, "dsprites_rendered, MLP"].status == "not decidable"  # the same loss at every β
    assert verdicts[4, "cifar10, Conv (fid_reconstruction (mean codes, 10,000 images a side))"].status == "holds"
    assert verdicts[5, "dsprites_rendered, MLP"].status == "not decidable"  # all rise by the same
    assert verdicts[6, "dsprites_rendered, MLP"].status == "holds"
    assert not any("fid_sample" in subject for _, subject in verdicts)


def test_the_matrix_has_a_row_a_claim_and_a_column_a_data_set_and_network():
    evidence, claims = found_in(report_rows.whole_study())
    found = matrix(evidence, claims)
    assert found.subjects[:2] == [Subject("dsprites_rendered", "MLP"), Subject("dsprites_rendered", "Conv")]
    assert [len(cells) for _, cells in found.rows] == [len(found.subjects)] * 6
    at = lambda claim, name: found.rows[claim - 1][1][[str(each) for each in found.subjects].index(name)]
    assert [each.verdict.status for each in at(1, "dsprites_rendered, MLP")] == ["holds"]
    assert at(1, "cifar10, Conv") == []  # the claim is not about it
    assert [each.rule for each in at(4, "cifar10, Conv")] == ["4a", "4b", "4b"]  # two distances of reconstructions
    placed = sum(len(each) for _, cells in found.rows for each in cells)
    assert placed == sum(len(each) for claim in claims for _, each in claim.findings)


def test_cifar_of_other_files_has_its_own_verdicts():
    rows = report_rows.whole_study().to_dict("records")
    other = [
        {**row, "train_results.dataset": "cifar10_jpeg", "train_results.origin": "external"}
        for row in rows
        if row["train_results.dataset"] == "cifar10"
    ]
    evidence, claims = found_in(report_rows.frame(other))
    titles = [
        each.title
        for claim in claims
        for _, found in claim.findings
        for each in found
        if each.subject.family == "CIFAR-10"
    ]
    assert titles[0] == "cifar10_jpeg (re-encoded), Conv"
    assert all(title.startswith("cifar10_jpeg (re-encoded)") for title in titles)
    assert evidence.datasets("CIFAR-10") == ["cifar10_jpeg (re-encoded)"]


def test_the_committed_rows_give_the_committed_verdicts(committed_evidence, committed_report):
    found = [
        f"- **{each.verdict.status}**, {plain(each.title)}: {plain(each.verdict.evidence)}"
        for claim in of_claims(committed_evidence)
        for _, findings in claim.findings
        for each in findings
    ]
    assert_alike(found, [line for line in committed_report if line.startswith("- **")])
    assert len(found) == 21
    assert sum(line.startswith("- **holds**") for line in found) == 6
