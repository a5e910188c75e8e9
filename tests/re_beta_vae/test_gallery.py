"""gallery.py: a picture is drawn once as SVG, PDF and PNG, kept when its model is gone, missing with a reason."""

from __future__ import annotations

import base64
import json

import pytest
from matplotlib.figure import Figure

from dlib_bvae.artifacts.outputs import write_outputs
from dlib_bvae.errors import UserError
from dlib_bvae.re_beta_vae.gallery import Gallery


def broken() -> Figure:
    raise UserError("the SavedModel /home/me/runs/a/train/saved_model is damaged; train again")


def never() -> Figure:
    raise AssertionError("it was drawn before")


def saying(text: str):
    """Draws a figure with a text in it."""

    def make() -> Figure:
        figure = Figure(figsize=(1, 1))
        figure.text(0, 0.5, text)
        return figure

    return make


def shown(folder, source, make, draw=True, caption="of a"):
    return Gallery(folder, draw).picture("one", caption, "alt", source, make)


def test_a_picture_is_drawn_once_in_three_forms_and_again_for_another_run(tmp_path):
    first = shown(tmp_path, "a", saying("first"))
    assert [path.name for path in first.files] == ["one.svg", "one.pdf", "one.png"]
    assert [path.read_bytes()[:4] for path in first.files] == [b"<?xm", b"%PDF", b"\x89PNG"]
    assert ">first<" in first.path.read_text()  # text, not outlines
    assert first.data_uri == "data:image/svg+xml;base64," + base64.b64encode(first.path.read_bytes()).decode()
    assert shown(tmp_path, "a", never) == first
    second = shown(tmp_path, "b", saying("second"), caption="of b")
    assert second.caption == "of b"
    assert ">second<" in second.path.read_text()


@pytest.mark.parametrize(("source", "make", "draw"), [(None, never, True), ("b", broken, True), ("b", never, False)])
def test_a_picture_of_other_runs_is_kept_as_what_it_is(tmp_path, source, make, draw):
    shown(tmp_path, "a", saying("first"))
    kept = shown(tmp_path, source, make, draw, caption="of b")
    assert kept.caption == "of a"
    assert ">first<" in kept.path.read_text()


def test_one_file_of_an_earlier_version_is_kept_as_what_it_is_and_drawn_again_where_it_can_be(tmp_path):
    known = {"one.png": {"caption": "of the best seed", "alt": "earlier", "source": "a"}}
    write_outputs(tmp_path, {"one.png": b"earlier", "figures.json": json.dumps(known)}, "--output")
    for source, make, draw in (("a", never, False), ("a", broken, True), (None, never, True)):
        kept = shown(tmp_path, source, make, draw)
        assert (kept.caption, kept.alt, kept.files) == ("of the best seed", "earlier", (tmp_path / "one.png",))
        assert kept.data_uri == "data:image/png;base64," + base64.b64encode(b"earlier").decode()
    again = shown(tmp_path, "a", saying("again"))
    assert (again.caption, again.path.name, len(again.files)) == ("of a", "one.svg", 3)


def test_what_is_missing_says_why(tmp_path):
    assert shown(tmp_path, None, never).missing == "not run"
    assert shown(tmp_path, "a", never, draw=False).missing == "pictures are switched off"
    assert shown(tmp_path, "a", broken).missing == "the SavedModel …/saved_model is damaged; train again"
    found = shown(tmp_path, "a", lambda: saying("")() if 1 // 0 else Figure())
    assert found.missing == "ZeroDivisionError: integer division or modulo by zero"
    assert shown(tmp_path, "a", broken).path is None


@pytest.mark.parametrize("suffix", [".svg", ".pdf", ".png"])
def test_a_picture_of_which_a_file_is_gone_is_drawn_again(tmp_path, suffix):
    shown(tmp_path, "a", saying("first"))
    (tmp_path / f"one{suffix}").unlink()
    assert len(shown(tmp_path, "a", never, draw=False).files) == 2
    again = shown(tmp_path, "a", saying("again"))
    assert ">again<" in again.path.read_text()
    assert len(again.files) == 3


@pytest.mark.parametrize("text", ["{", "[]", '{"one.png": {}}', '{"one.png": 3}'])
def test_a_damaged_index_moved_elsewhere_has_the_pictures_drawn_again(tmp_path, text):
    shown(tmp_path, "a", saying("first"))
    (tmp_path / "figures.json").write_text(text)
    with pytest.raises(
        UserError, match="figures.json is not as this package wrote it, or another's; move it elsewhere"
    ):
        Gallery(tmp_path, True)
    (tmp_path / "figures.json").unlink()
    assert ">again<" in shown(tmp_path, "a", saying("again")).path.read_text()


def test_a_picture_of_the_user_in_the_folder_is_refused(tmp_path):
    (tmp_path / "figure_3.svg").write_text("<svg/>")
    with pytest.raises(
        UserError, match="figure_3.svg is not as this package wrote it, or another's; move it elsewhere"
    ):
        Gallery(tmp_path, True)


def test_a_picture_of_the_same_source_has_today_s_caption_and_one_of_another_its_own(tmp_path):
    gallery = Gallery(tmp_path, True)
    gallery.picture("a", "before", "alt before", "run 1", saying("1"))
    never = lambda: pytest.fail("it was drawn again")
    same = gallery.picture("a", "today", "alt today", "run 1", never)
    assert (same.caption, same.alt) == ("today", "alt today")
    other = gallery.picture("a", "today", "alt today", None, never)
    assert (other.caption, other.alt) == ("before", "alt before")
