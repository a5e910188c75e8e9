"""gin_text.py: files in UTF-8 with what they include, macros that became values, values as JSON."""

import json
import os

import gin
import pytest

from dlib_bvae import gin_text
from dlib_bvae.errors import UserError
from dlib_bvae.gin_text import BINDING, IMPORT, RENAMED, Macro, Macros, Reference, effective, literal, statements

GIN = """\
# Macros:
# ==============================================================================
beta = 4.0
train/name = 'a = b'

# Parameters for train/encoder:
# ==============================================================================
train/encoder.encoder_fn = @conv_encoder
train/encoder.num_latent = 10

# Parameters for model:
# ==============================================================================
import my_package.plugin
model.model = @train/vae()
model.name = 'beta = 4  # not a comment'
model.learning_rate = 0.0001
model.sizes = (64, 32)
model.options = {1: [@vae, %beta], 'nested': {'on': True}}
model.steps = None
model.summary = \\
    'a long text that gin writes on a line of its own because it would not fit behind the name of the parameter'
# model.device = <Device object>

# Parameters for vae:
# ==============================================================================
vae.beta = %beta
vae.offset = -1e-3
vae.limit = 1e999
"""


def resolved(*lines):
    parameters, macros = effective(statements([], lines))
    values = Macros(macros, strict=True)
    return {key: values.resolve(each.value, each) for key, each in parameters.items()}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_statements_say_where_they_stand(folder):
    (folder / "a.gin").write_text("x.y = 1\ninclude 'b.gin'\nx.z = [\n  2]\n")
    (folder / "b.gin").write_text("# first\nimport json\nx:\n  u = 3\n  v = 4\n")
    assert [each[1:] for each in statements(["a.gin"], ["x.w = 5\n\nx.y = 6", "x.y = 7"])] == [
        ("x.y", 1, "a.gin", 1),
        ("import json", None, "b.gin", 2),
        ("x.u", 3, "b.gin", 4),
        ("x.v", 4, "b.gin", 5),
        ("x.z", [2], "a.gin", 3),
        ("x.w", 5, "", 1),
        ("x.y", 6, "", 2),
        ("x.y", 7, "", 3),
    ]
    assert [each.kind for each in statements(["b.gin"], [])] == [IMPORT, BINDING, BINDING]


def test_a_file_that_changes_is_read_again(folder):
    for text in ("x.y = 1\n", "x.y = 12\n"):
        (folder / "a.gin").write_text(text)
        assert literal(statements(["a.gin"], [])[0].value) in text


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(folder, mark):
    (folder / "a.gin").write_bytes(mark + "x.y = 'β'\r\nx.z = 2\r\n".encode())
    assert [each.value for each in statements(["a.gin"], [])] == ["β", 2]


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_bindings_are_statements_as_a_file_s_lines_are(folder, end):
    text = f"x.y = 'a{end}b'  # c{end}x.z = 99"
    (folder / "a.gin").write_text(text, encoding="utf-8")
    (found,) = statements([], [text])
    assert [each.key for each in statements([], [f"{text}\r\nx.w = 1\rx.v = 2"])] == ["x.y", "x.w", "x.v"]
    assert (found.key, found.value) == ("x.y", f"a{end}b")
    assert [each.value for each in statements(["a.gin"], [])] == [found.value]
    assert gin_text.without(f"{text}\nx.w = 1\n", lambda key: key == "x.w") == f"{text}\n"


def test_a_file_in_another_encoding_is_refused(folder):
    (folder / "a.gin").write_bytes("x.y = 'größe'\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"^a\.gin is not UTF-8 \(byte 9: .*\); save it as UTF-8$"):
        statements(["a.gin"], [])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_cannot_be_read_is_one_sentence(folder):
    (folder / "a.gin").write_text("x.y = 1\n")
    (folder / "a.gin").chmod(0)
    with pytest.raises(UserError, match=r"a\.gin cannot be read"):
        statements(["a.gin"], [])


def test_a_file_that_includes_itself_is_refused(folder):
    (folder / "a.gin").write_text("x.y = 1\ninclude 'b.gin'\n")
    (folder / "b.gin").write_text("include 'a.gin'\n")
    with pytest.raises(UserError, match=r"a\.gin includes itself \(a\.gin → b\.gin → a\.gin\).*\(line 1 of b\.gin\)"):
        statements(["a.gin"], [])


def test_a_missing_include_says_where_it_is_asked_for(folder):
    (folder / "a.gin").write_text("\ninclude 'no.gin'\n")
    with pytest.raises(
        UserError, match=r"no gin file no\.gin; looked in .*dlib_bvae list configs.* \(line 2 of a\.gin\)$"
    ):
        statements(["a.gin"], [])


def test_only_installed_files_are_included_where_that_is_asked_for(folder):
    (folder / "gin" / "models").mkdir(parents=True)
    (folder / "gin" / "models" / "beta_vae.gin").write_text("x.y = 1\n")
    (folder / "gin" / "mine.gin").write_text("x.y = 2\n")
    (folder / "a.gin").write_text("include 'gin/models/beta_vae.gin'\n")
    assert [each.key for each in statements(["a.gin"], [])] == ["x.y"]
    assert "model.model" in [each.key for each in statements(["a.gin"], [], only_installed=True)]
    for files, bindings in ((["b.gin"], []), ([], ["include 'gin/mine.gin'"])):
        (folder / "b.gin").write_text("include 'gin/mine.gin'\n")
        with pytest.raises(
            UserError, match=r"includes 'gin/mine\.gin'; it may include files of the installed gin/ only"
        ):
            statements(files, bindings, only_installed=True)


@pytest.mark.parametrize(
    "text",
    ["x.y 4", "x.y = (1,", "x.y = @", "x.y = f(2)", "x.y = {[1]: 2}", "x:\ny = 1", "x.y = 'a", f"x.y = {'[' * 5000}"],
)
def test_wrong_syntax_names_the_line(folder, text):
    (folder / "a.gin").write_text(f"x.x = 0\n{text}\n")
    with pytest.raises(
        UserError, match=r"^gin syntax error in (line [2-4] of )?a\.gin: .*; expected name\.parameter = value$"
    ):
        statements(["a.gin"], [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vae.beta = four", r"vae\.beta = four is no value; text stands in quotes: vae\.beta = 'four' \(in a shell: "),
        ("dataset.name=/a/b.npy  # mine", r"dataset\.name = /a/b\.npy is no value; text stands in quotes"),
        ("model.xla = true", r"model\.xla = true is no value; write model\.xla = True$"),
        ("vae.beta =", r"vae\.beta has no value; write vae\.beta = 4, or"),
        ("a.b = c, d", r"text stands in quotes, a function after @, a macro after %; expected"),
    ],
)
def test_a_value_that_is_none_is_said_with_the_remedy(text, said):
    with pytest.raises(UserError, match=rf"^gin syntax error in line 2 of --gin_bindings: {said}"):
        statements([], ["x.x = 0", text])


def test_a_missing_file_names_the_near_ones(folder):
    (folder / "mine.gin").write_text("")
    for wrong, near in {
        "quickstart.gn": "gin/quickstart.gin",
        "gin/Beta4_dsprite.gin": "gin/beta4_dsprites.gin",
    }.items():
        with pytest.raises(UserError, match=f"there is no gin file {wrong}; did you mean .*{near}"):
            statements([wrong], [])
    with pytest.raises(UserError, match="did you mean mine.gin"):
        statements(["mime.gin"], [])
    with pytest.raises(
        UserError, match="looked in the working directory and among the installed ones, which dlib_bvae list"
    ):
        statements(["zzz"], [])


def test_former_names_are_noted_where_they_stand(folder):
    (folder / "a.gin").write_text("fid:\n  seed = 1\nx.y = [@a/fid, {'k': @image_quality.fid()}, 'fid.seed', %fid]\n")
    found = statements(["a.gin"], ["a/fid.seed = 2\nfid = 1\nvalidation.every_steps = 3"])
    assert [(each.key, each.file) for each in found if each.kind == RENAMED] == [
        ("fid.seed is now called frechet_curve.seed", "a.gin"),
        ("a/fid is now called a/frechet_curve", "a.gin"),
        ("image_quality.fid is now called image_quality.frechet_curve", "a.gin"),
        ("a/fid.seed is now called a/frechet_curve.seed", ""),
    ]
    assert [each.key for each in found if each.kind != RENAMED] == [
        "frechet_curve.seed",
        "x.y",
        "a/frechet_curve.seed",
        "fid",
        "validation.every_steps",
    ]
    new = [
        Reference("a/frechet_curve", False),
        {"k": Reference("image_quality.frechet_curve", True)},
        "fid.seed",
        Macro("fid"),
    ]
    assert next(each.value for each in found if each.key == "x.y") == new


def test_macros_become_values_at_any_depth():
    assert resolved("x.y = [%N, {%K: (%a/N,)}, %F]", "N = 1", "K = 'key'", "a/N = %N", "F = @vae()", "N = 2") == {
        "x.y": [2, {"key": (2,)}, Reference("vae", True)]
    }


def test_the_long_forms_of_a_macro_are_macros():
    assert resolved("x.y = @N/gin.macro()", "x.z = @a/N/macro()", "N/macro.value = 3", "a/N = 4") == {
        "x.y": 3,
        "x.z": 4,
    }


def test_a_macro_that_nothing_defines_names_the_near_ones():
    with pytest.raises(UserError, match=r"no macro is called 'SED'; did you mean SEED\? \(line 2 of --gin_bindings\)"):
        resolved("SEED = 3", "x.y = [%SED]")


@pytest.mark.parametrize("lines", [("A = %A", "x.y = %A"), ("A = [%B]", "x.y = %A", "B = {1: %A}")])
def test_macros_that_run_in_a_circle_are_refused(lines):
    with pytest.raises(UserError, match=r"in a circle: %A → (%B → )?%A; .*\(line 2 of --gin_bindings\)"):
        resolved(*lines)


def test_what_does_not_hold_is_not_looked_at():
    assert resolved("x.y = %NOTHING", "x.y = 2", "A = %A") == {"x.y": 2}


def test_a_macro_that_cannot_be_a_key_is_refused():
    with pytest.raises(UserError, match=r"x\.y has a dictionary with a key that cannot be one"):
        resolved("L = [1]", "x.y = {%L: 1}")


@pytest.mark.parametrize("value", [1e999, -1e999, -2j, (1,), (), {"a": [None, True, b"\xff", "é\n'\""]}, -3, 1e-7])
def test_a_literal_is_read_as_what_it_was(value):
    assert gin_text.bindings_of(f"x.y = {literal(value)}") == {"x.y": value}


def test_references_are_written_as_gin_reads_them():
    text = "{'a': (@s/vae(), [@m.f, %N])}"
    assert literal(gin_text.bindings_of(f"x.y = {text}")["x.y"]) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", ""),
        ("# a comment\n", "# a comment\n"),
        ("a.x = 1\n", ""),
        ("N = 2\n\na.x = [\n  1,\n  2]\n# of b\nb.x = 3\n", "N = 2\n\n# of b\nb.x = 3\n"),
        ("scope/a.x = 1\na.y = 2\n", "scope/a.x = 1\na.y = 2\n"),
    ],
)
def test_bindings_are_taken_out_of_a_text(text, left):
    assert gin_text.without(text, {"a.x"}.__contains__) == left


def test_a_gin_configuration_becomes_json():
    config = gin_text.config_dict(GIN)
    assert config == {
        "beta": 4.0,
        "train/name": "a = b",
        "train/encoder.encoder_fn": "@conv_encoder",
        "train/encoder.num_latent": 10,
        "model.model": "@train/vae()",
        "model.name": "beta = 4  # not a comment",
        "model.learning_rate": 0.0001,
        "model.sizes": [64, 32],
        "model.options": {"1": ["@vae", "%beta"], "nested": {"on": True}},
        "model.steps": None,
        "model.summary": "a long text that gin writes on a line of its own because it would not fit behind the name "
        "of the parameter",
        "vae.beta": "%beta",
        "vae.offset": -0.001,
        "vae.limit": "inf",
    }
    assert json.loads(json.dumps(config, allow_nan=False)) == config


def test_gin_s_own_operative_configuration_is_read():
    @gin.configurable(module="test_gin_text")
    def thing(value=1, text="x"):
        return value, text

    gin.clear_config()  # other tests may have called configurables
    gin.bind_parameter("thing.text", "é = 'quoted' %not_a_macro " * 5)
    with gin.config_scope("inner"):
        _, text = thing()
    assert gin_text.config_dict(gin.operative_config_str()) == {"inner/thing.value": 1, "inner/thing.text": text}
    gin.clear_config()


def test_an_empty_configuration_is_empty():
    assert gin_text.config_dict("# nothing\n") == {}


@pytest.mark.parametrize("text", ["vae.beta 4", "vae.beta = (1,", "vae.beta = @", "vae.beta = f(2)"])
def test_what_is_not_gin_is_told(text):
    with pytest.raises(UserError, match="cannot be parsed"):
        gin_text.config_dict(text)


def test_an_include_is_refused():
    with pytest.raises(UserError, match="includes 'base.gin'"):
        gin_text.config_dict("include 'base.gin'\n")
