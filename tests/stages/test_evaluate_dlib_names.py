"""evaluate.py with disentanglement_lib's configurations and names of metrics: the result is that of today's names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import dlib_configs

from dlib_bvae import errors
from dlib_bvae.errors import UserError
from dlib_bvae.stages import evaluate
from dlib_bvae.stages.external import external_codes

SAMPLED = "evaluation.sampling = 'with_replacement'"


@pytest.fixture
def scored(codes, small):
    """scored(metric, *texts of gin) → the directory of its results, of codes of dummy_data."""
    np.save("mine.npy", codes)

    def score(metric: str | None, *texts: str) -> Path:
        for number, text in enumerate(texts):
            Path(f"theirs{number}.gin").write_text(text)
        files = [*(f"theirs{number}.gin" for number in range(len(texts))), small]
        (found,) = evaluate.run(metric, files, [], source=external_codes(codes=Path("mine.npy"), dataset="dummy_data"))
        return found

    return score


@pytest.mark.parametrize(
    ("name", "metric", "today"),
    [
        ("factor_vae_metric", "factor_vae_score_dlib", ""),
        ("sap_score", "sap_dlib", ""),
        ("mig", "mig", SAMPLED),
        ("beta_vae_sklearn", "beta_vae", SAMPLED),
    ],
)
def test_the_metric_of_a_file_is_scored_and_is_that_of_today_s_names(scored, capsys, name, metric, today):
    place = scored(None, dlib_configs.METRICS[name])
    assert place.name.split("-")[0] == metric
    capsys.readouterr()
    assert scored(metric, today) == place
    assert "scored already" in capsys.readouterr().out


def test_a_name_of_its_by_a_flag(scored, capsys, monkeypatch):
    monkeypatch.setattr(errors, "_warned", set())
    place = scored("unsupervised_metrics")
    assert "--metric=unsupervised_metrics also binds" in capsys.readouterr().err
    assert scored("unsupervised", SAMPLED) == place
    assert scored("sap_score") == scored("sap_dlib")


def test_a_flag_and_a_file_that_name_different_metrics_are_refused(scored):
    with pytest.raises(UserError) as caught:
        scored("irs", "evaluation.evaluation_fn = @irs")
    assert str(caught.value) == (
        "--metric=irs is not what evaluation.evaluation_fn of the gin configuration asks for, irs_dlib; leave out one"
    )
    with pytest.raises(UserError, match=r"^no metric; give --metric=beta_vae"):
        scored(None)
    assert not Path("runs").exists()
