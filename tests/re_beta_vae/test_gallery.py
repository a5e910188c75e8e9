"""Pictures on disk: drawn once, kept when their models are gone, missing with a reason."""

import base64

import pytest

from dlib_bvae.errors import UserError
from dlib_bvae.re_beta_vae.gallery import Gallery


def broken() -> bytes:
    raise UserError("the SavedModel /home/me/runs/a/train/saved_model is damaged; train again")


def never() -> bytes:
    raise AssertionError("it was drawn before")


def shown(folder, source, make, draw=True, caption="of a"):
    return Gallery(folder, draw).picture("one.png", caption, "alt", source, make)


def test_a_picture_is_drawn_once_and_again_for_another_run(tmp_path):
    first = shown(tmp_path, "a", lambda: b"first")
    assert first.data_uri == "data:image/png;base64," + base64.b64encode(b"first").decode()
    assert shown(tmp_path, "a", never) == first
    second = shown(tmp_path, "b", lambda: b"second", caption="of b")
    assert (second.caption, second.path.read_bytes()) == ("of b", b"second")


@pytest.mark.parametrize(("source", "make", "draw"), [(None, never, True), ("b", broken, True), ("b", never, False)])
def test_a_picture_of_other_runs_is_kept_as_what_it_is(tmp_path, source, make, draw):
    shown(tmp_path, "a", lambda: b"first")
    kept = shown(tmp_path, source, make, draw, caption="of b")
    assert (kept.caption, kept.path.read_bytes()) == ("of a", b"first")


def test_what_is_missing_says_why(tmp_path):
    assert shown(tmp_path, None, never).missing == "not run"
    assert shown(tmp_path, "a", never, draw=False).missing == "pictures are switched off"
    assert shown(tmp_path, "a", broken).missing == "the SavedModel …/saved_model is damaged; train again"
    assert (
        shown(tmp_path, "a", lambda: b"%d" % (1 // 0)).missing
        == "ZeroDivisionError: integer division or modulo by zero"
    )
    assert shown(tmp_path, "a", broken).path is None


def test_a_picture_whose_file_is_gone_is_drawn_again(tmp_path):
    shown(tmp_path, "a", lambda: b"first").path.unlink()
    assert shown(tmp_path, "a", lambda: b"again").path.read_bytes() == b"again"


@pytest.mark.parametrize("text", ["{", "[]", '{"one.png": {}}', '{"one.png": 3}'])
def test_a_damaged_index(tmp_path, text):
    (tmp_path / "figures.json").write_text(text)
    with pytest.raises(UserError, match="is damaged; delete it"):
        Gallery(tmp_path, True)
