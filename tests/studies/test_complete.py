"""complete.py: which runs are started when hours are limited."""

import math
import threading

import pytest

from dlib_bvae.studies import complete, state
from dlib_bvae.studies.state import RuntimeEstimator, Seconds


class Known:
    """A Progress of which the runs of part vae are known to take `seconds`."""

    def __init__(self, study, store, seconds):
        self.states = state.states(study.runs, store)
        self.pace = RuntimeEstimator(study.runs, self.states, store)
        self.pace._mean["vae"] = Seconds(seconds, 0.0)

    def state(self, run):
        return self.states[0]


@pytest.mark.parametrize(
    ("takes", "left", "hours", "started"),
    [
        (1800.0, 1801.0, 1.0, True),
        (1800.0, 1799.0, 1.0, False),  # the next time it will fit
        (7200.0, 60.0, 1.0, True),  # it never fits, so it goes on piece by piece
        (7200.0, math.inf, None, True),
    ],
)
def test_what_does_not_fit_is_not_started(tiny, tmp_path, takes, left, hours, started):
    study = tiny()
    fits = complete._fitting(Known(study, tmp_path, takes), lambda: left, hours)
    assert fits(study.runs[0]) is started
    assert fits(study.runs[1])  # of a part that nothing is known of


def test_the_hours_end():
    stop = threading.Event()
    with complete._deadline(stop, 0.2 / 3600) as left:
        assert 0 < left() <= 0.2
        assert stop.wait(timeout=60)
        assert left() <= 0
    stop.clear()
    with complete._deadline(stop, 0.2 / 3600):
        pass
    with complete._deadline(stop, None) as left:
        assert left() == math.inf
    assert not stop.wait(timeout=0.4)
