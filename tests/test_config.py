"""config.py: what is bound, used and unused, what errors say, and that nothing stays bound."""

import os
import subprocess
import sys
import textwrap

import gin
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.configurables import branch, leaf

from dlib_bvae import datasets, errors, stages
from dlib_bvae.artifacts import config_dict, read_config
from dlib_bvae.config import configuration, current, flattened, installed, part_of_configuration, used
from dlib_bvae.errors import UserError
from dlib_bvae.gin_text import statements
from dlib_bvae.metrics import CLASSIFIERS, METRICS

REGISTRIES = [datasets.DATASETS, METRICS, CLASSIFIERS]


def bound(files=(), bindings=(), **options):
    with configuration(files, bindings, REGISTRIES, **options):
        return gin.config_str()


def test_a_file_is_found_among_the_installed_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "dataset.name = 'dsprites_rendered'" in bound(["gin/datasets/dsprites_rendered.gin"])


def test_the_working_directory_comes_first_for_includes_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gin/metrics").mkdir(parents=True)
    (tmp_path / "gin/metrics/beta_vae.gin").write_text("beta_vae.num_train = 17\n")
    text = bound(["gin/metrics/beta_vae_without_shape.gin"])
    assert "beta_vae.num_train = 17" in text
    assert "'position_x'" in text


def test_bindings_come_after_files_and_may_stand_on_several_lines():
    text = bound(["gin/metrics/beta_vae.gin"], ["beta_vae.num_train = 5\n\nbeta_vae.num_eval = 6", "mlp.max_iter = 7"])
    for line in ("beta_vae.num_train = 5", "beta_vae.num_eval = 6", "mlp.max_iter = 7"):
        assert line in text


@pytest.mark.parametrize(
    "binding", ["dataset.nam = 'x'", "datset.name = 'x'", "dataset.name = ", "dataset.name = @nothing"]
)
def test_nothing_stays_bound_after_an_error(binding):
    with pytest.raises(UserError, match=r"line 1 of --gin_bindings"):
        bound(["gin/datasets/dsprites_rendered.gin"], [binding])
    assert gin.config_str() == ""


def test_nothing_stays_bound_after_a_block_that_fails():
    with pytest.raises(ZeroDivisionError), configuration([], ["dataset.name = 'dummy_data'"], REGISTRIES):
        raise ZeroDivisionError
    assert gin.config_str() == ""


def test_a_macro_that_a_part_of_a_run_s_configuration_lacks_is_one_sentence(tmp_path):
    (tmp_path / "train.gin").write_text("dataset.name = %nowhere\n")
    printed = "^no macro is called 'nowhere'; define it, or bind a value in its place$"
    with (
        pytest.raises(UserError, match=printed),
        part_of_configuration(statements([str(tmp_path / "train.gin")], []), [datasets.DATASETS]),
    ):
        datasets.load()


def test_a_missing_binding_says_how_to_give_it():
    message = r"does not say dataset\.name; .*--gin_bindings='dataset\.name = …'"
    with pytest.raises(UserError, match=message), configuration([], [], REGISTRIES):
        datasets.load()


def test_a_part_of_a_whole_configuration_can_be_read(tmp_path):
    path = tmp_path / "whole.gin"
    known = "beta_vae.classifier = @unheard()"  # as model.model = @vae() where only the stage has been imported
    path.write_text(f"dataset.name = 'dummy_data'\nunheard_of.rate = 3.0\nunheard_of.model = @unheard()\n{known}\n")
    with part_of_configuration(statements([str(path)], []), REGISTRIES):
        assert datasets.load().name == "dummy_data"
    with pytest.raises(UserError, match="unheard_of"):
        bound([str(path)])
    with pytest.raises(UserError, match="unheard"):
        bound([], [known])


def test_every_installed_experiment_is_listed():
    assert "gin/beta4_dsprites.gin" in installed()


def test_every_installed_experiment_can_be_read():
    from dlib_bvae.stages.train import REGISTRIES as ALL

    for path in installed():
        with configuration([path], [], ALL):
            assert gin.query_parameter("model.model")
            assert gin.query_parameter("dataset.name") in datasets.names()


def test_former_names_are_read_and_said_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gin").mkdir()
    (tmp_path / "gin" / "mine.gin").write_text("dataset.name = 'fid.seed'  # fid.seed\nfid.num_images = 9\n")
    (tmp_path / "top.gin").write_text("include 'gin/mine.gin'\nvalidation:\n  every = 7\n  seed = 2\n")
    monkeypatch.setattr(errors, "_warned", set())
    for _ in range(2):
        with configuration(["top.gin"], ["fid.seed = 3"], [datasets.DATASETS, stages.train.EXTRACTORS]):
            found = gin.config_str()
    for line in ("frechet_curve.num_images = 9", "frechet_curve.seed = 3", "validation.every_steps = 7"):
        assert line in found
    assert "dataset.name = 'fid.seed'" in found
    assert "fid.num_images" not in found
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(set(lines)) == 3
    assert "fid.num_images is now called frechet_curve.num_images (gin/mine.gin); the former name still works" in lines


def test_a_former_file_is_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(errors, "_warned", set())
    with configuration(["gin/models/fid_curve.gin"], [], [stages.train.EXTRACTORS]):
        assert "frechet_curve.every_steps = 5000" in gin.config_str()
    assert capsys.readouterr().err.startswith("gin/models/fid_curve.gin is now called gin/models/frechet_curve.gin")


def test_former_names_in_the_configuration_of_a_run_are_read_without_a_word(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(errors, "_warned", set())
    (tmp_path / "train.gin").write_text("fid.seed = 3\nno_such.thing = 1\n")
    with part_of_configuration(statements([str(tmp_path / "train.gin")], []), [stages.train.EXTRACTORS]):
        assert "frechet_curve.seed = 3" in gin.config_str()
    assert capsys.readouterr().err == ""


def test_macros_are_values_in_what_gin_holds_and_records():
    bindings = [
        "N = 3",
        "OBJ = @leaf()",
        "s/M = [%N, {'k': %OBJ}]",
        "branch.options = (%s/M, %N)",
        "leaf.size = %N",
        "N = 4",
    ]
    with configuration([], bindings, []) as opened:
        assert "branch.options = ([4, {'k': @leaf()}], 4)" in gin.config_str()
        assert branch()[-2] == ([4, {"k": ("leaf", 4, None)}], 4)
        texts = gin.config_str() + gin.operative_config_str()
        assert "%" not in texts
        assert "N = " not in texts
        assert used()["leaf.size"] == 4
    assert opened.bound == {"branch.options": [[4, {"k": "@leaf()"}], 4], "leaf.size": 4}
    assert opened.typed == opened.bound


def test_the_last_definition_of_a_macro_holds_in_files_too(tmp_path):
    (tmp_path / "a.gin").write_text("N = 1\nleaf.size = %N\nleaf.data = 'x'\n")
    with configuration([str(tmp_path / "a.gin")], ["N = 2", "UNUSED = 7"], []) as opened:
        assert gin.query_parameter("leaf.size") == 2
    assert opened.bound == {"leaf.size": 2, "leaf.data": "x"}
    assert opened.typed == {"UNUSED": 7}
    assert flattened([str(tmp_path / "a.gin")], ["N = 3", "no_such.thing = [%N, %NO]"]) == {
        "leaf.size": 3,
        "leaf.data": "x",
        "no_such.thing": [3, "%NO"],
    }


def test_two_spellings_of_a_parameter_are_one():
    with configuration(
        [], ["leaf.size = 1", "s/test_config.inner.branch.rate = 2.0", "test_config.leaf.size = 3"], []
    ) as opened:
        assert leaf()[1] == 3
    assert opened.bound == opened.typed == {"leaf.size": 3, "s/branch.rate": 2.0}


CONSTANTS = """
import gin
gin.constant("test_config_module.WIDTH", (3, 4))
gin.constant("test_config_module.THING", object())
gin.constant("test_config_module.NOTHING", None)

@gin.configurable(module="test_config_module")
def of_a_file(width=1, thing=2, nothing=3):
    return width, thing, nothing
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module test_config_module that a gin file may import."""
    (tmp_path / "test_config_module.py").write_text(textwrap.dedent(CONSTANTS))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_constants_of_an_imported_module_are_values_where_they_have_a_literal(module):
    lines = ["of_a_file.width = %WIDTH", "of_a_file.thing = %THING", "of_a_file.nothing = %NOTHING", "WIDTH = 5"]
    (module / "a.gin").write_text("import test_config_module\n" + "\n".join(lines))
    with configuration([str(module / "a.gin")], [], []) as opened:
        found = sys.modules["test_config_module"].of_a_file()
        assert "import test_config_module" in gin.config_str()
    assert opened.bound == {
        "of_a_file.width": [3, 4],
        "of_a_file.thing": "%THING",
        "of_a_file.nothing": None,
    }
    assert found[0] == (3, 4)
    assert type(found[1]) is object


def test_dynamic_registration_works_file_by_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test_config_plain.py").write_text("def plain(width=1, height=2):\n    return width, height\n")
    lines = [
        "from __gin__ import dynamic_registration",
        "import test_config_plain",
        "test_config_plain.plain.width = %N",
    ]
    (tmp_path / "a.gin").write_text("\n".join([*lines, "include 'b.gin'", "branch.function = 1"]))
    (tmp_path / "b.gin").write_text("N = 5\nleaf.size = 6\n")
    with pytest.raises(UserError, match=r"'branch' was not provided by an import statement.* \(line 5 of a\.gin\)"):
        bound(["a.gin"])
    (tmp_path / "a.gin").write_text("\n".join([*lines, "include 'b.gin'"]))
    with configuration(["a.gin"], [], []) as opened:
        assert gin.get_configurable("plain")() == (5, 2)
        assert used() == current(used()) == {"plain.width": 5, "plain.height": 2}
    assert opened.bound == {"plain.width": 5, "leaf.size": 6}


def test_an_import_that_fails_names_the_line(tmp_path):
    (tmp_path / "a.gin").write_text("\nimport no_such_module\n")
    with pytest.raises(UserError, match=r"imports a module that cannot be imported: .* \(line 2 of .*a\.gin\)"):
        bound([str(tmp_path / "a.gin")])
    with part_of_configuration(statements([str(tmp_path / "a.gin")], []), []) as opened:
        assert opened.bound == {}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["SEED = 1", "leaf.size = 2", "leaf.data = [%SED]"],
            r"no macro is called 'SED'; did you mean SEED\? \(line 3 of",
        ),
        (["UNUSED = %SED"], r"no macro is called 'SED'; .* \(line 1 of"),
        (["leaf.size = %A", "A = [%B]", "B = (%A,)"], r"in a circle: %A → %B → %A; .* \(line 2 of"),
        (["leaf.size = %OBJ", "OBJ = @lef()"], r"no gin name is called 'lef'; .* \(line 2 of"),
        (["leaf.size = %gin.REQUIRED"], "`%gin.REQUIRED` but not subsequently overridden"),
    ],
)
def test_a_wrong_macro_is_one_sentence(lines, said):
    with pytest.raises(UserError, match=said) as caught:
        bound([], lines)
    assert "\n" not in str(caught.value)


def test_a_module_that_fails_keeps_its_traceback(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "test_config_broken.py").write_text("nothing.at_all\n")
    with pytest.raises(NameError, match="'nothing' is not defined"):
        bound([], ["import test_config_broken"])
    assert gin.config_str() == ""


def test_a_macro_of_what_is_skipped_need_not_be_defined():
    with part_of_configuration(statements([], ["no_such.thing = %NO", "leaf.size = 2"]), []) as opened:
        assert leaf()[1] == 2
    assert opened.bound == {"leaf.size": 2}


def test_gin_files_are_utf_8_in_any_locale(tmp_path, short):
    (tmp_path / "mine.gin").write_text("# größer\nmodel.name = 'β'\nmodel.training_steps = 1\n", encoding="utf-8")
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    arguments = ["train", *short, "--gin_config=mine.gin", "--model_dir=run"]
    done = subprocess.run(
        [sys.executable, "-m", "dlib_bvae", *arguments], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert read_config(tmp_path / "run/train", "train")["model.name"] == "β"


NAMES = ("A", "B", "s/C", "D")
plain = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.binary(max_size=3)
)
texts = (plain | st.text(max_size=4)).map(repr) | st.sampled_from(["@leaf", "@leaf()", "@s/leaf()"])


def nests(names):
    """gin values that hold the macros `names`."""
    base = (texts | st.sampled_from([f"%{name}" for name in names])) if names else texts
    keyed = st.dictionaries(st.text(max_size=2).map(repr), base, max_size=2)
    return st.recursive(
        base,
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]")
            | st.lists(inner, max_size=3).map(lambda each: f"({', '.join(each)},)" if each else "()")
            | keyed.map(lambda each: "{" + ", ".join(f"{key}: {value}" for key, value in each.items()) + "}")
        ),
        max_leaves=6,
    )


@st.composite
def configurations(draw):
    """Statements in any order: each macro holds only those after it, so none run in a circle; the last of two holds."""
    lines = [f"{name} = {draw(nests(NAMES[place + 1 :]))}" for place, name in enumerate(NAMES) for _ in range(2)]
    lines += [f"{key} = {draw(nests(NAMES))}" for key in ("branch.options", "branch.rate", "s/branch.name")]
    return draw(st.permutations(lines))


@given(configurations())
def test_values_are_those_that_gin_gives_macros_itself(lines):
    def values():
        with gin.config_scope("s"):
            return gin.get_bindings("branch")

    gin.clear_config()
    gin.parse_config(lines)
    expected = values()
    gin.clear_config()
    with configuration([], lines, []) as opened:
        assert values() == expected
        assert opened.bound == config_dict(gin.config_str()) == flattened([], lines)


def test_an_error_of_the_system_keeps_its_number_and_its_file(tmp_path):
    @gin.configurable("opens_a_file", module="tests")
    def opens():
        (tmp_path / "none").read_bytes()

    @gin.configurable("opens_another", module="tests")
    def outer():
        opens()

    with pytest.raises(FileNotFoundError) as raised, configuration([], [], []):
        outer()
    assert (raised.value.errno, raised.value.filename) == (2, str(tmp_path / "none"))
