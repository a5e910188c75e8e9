"""names.py: what can be the name of a directory, and how a text that is too long becomes one."""

import pytest

from dlib_bvae.artifacts.names import LONGEST, check_name, shortened
from dlib_bvae.errors import UserError


@pytest.mark.parametrize("name", ["a", "a b", "ä", "a[b]*?", ".hidden", "...", "x" * LONGEST])
def test_a_name_for_a_folder_passes(name):
    check_name("--name", name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "/a",
        "a\\b",
        "a\nb",
        "a\0b",
        "\x1b[31m",
        "a\u202eb",
        "\udcff",
        "x" * 256,
        "ä" * 128,
        3,
        None,
    ],
)
def test_other_names_are_refused_in_one_line_of_plain_letters(name):
    with pytest.raises(UserError, match="--name must be a name for a folder") as refused:
        check_name("--name", name)
    assert str(refused.value).isprintable()
    assert str(refused.value).isascii() or "…" in str(refused.value)


def test_a_long_name_keeps_its_beginning_and_ends_in_a_digest_of_all():
    assert shortened("x" * LONGEST) == "x" * LONGEST
    first, second = shortened("x" * 300), shortened("x" * 299 + "y")
    assert first != second
    assert {len(first), len(second)} == {LONGEST}
    assert first.startswith("x" * 244 + "-")
    assert len(shortened("ä" * 200).encode()) <= LONGEST
    assert len(shortened("b" * 30, 20)) == 20
