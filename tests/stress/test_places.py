"""Every command on folders that may not be read, written or entered, one after the other, and on a disk that is full.

Each is refused with one sentence which names the place and what is missing, loses nothing and leaves nothing half-written;
what only reads works in a place that may only be read. Prints how many cases were tried and what did not hold.
"""

import os
import shutil

import pytest
from support.places import ORACLE, Case, cases, tried

pytestmark = pytest.mark.skipif(
    os.name == "nt" or (os.geteuid() == 0 and shutil.which("setpriv") is None),
    reason="permissions bind no process here: root needs setpriv to give up what passes them by",
)
MIG = f"{ORACLE}/mean/metrics/mig-num_train=100"
SHORT = [
    Case("encode again", f"{ORACLE}/mean", "read"),
    Case("encode again", f"{ORACLE}/mean/results", "write"),
    Case("encode again", f"{ORACLE}/mean/codes.json", "read"),
    Case("score elsewhere", ORACLE, "write"),
    Case("score elsewhere", "out", "write"),
    Case("score again", f"{MIG}/results/json", "write"),
    Case("score others", f"{ORACLE}/mean/codes.npy", "read"),
    Case("score codes", "cache", "write"),
    Case("score new codes", "cache/unpacked", "read"),
    Case("fit", f"{ORACLE}/train/results/json", "enter"),
    Case("tables", f"{ORACLE}/mean/results/json", "enter"),
    Case("tables", "tables", "write"),
]


def held(selection):
    """Tries all; prints the counts, and returns what did not hold."""
    found = dict(tried(selection))
    failed = {tuple(case): why for case, why in found.items() if why}
    print(f"{len(found)} cases tried, {len(failed)} did not hold")
    for case, why in failed.items():
        print(*case, why, sep=" | ")
    assert len(found) == len(selection)
    return failed


def test_a_few_places():
    assert held(SHORT) == {}


@pytest.mark.slow
def test_all_places():
    assert held(cases()) == {}
