"""outputs.py: files in a folder of the user's choice replace those that this package wrote, and no others."""

import contextlib
import os

import pytest
from support.small_disk import PAGE, fill, small_disk

from dlib_bvae.artifacts import outputs
from dlib_bvae.artifacts.outputs import MARK, check_outputs, write_outputs
from dlib_bvae.errors import UserError

REFUSED = "is not as this package wrote it, or another's; move it elsewhere, or choose another --output"


def test_what_was_written_is_replaced(tmp_path):
    folder = tmp_path / "out"
    paths = write_outputs(folder, {"a.csv": ["1,", "2\n"], "b.png": b"\0PNG"}, "--output")
    assert paths == [folder / "a.csv", folder / "b.png"]
    assert [path.read_bytes() for path in paths] == [b"1,2\n", b"\0PNG"]
    write_outputs(folder, {"a.csv": lambda: "3\n", "c.md": "c"}, "--output")
    write_outputs(folder, {"a.csv": "4\n"}, "--output")
    assert (folder / "a.csv").read_text() == "4\n"
    assert sorted(path.name for path in folder.iterdir()) == sorted(["a.csv", "b.png", "c.md", MARK])


@pytest.mark.parametrize("kind", ["foreign", "edited", "empty", "folder", "dangling link"])
def test_a_file_of_the_user_is_refused_and_all_stays(kind, tmp_path):
    path = tmp_path / "b.csv"
    if kind == "edited":
        write_outputs(tmp_path, {"a.csv": "1\n", "b.csv": "2\n"}, "--output")
        path.write_text("2 # mine\n")
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling link":
        path.symlink_to(tmp_path / "nowhere")
    else:
        path.write_text("" if kind == "empty" else "mine")
    before = {each: each.is_file() and each.read_bytes() for each in tmp_path.iterdir()}
    made = []
    for attempt in (
        lambda: check_outputs(tmp_path, ["a.csv", "b.csv"], "--output"),
        lambda: write_outputs(tmp_path, {"a.csv": lambda: made.append(1) or "x", "b.csv": "y"}, "--output"),
    ):
        with pytest.raises(UserError) as refused:
            attempt()
        assert str(refused.value) == f"{path} {REFUSED}"
    assert made == []
    assert {each: each.is_file() and each.read_bytes() for each in tmp_path.iterdir()} == before


def test_what_has_the_form_of_an_earlier_version_s_is_kept_under_another_name(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("ours\nedited")
    earlier = lambda path: path.read_text().startswith("ours")
    assert check_outputs(tmp_path, ["a.csv"], "--output", earlier) == [tmp_path / "a.csv"]
    write_outputs(tmp_path, {"a.csv": "1"}, "--output", earlier)
    assert (tmp_path / "a.csv").read_text() == "1"
    assert (tmp_path / "a.before.csv").read_text() == "ours\nedited"
    assert "a.csv, which has no mark of this version, is now a.before.csv" in capsys.readouterr().err
    (tmp_path / "a.csv").write_text("ours\nedited since")  # of this version, whose mark says that it was changed
    (tmp_path / "b.csv").write_text("theirs")
    for name in ("a.csv", "b.csv"):
        with pytest.raises(UserError, match=REFUSED):
            write_outputs(tmp_path, {name: "2"}, "--output", earlier)
    (tmp_path / MARK).unlink()
    write_outputs(tmp_path, {"a.csv": "3"}, "--output", earlier)
    assert (tmp_path / "a.before2.csv").read_text() == "ours\nedited since"


def test_after_a_kill_at_any_rename_the_same_files_can_be_written_again(tmp_path, monkeypatch):
    rename = os.replace
    for last in range(4):
        folder = tmp_path / str(last)
        write_outputs(folder, {"a": "1", "b": "1"}, "--output")
        renamed = []

        def killed(source, target, *, last=last, renamed=renamed):
            if len(renamed) == last:
                raise KeyboardInterrupt
            renamed.append(target)
            rename(source, target)

        monkeypatch.setattr(os, "replace", killed)
        if last < 3:
            with pytest.raises(KeyboardInterrupt):
                write_outputs(folder, {"a": "2", "b": "2"}, "--output")
        else:
            write_outputs(folder, {"a": "2", "b": "2"}, "--output")
        monkeypatch.setattr(os, "replace", rename)
        check_outputs(folder, ["a", "b"], "--output")
        write_outputs(folder, {"a": "3", "b": "3"}, "--output")
        assert (folder / "a").read_text() + (folder / "b").read_text() == "33"


def test_what_fails_while_it_is_made_leaves_all_as_it_was(tmp_path):
    write_outputs(tmp_path, {"a": "1", "b": "1"}, "--output")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail():
        raise UserError("cannot be drawn")

    with pytest.raises(UserError, match="cannot be drawn"):
        write_outputs(tmp_path, {"a": "2", "b": fail}, "--output")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_of_a_folder_only_what_was_written_now_stays_and_what_is_the_users(tmp_path, capsys):
    write = lambda **files: write_outputs(
        tmp_path, {f"figures/{key}.svg": text for key, text in files.items()}, "--output", folder="figures"
    )
    write_outputs(tmp_path, {"a.csv": "1"}, "--output")
    write(a="1", b="1", c="1")
    (tmp_path / "figures" / "c.svg").write_text("edited")
    (tmp_path / "figures" / "mine.svg").write_text("mine")
    write(a="2")
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["a.svg", "c.svg", "mine.svg"]
    assert (tmp_path / "a.csv").is_file()
    assert "c.svg, which was changed since" in capsys.readouterr().err
    with pytest.raises(UserError, match=rf"mine.svg {REFUSED}"):
        write(a="3", mine="3")
    assert (tmp_path / "figures" / "a.svg").read_text() == "2"
    write(a="2", b="4")
    assert (tmp_path / "figures" / "b.svg").read_text() == "4"


def test_a_file_in_the_place_of_a_folder_is_said(tmp_path):
    (tmp_path / "figures").write_text("mine")
    with pytest.raises(UserError, match="cannot write .*figures"):
        write_outputs(tmp_path, {"a.csv": "1", "figures/a.svg": "1"}, "--output", folder="figures")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 3}', '"a"', "null", "[" * 100_000])
def test_a_damaged_mark_is_said(text, tmp_path):
    (tmp_path / MARK).write_text(text)
    with pytest.raises(UserError, match=f"{MARK} is damaged; delete it"):
        check_outputs(tmp_path, ["a"], "--output")


def test_only_the_last_digests_of_a_name_are_kept(tmp_path):
    for k in range(outputs._KEPT + 3):
        write_outputs(tmp_path, {"a": str(k)}, "--output")
    (tmp_path / "a").write_text("0")
    with pytest.raises(UserError, match="is not as this package wrote it"):
        check_outputs(tmp_path, ["a"], "--output")


def test_files_written_while_another_command_writes_the_mark_stay_known(tmp_path, monkeypatch):
    write_outputs(tmp_path, {"a": "1", "b": "1"}, "--output")
    before, rename = (tmp_path / MARK).read_bytes(), os.replace

    def and_another_command(source, target):
        rename(source, target)
        if target == tmp_path / "a":
            (tmp_path / MARK).write_bytes(before)

    monkeypatch.setattr(os, "replace", and_another_command)
    write_outputs(tmp_path, {"a": "2", "b": "2"}, "--output")
    check_outputs(tmp_path, ["a", "b"], "--output")


def test_what_a_killed_command_was_writing_goes_and_what_others_write_stays(tmp_path):
    dead, alive = 2**22 + 1, os.getppid()  # no process of Linux has the first number
    parts = [".a.csv.{}", ".b[1].csv.{}", f".{MARK}.{{}}"]
    for part in parts:
        for process in (dead, alive):
            (tmp_path / part.format(process)).write_text("half")
    others = [f".a.csv.x.{dead}", f".c.csv.{dead}", ".a.csv.old", f"a.csv.{dead}", f".b1.csv.{dead}"]
    for other in others:
        (tmp_path / other).write_text("of the user")
    (tmp_path / f".b[1].csv.{dead + 1}").mkdir()
    write_outputs(tmp_path, {"a.csv": "a", "b[1].csv": "b"}, "--output")
    kept = [*others, *(part.format(alive) for part in parts), f".b[1].csv.{dead + 1}", "a.csv", "b[1].csv", MARK]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_on_a_full_disk_the_old_files_stay_together_or_the_new_ones_stand(tmp_path):
    names = ("a.csv", "b.parquet", "c.md")
    contents = lambda letter: dict.fromkeys(names, letter * 3 * PAGE)
    ended = set()
    with small_disk(tmp_path / "disk", "1m") as disk:
        write_outputs(disk / "out", contents("o"), "--output")
        for spare in range(16):
            fill(disk, spare)
            with contextlib.suppress(UserError):
                write_outputs(disk / "out", contents("n"), "--output")
            (found,) = {(disk / "out" / name).read_text()[0] for name in names}
            assert sorted(path.name for path in (disk / "out").iterdir()) == sorted([*names, MARK])
            ended.add(found)
            (disk / "filling").unlink()
            write_outputs(disk / "out", contents("o"), "--output")
        fill(disk, 0)
        with pytest.raises(
            UserError, match=r"the disk is full; free space and run the same command again \(nothing is lost"
        ):
            write_outputs(disk / "out", contents("n"), "--output")
    assert ended == {"o", "n"}
