"""A study that scores kept steps of one training: each is one evaluation, done once, from its own model."""

from dlib_bvae.studies import study, worker
from dlib_bvae.studies.state import state_of

STUDY = """
study.name = "steps"
study.parts = [@vae/part()]
NEEDED = ["mig.num_train = 50", "postprocess.images = 'needed'"]
study.metrics = [
    {"metric": "mig", "gin_bindings": %NEEDED},
    {"metric": "mig", "gin_bindings": %NEEDED, "steps": [2, 4]},
]
vae/part.configs = ["gin/models/beta_vae.gin", "gin/models/burgess_conv.gin"]
vae/part.bindings = [
    "dataset.name = 'dummy_data'",
    "model.batch_size = 8",
    "model.training_steps = 6",
    "model.export_steps = [2, 4]",
]
"""


def test_each_step_is_scored_once_from_its_own_model(tmp_path, capsys):
    file = tmp_path / "steps.gin"
    file.write_text(STUDY)
    (run,) = study.load([str(file)]).runs
    assert [each.step for each in run.evaluations] == [None, 2, 4]
    assert type(run).from_json(run.to_json()) == run
    worker.work(run, tmp_path, ["train"])
    state = state_of(run, run.directory(tmp_path), None)
    assert (state.scored, state.evaluations) == (0, 3)
    worker.work(run, tmp_path)
    directory = run.directory(tmp_path)
    folders = [f"mean{step}-needed/metrics/mig-num_train=50" for step in ("", "-step2", "-step4")]
    assert sorted(str(each.relative_to(directory).as_posix()) for each in directory.glob("mean*/metrics/*")) == sorted(
        folders
    )
    assert state_of(run, directory, None).done
    capsys.readouterr()
    worker.work(run, tmp_path)
    assert capsys.readouterr().out == ""
