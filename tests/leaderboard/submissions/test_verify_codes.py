"""verify.py: a submission's file that holds no codes is one sentence, whatever is in it."""

import hashlib
import json
from pathlib import Path

import pytest
from support.crafted import BAD_CODES
from support.submissions import noisy

from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.submissions import verify


@pytest.mark.parametrize("kind", BAD_CODES)
def test_a_file_that_holds_no_codes_is_one_sentence(kind, submit, probe):
    codes = noisy(probe)
    folder = submit(codes)
    make, said = BAD_CODES[kind]
    (folder / "codes.npy").write_bytes(make(codes[:, :3]))
    meta = json.loads((folder / "meta.json").read_text())
    meta["entries"][0]["sha256"] = hashlib.sha256((folder / "codes.npy").read_bytes()).hexdigest()
    (folder / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(UserError, match=said) as refused:
        verify.run(folder)
    assert "\n" not in str(refused.value)
    assert not list(Path().rglob("*.part"))
