"""What the stress tests count: each says what it tried and what came of it; all of it stands at the end of the run."""

from __future__ import annotations

import ctypes
import ctypes.util
import gc
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

_KEY = "stress"
_SHOWN = 20  # of what did not hold in a test


@pytest.fixture(autouse=True)
def memory_given_back(request) -> Iterator[None]:
    """After each slow test: it runs a command up to 50 times in this process, and TensorFlow keeps each one's graphs."""
    yield
    if request.node.get_closest_marker("slow") is None:
        return
    if keras := sys.modules.get("keras"):
        keras.backend.clear_session()
    gc.collect()
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    if hasattr(library, "malloc_trim"):  # glibc
        library.malloc_trim(0)


class Tally:
    """How often each outcome came of what a test tried; what is not among `right` did not hold."""

    def __init__(self, right: tuple[str, ...]):
        self.right, self.outcomes, self.failed = right, Counter(), []

    def add(self, outcome: str, what: object) -> None:
        """Counts an outcome of `what`, which is shown where it did not hold."""
        if outcome in self.right:
            self.outcomes[outcome] += 1
        else:
            self.failed.append(f"{what}: {outcome}")

    @property
    def tried(self) -> int:
        return sum(self.outcomes.values()) + len(self.failed)


@pytest.fixture
def tally(request):
    """tally("kills of train", "old", "new") → a Tally with these outcomes as right; the test fails where another was counted."""
    tallies: dict[str, Tally] = {}

    def begin(name: str, *right: str) -> Tally:
        return tallies.setdefault(name, Tally(right))

    yield begin
    for name, each in tallies.items():
        counts = {key: each.outcomes[key] for key in each.right if each.outcomes[key]}
        line = f"{name}: {each.tried} tried, {', '.join(f'{number} {key}' for key, number in counts.items())}"
        line += f"; {len(each.failed)} did not hold" + "".join(f"\n  {failure}" for failure in each.failed[:_SHOWN])
        print(line)
        request.node.user_properties.append((_KEY, [line, each.tried, len(each.failed)]))
    failed = [failure for each in tallies.values() for failure in each.failed]
    assert not failed, "\n".join(failed[:_SHOWN])


def pytest_terminal_summary(terminalreporter):
    """The counts of all tests and their sum, also where tests ran in several processes."""
    reports = [each for found in terminalreporter.stats.values() for each in found]
    ends = [each for each in reports if getattr(each, "when", "") == "teardown" and hasattr(each, "user_properties")]
    found = [value for each in ends for key, value in each.user_properties if key == _KEY]
    if not found:
        return
    terminalreporter.section("what the stress tests tried")
    for line, _, _ in sorted(found):
        terminalreporter.write_line(line)
    tried, failed = (sum(each[place] for each in found) for place in (1, 2))
    terminalreporter.write_line(f"in all: {tried:,} tried, {failed:,} did not hold")
