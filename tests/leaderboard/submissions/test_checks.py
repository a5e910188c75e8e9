"""checks.py: what a submission is refused for before a score is computed; test_verify.py has what verify says of the same."""

import json

import numpy as np
import pytest
from support.submissions import claim, noisy

from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.submissions import checks, read


def test_a_sound_submission_passes(submit, probe):
    checks.check(read(submit(noisy(probe))))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"claims": [claim("mig", {"discrete_mig": 1.5})]},
            "discrete_mig is claimed to be 1.5, which is out of its range",
        ),
        ({"claims": [claim("mgi", {"discrete_mig": 0.5})]}, "did you mean mig"),
        ({"fingerprint": "123"}, "was encoded from other images"),
        ({"sha256": "0" * 64}, "is not the file that was claimed"),
        ({"dataset": "subset"}, "is no data set that everyone has"),
    ],
)
def test_what_is_refused(submit, probe, changed, said):
    with pytest.raises(UserError, match=said):
        checks.check(read(submit(noisy(probe), **changed)))


def test_equal_codes_count_once_in_a_row_and_not_across_configurations(submit, probe):
    folder = submit(noisy(probe))
    meta = json.loads((folder / "meta.json").read_text())
    meta["entries"].append({**meta["entries"][0], "training_seed": 1})
    (folder / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(UserError, match="by the training seeds 0 and 1 are equal"):
        checks.check(read(folder))
    meta["entries"][1]["configuration"] = "again"
    (folder / "meta.json").write_text(json.dumps(meta))
    checks.check(read(folder))


def test_codes_with_noise_of_their_own_are_none_of_the_image(submit, probe, monkeypatch):
    monkeypatch.setattr(checks, "duplicates", lambda data: [np.array([0, 1])])
    with pytest.raises(UserError, match="the images 0 and 1 of .* are the same pixel by pixel"):
        checks.check(read(submit(noisy(probe))))
