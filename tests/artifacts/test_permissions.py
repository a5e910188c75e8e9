"""permissions.py: what may not be read or replaced is named, in a process that permissions bind."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from support.places import bound_by_permissions

from dlib_bvae.artifacts.permissions import check_readable, check_removable, damage_is_said
from dlib_bvae.errors import UserError

SCRIPT = """
import json, sys
from pathlib import Path
from dlib_bvae.artifacts.permissions import check_readable, check_removable
from dlib_bvae.artifacts.record import is_done, results_standing
from dlib_bvae.errors import UserError
folder, said = Path(sys.argv[1]), {}
calls = {
    "file": lambda: check_readable(folder / "a"),
    "folder": lambda: check_readable(folder / "b"),
    "whole": lambda: check_removable(folder / "c"),
    "done": lambda: is_done(folder / "d", "train"),
    "standing": lambda: results_standing(folder / "e", "train"),
}
for name, call in calls.items():
    try:
        said[name] = call()
    except UserError as error:
        said[name] = str(error)
print(json.dumps(said))
"""


def test_what_is_whole_or_not_there_passes(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    for path in (tmp_path, tmp_path / "none", tmp_path / "a" / "b" / "file"):
        check_readable(path)
        check_removable(path)


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root needs setpriv")
def test_what_may_not_be_read_or_replaced_is_named(tmp_path):
    for name in "abcde":
        (tmp_path / name / "results" / "json").mkdir(parents=True)
        (tmp_path / name / "results" / "json" / "train_results.json").write_text('{"uuid": "u"}')
    modes = {
        "a/results/json/train_results.json": 0o200,
        "b/results": 0o300,
        "c/results": 0o500,
        "d/results/json": 0o600,
        "e/results/json/train_results.json": 0o000,
    }
    for name, mode in modes.items():
        (tmp_path / name).chmod(mode)
    program = bound_by_permissions([sys.executable, "-c", SCRIPT, str(tmp_path)])
    found = subprocess.run(program, capture_output=True, text=True, check=True)
    for name in modes:
        (tmp_path / name).chmod(0o700)
    unreadable = "cannot be read (Permission denied); see who may read it"
    done = "results/json/train_results.json"
    assert json.loads(found.stdout) == {
        "file": f"{tmp_path}/a/{done} {unreadable}",
        "folder": f"{tmp_path}/b/results {unreadable}",
        "whole": f"{tmp_path}/c/results cannot be replaced (Permission denied); see who may read, write and enter it",
        "done": f"{tmp_path}/d/{done} {unreadable}",
        "standing": f"{tmp_path}/e/{done} {unreadable}",
    }


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (ValueError("bad"), "x is damaged: bad"),
        (PermissionError(13, "Permission denied", "x"), "x cannot be read (Permission denied)"),
        (UserError("clear"), "clear"),
    ],
)
def test_damage_is_what_neither_permissions_nor_the_code_itself_say(raised, said):
    with (
        pytest.raises(UserError, match=re.escape(said)),
        damage_is_said(lambda error: UserError(f"x is damaged: {error}"), OSError, ValueError),
    ):
        raise raised


def test_other_errors_pass():
    with pytest.raises(KeyError), damage_is_said(lambda _: UserError("damaged"), ValueError):
        raise KeyError("x")
