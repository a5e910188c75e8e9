"""lifecycle.py: a stage's directory appears whole, after any interruption, for one configuration."""

from pathlib import Path

import pytest

from dlib_bvae.artifacts import lifecycle, write_stage
from dlib_bvae.errors import UserError

GIN = "vae.beta = 4.0\nmodel.training_steps = 100\n"


@pytest.fixture
def final(tmp_path):
    return tmp_path / "run" / "train"


def work(final, value, *, finish=True):
    """A stage that works in its part, and finishes it if told so."""
    part = lifecycle.start(final, GIN, overwrite=False)
    (part / "value.txt").write_text(value)
    if finish:
        results = {"elapsed_time": 1.0}
        write_stage(part, "train", results=results, config={}, gin_text=GIN, earlier=None)
    return part


def value(final):
    return (final / "value.txt").read_text()


def beside(final):
    return sorted(path.name for path in final.parent.iterdir())


def test_a_part_lies_beside_its_place(final):
    assert lifecycle.work_dir(final) == final.parent / "train.part"
    assert work(final, "a", finish=False) == lifecycle.work_dir(final)
    assert beside(final) == ["train.part"]


def test_nothing_is_done_at_first(final):
    assert lifecycle.recover(final, "train") is False


def test_an_unfinished_part_is_not_done_and_stays(final):
    work(final, "a", finish=False)
    assert lifecycle.recover(final, "train") is False
    assert value(lifecycle.work_dir(final)) == "a"


def test_a_finished_part_is_put_in_its_place(final):
    work(final, "a")
    lifecycle.commit(final)
    assert beside(final) == ["train"]
    assert value(final) == "a"
    assert lifecycle.recover(final, "train") is True


def test_a_part_that_was_finished_but_not_renamed_is_settled(final):
    work(final, "a")
    assert lifecycle.recover(final, "train") is True
    assert beside(final) == ["train"]
    assert value(final) == "a"


def test_a_new_part_takes_the_place_of_an_old_directory(final):
    work(final, "old")
    lifecycle.commit(final)
    work(final, "new")
    lifecycle.commit(final)
    assert beside(final) == ["train"]
    assert value(final) == "new"


@pytest.mark.parametrize("calls", [0, 1])
def test_a_promotion_that_is_interrupted_is_finished_later(final, monkeypatch, calls):
    work(final, "old")
    lifecycle.commit(final)
    work(final, "new")
    rename, renamed = Path.rename, []

    def interrupted(self, target):
        if len(renamed) == calls:
            raise KeyboardInterrupt
        renamed.append(self)
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            lifecycle.commit(final)
    assert "new" in [value(path) for path in final.parent.iterdir()]
    assert lifecycle.recover(final, "train") is True
    assert value(final) == "new"
    assert beside(final) == ["train"]


def test_the_old_directory_stays_while_a_new_part_is_unfinished(final):
    work(final, "old")
    lifecycle.commit(final)
    work(final, "new", finish=False)
    assert lifecycle.recover(final, "train") is True
    assert value(final) == "old"


def test_an_interrupted_stage_continues_in_its_part(final):
    work(final, "a", finish=False)
    part = lifecycle.start(final, GIN, overwrite=False)
    assert value(lifecycle.work_dir(final)) == "a"
    assert (part / "started.gin").read_text() == GIN


def test_the_same_bindings_written_otherwise_are_the_same(final):
    work(final, "a", finish=False)
    lifecycle.start(final, "# a comment\nmodel.training_steps = 100\n\nvae.beta = 4\n", overwrite=False)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ("vae.beta = 8.0\nmodel.training_steps = 100\n", "vae.beta = 4.0, now it is 8.0"),
        ("vae.beta = 4.0\n", "model.training_steps = 100, now it is None"),
        (GIN + "model.name = 'x'\n", "model.name = None, now it is 'x'"),
    ],
)
def test_another_configuration_is_refused_by_the_name_of_what_differs(final, now, told):
    work(final, "a", finish=False)
    with pytest.raises(UserError) as raised:
        lifecycle.start(final, now, overwrite=False)
    assert str(raised.value) == (
        f"{lifecycle.work_dir(final)} was made with {told}; choose another --model_dir, or --overwrite to begin again"
    )
    assert value(lifecycle.work_dir(final)) == "a"
    assert (lifecycle.work_dir(final) / "started.gin").read_text() == GIN


def test_overwrite_begins_again_with_any_configuration(final):
    work(final, "a", finish=False)
    part = lifecycle.start(final, "vae.beta = 8.0\n", overwrite=True)
    assert sorted(path.name for path in part.iterdir()) == ["started.gin"]
    assert (part / "started.gin").read_text() == "vae.beta = 8.0\n"


def test_overwrite_keeps_the_finished_directory_until_the_new_one_is_done(final):
    work(final, "old")
    lifecycle.commit(final)
    lifecycle.start(final, GIN, overwrite=True)
    assert value(final) == "old"


def test_a_start_that_is_interrupted_can_be_started_again(final, monkeypatch):
    def cut(self, text, **options):
        with self.open("w", **options) as file:
            file.write(text[:12])
        raise KeyboardInterrupt

    def killed(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", cut)
        patch.setattr("os.fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            lifecycle.start(final, GIN, overwrite=False)
    lifecycle.start(final, GIN, overwrite=False)
