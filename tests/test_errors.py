"""errors.py: what is a number, and what a sentence says of one that is not."""

import errno

import numpy as np
import pytest

from dlib_bvae.errors import (
    UserError,
    check_integer,
    check_memory,
    check_number,
    check_positive,
    is_disk_full,
    pluralize,
    unknown,
    visible,
)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_integers(value):
    check_integer("x.n", value, 3)
    with pytest.raises(UserError, match=r"x\.n must be an integer >= 4; got "):
        check_integer("x.n", value, 4)


@pytest.mark.parametrize("value", [5, np.int64(5), 10**30])
def test_an_integer_may_have_a_most(value):
    check_integer("x.n", value, 3, 10**30)
    with pytest.raises(UserError, match=rf"x\.n must be an integer <= 4; got .*{value}"):
        check_integer("x.n", value, 3, 4)


def test_a_number_has_the_singular_or_the_plural_of_its_noun():
    assert [pluralize(number, "run") for number in (0, 1, 2, 1200)] == ["0 runs", "1 run", "2 runs", "1,200 runs"]
    assert [pluralize(number, "entry", "entries") for number in (1, 3)] == ["1 entry", "3 entries"]


def test_memory_that_no_computer_has_is_refused():
    check_memory("x", 2**33, 2**33, "use less")
    with pytest.raises(UserError) as refused:
        check_memory("x", 2**33 + 1, 2**33, "use less")
    assert str(refused.value) == "x would take 9 GiB of memory, more than 8; use less"


@pytest.mark.parametrize("value", [True, 3.0, "3", None, np.float32(3), [3]])
def test_what_is_no_integer(value):
    with pytest.raises(UserError, match=r"x\.n must be an integer >= 0; got "):
        check_integer("x.n", value, 0)


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.float64(1), np.int64(1)])
def test_numbers(value):
    for checked in (check_number("x.w", value), check_number("x.w", value, 1, 1), check_positive("x.w", value)):
        assert type(checked) is float
        assert checked == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("inf"), True, np.True_, "1", None, 1j])
def test_what_is_no_finite_number(value):
    for check in (check_number, check_positive):
        with pytest.raises(UserError, match=r"x\.w must be a finite number.*; got "):
            check("x.w", value)


@pytest.mark.parametrize(
    ("bounds", "value", "text"),
    [
        ((0,), -1, "x.w must be a finite number >= 0; got -1"),
        ((0, 1), 1.5, "x.w must be a finite number >= 0 and <= 1; got 1.5"),
        ((), "a", "x.w must be a finite number; got 'a'"),
    ],
)
def test_a_sentence_says_the_bounds(bounds, value, text):
    with pytest.raises(UserError) as refused:
        check_number("x.w", value, *bounds)
    assert str(refused.value) == text


def test_zero_is_not_positive():
    with pytest.raises(UserError, match=r"x\.w must be a finite number > 0; got 0"):
        check_positive("x.w", 0)
    assert check_positive("x.w", 1e-300) == 1e-300


def test_an_unknown_name_names_the_near_ones_or_all():
    assert str(unknown("metric", "mag", ["mig", "sap"])) == "no metric is called 'mag'; did you mean mig?"
    assert str(unknown("metric", "zzz", ["sap", "mig"])) == "no metric is called 'zzz'; known: mig, sap"
    assert str(unknown("metric", "zzz", [])) == "no metric is called 'zzz'; known: none"
    assert str(unknown("thing", "MAG", ["mig", "sap"])) == "no thing is called 'MAG'; did you mean mig?"


def test_the_names_of_a_long_list_are_left_to_the_command_that_lists_them():
    names = [f"mig_{number}" for number in range(40)]
    assert str(unknown("metric", "list", names)) == "no metric is called 'list'; all: dlib_bvae list metrics"
    near = "no metric is called 'mig_7x'; did you mean mig_7 or mig_37 or mig_27? (all: dlib_bvae list metrics)"
    assert str(unknown("metric", "mig_7x", names)) == near


def test_a_full_disk_of_python_and_of_tensorflow():
    for error in (OSError(errno.ENOSPC, "x"), OSError(errno.EDQUOT, "x"), RuntimeError("a: No space left on device")):
        assert is_disk_full(error)
    assert not is_disk_full(OSError(errno.EACCES, "x"))


def test_characters_that_cannot_be_seen_are_escapes():
    assert visible("β-VAE é 你 [a](b)") == "β-VAE é 你 [a](b)"
    odd = "a\x1b[31m\x00\n\t\u202e\u200b\u2028\ud800\x9b"
    assert visible(odd) == r"a\x1b[31m\x00\n\t\u202e\u200b\u2028\ud800\x9b"


def test_a_very_long_unknown_name_is_cut():
    assert len(str(unknown("metric", "a" * 10_000, ["mig"]))) < 300
