"""literal_paths.py: a directory whose name is a pattern is reached by a path that is none."""

import tempfile

import pytest

from dlib_bvae.errors import UserError
from dlib_bvae.models.literal_paths import literal_path


def test_a_path_without_a_pattern_is_given_as_it_is(tmp_path):
    with literal_path(tmp_path / "plain name") as found:
        assert found == str(tmp_path / "plain name")


@pytest.mark.parametrize("name", ["a[b", "a]b", "a*b", "a?b", "a\\b"])
def test_a_pattern_is_reached_through_a_link_that_goes(name, tmp_path, monkeypatch):
    directory, temporary = tmp_path / name, tmp_path / "temporary"
    directory.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with literal_path(directory) as found:
        assert not set(found) & set("[]*?\\")
        with open(f"{found}/file", "w", encoding="utf-8") as file:
            file.write("kept")
    assert (directory / "file").read_text(encoding="utf-8") == "kept"
    assert list(temporary.iterdir()) == []


def test_a_relative_directory_is_linked_as_well(tmp_path, monkeypatch):
    (tmp_path / "a*" / "inside").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with literal_path(type(tmp_path)("a*")) as found:
        assert (type(tmp_path)(found) / "inside").is_dir()


def test_a_temporary_folder_that_is_a_pattern_too_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t*"))
    with pytest.raises(
        UserError, match=r"cannot make a link to .*; choose a directory without any of .*, or set TMPDIR"
    ):
        literal_path(tmp_path / "a[b]").__enter__()
