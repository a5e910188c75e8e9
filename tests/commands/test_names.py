"""names.py: every registered name has a line, in whatever case it is asked for; a wrong one is an error with the near ones."""

import subprocess
import sys

import pytest

from dlib_bvae import commands
from dlib_bvae.datasets import DATASETS
from dlib_bvae.metrics import METRICS
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS
from dlib_bvae.models import ARCHITECTURES
from dlib_bvae.models.baselines import BASELINES
from dlib_bvae.models.objectives import OBJECTIVES
from dlib_bvae.training import OPTIMIZERS


@pytest.fixture
def listed(monkeypatch, capsys):
    """listed(words…) → (exit status, lines of output, text of errors)."""

    def run(*words):
        monkeypatch.setattr("sys.argv", ["dlib_bvae_list", *words])
        with pytest.raises(SystemExit) as stop:
            commands.run("list")
        shown = capsys.readouterr()
        return stop.value.code, shown.out.splitlines(), shown.err

    return run


@pytest.mark.parametrize(
    ("what", "registries"),
    [
        ("datasets", [DATASETS]),
        ("methods", [OBJECTIVES, BASELINES]),
        ("metrics", [METRICS, RUN_SET_METRICS]),
        ("architectures", [ARCHITECTURES]),
        ("optimizers", [OPTIMIZERS]),
    ],
)
def test_a_list_has_every_name_of_its_registries_with_a_line(what, registries, listed):
    status, lines, _ = listed(what)
    assert status == 0
    assert [line.split()[0] for line in lines] == [name for each in registries for name in each.names()]
    assert all(len(line.split()) > 1 for line in lines)


def test_configurations_and_studies_are_files_with_what_they_are(listed):
    assert any(
        line.startswith("gin/beta4_dsprites.gin ") and "dsprites_rendered" in line for line in listed("configs")[1]
    )
    assert "gin/studies/re_beta_vae.gin" in [line.split()[0] for line in listed("studies")[1]]
    counts = dict(line.split()[:2] for line in listed()[1])
    assert counts["datasets"] == str(len(DATASETS.names()))
    assert "parameters" in counts


def test_parameters_have_their_default_and_their_line(listed):
    expected = "vae.beta = 1.0  # weight of the KL, >= 0, or its schedule, e.g. @linear_weight()"
    for words in (["parameters", "vae"], ["VAE"], ["parameters", "Vae"]):
        assert listed(*words) == (0, [expected], "")
    assert listed("factor_vae")[1] == listed("factor_vae_score")[1] or listed("parameters", "factor_vae")[0] == 0
    assert listed("parameters", "dsprites_full")[1] == ["dsprites_full has no parameters"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["metrcs"], "no name or list is called 'metrcs'; did you mean metrics"),
        (["parameters", "beta_va"], "no name or list is called 'beta_va'; did you mean beta_vae"),
        (["metrics", "mig"], "for the parameters of a name: dlib_bvae list parameters mig"),
    ],
)
def test_a_wrong_name_is_one_sentence(words, said, listed):
    status, lines, error = listed(*words)
    assert (status, lines, error.count("\n")) == (2, [], 1)
    assert said in error


def test_a_list_imports_no_tensorflow(tmp_path):
    code = """
import sys
from dlib_bvae import commands
for words in (["metrics"], ["methods"], ["architectures"], ["optimizers"], ["datasets"], ["parameters", "vae"], []):
    sys.argv = ["dlib_bvae_list", *words]
    try:
        commands.run("list")
    except SystemExit as ended:
        assert ended.code == 0, words
    assert "tensorflow" not in sys.modules, words
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True)
