"""page.py: one file, whose data are data; what a browser makes of it is in tests/e2e/test_leaderboard.py."""

import base64
import gzip
import hashlib
import io
import json
import re
import runpy
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import setuptools
from PIL import Image
from support import fixture_board
from support.leaderboard_runs import PNG, score, train

from dlib_bvae.analysis.frame import collect
from dlib_bvae.leaderboard.board import build, main_part
from dlib_bvae.leaderboard.page import packed, page

VENDOR = Path(str(files("dlib_bvae.leaderboard"))) / "page" / "vendor"
LIBRARIES = [*VENDOR.glob("*.js")]
NAMES = ["</script><script>alert(1)</script>", "<!--<script>", "{{ script }}", "\u2028 \\u003c &lt;"]


@pytest.fixture
def board(tmp_path):
    for place, name in enumerate(NAMES):
        score(train(tmp_path / "runs", f"run{place}", config={"model.name": name}), "mig", {"discrete_mig": 0.5})
    frame, _ = collect(tmp_path / "runs")
    return build(frame, tmp_path / "runs", tmp_path / "board")


def data_of(text):
    (data,) = re.findall(r'<script type="application/gzip" id="board">(.*?)</script>', text, re.DOTALL)
    return json.loads(gzip.decompress(base64.b64decode(data)))


def test_no_name_becomes_markup_or_fills_a_slot(board, tmp_path):
    text = page(board, tmp_path / "board")
    assert sorted(row["model"] for row in data_of(text)["rows"]) == sorted(NAMES)
    assert text.count("<script") == text.count("</script") == 2 + len(LIBRARIES)
    assert not any(name in text for name in NAMES)
    assert not re.search(r"\{\{ \w+ \}\}", text)


def test_only_the_page_s_own_style_and_script_may_run(board, tmp_path):
    text = page(board, tmp_path / "board")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    for tag in ("style", "script"):
        contents = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for content in contents]
        allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
        assert f"{tag}-src {allowed};" in policy + ";"
    assert policy.startswith("default-src 'none';")


def test_the_script_never_makes_markup_of_text():
    parts = files("dlib_bvae.leaderboard") / "page"
    for path in (path for path in parts.iterdir() if path.is_file()):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?://(?!www\.w3\.org)", path.read_text()
        )


def test_small_pictures_are_embedded_and_large_ones_linked(board, tmp_path):
    large = tmp_path / "runs" / "run0" / "train" / "reconstructions.png"
    large.write_bytes(PNG + bytes(100_000))
    embedded = data_of(page(board, tmp_path / "board"))["embedded"]
    small = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert embedded == {f"../runs/run{place}/train/reconstructions.png": small for place in (1, 2, 3)}


def test_thumbnails_are_embedded_as_webp_but_for_damaged_ones_and_those_of_too_many_pixels(tmp_path):
    def as_png(pixels):
        Image.fromarray(pixels).save(packed := io.BytesIO(), "PNG")
        return packed.getvalue()

    noise = as_png(np.random.default_rng(0).integers(0, 256, (80, 90, 3), np.uint8))
    pictures = {"noise": noise, "wide": as_png(np.zeros((1024, 1025), np.uint8)), "damaged": noise[:500]}
    for seed, (name, content) in enumerate(pictures.items()):
        score(train(tmp_path / "runs", name, seed=seed), "mig", {"discrete_mig": 0.5})
        path = tmp_path / "runs" / name / "visualize" / "thumbnail.png"
        path.parent.mkdir()
        path.write_bytes(content)
    frame, _ = collect(tmp_path / "runs")
    board = build(frame, tmp_path / "runs", tmp_path / "board")
    embedded = data_of(page(board, tmp_path / "board"))["embedded"]
    found = {name: embedded[f"../runs/{name}/visualize/thumbnail.png"].split(";base64,") for name in pictures}
    assert {name: kind for name, (kind, _) in found.items()} == {
        "noise": "data:image/webp",
        "wide": "data:image/png",
        "damaged": "data:image/png",
    }
    contents = {name: base64.b64decode(text) for name, (_, text) in found.items()}
    assert len(contents.pop("noise")) < len(noise) / 2
    assert contents == {name: pictures[name] for name in contents}
    with Image.open(io.BytesIO(base64.b64decode(found["noise"][1]))) as picture:
        assert (picture.size, picture.format) == ((90, 80), "WEBP")


def test_packed_data_are_the_same_each_time_and_hold_no_markup():
    value = {"a": [NAMES, None, 1.5, True]}
    text = packed(value)
    assert text == packed(value)
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", text)
    assert json.loads(gzip.decompress(base64.b64decode(text))) == value
    with pytest.raises(ValueError):
        packed(float("nan"))


def test_the_parts_of_the_page_are_installed(monkeypatch):
    home, package, told = Path(__file__).parents[2], "dlib_bvae.leaderboard", {}
    monkeypatch.chdir(home)
    monkeypatch.setattr(setuptools, "setup", told.update)
    runpy.run_path("setup.py")
    assert package in told["packages"]
    patterns = told["package_data"][package]
    parts = home / package.replace(".", "/")
    installed = {path for pattern in patterns for path in parts.glob(pattern)}
    assert installed == {path for path in (parts / "page").rglob("*") if path.is_file()}


def test_the_libraries_are_those_that_the_readme_names():
    text = (VENDOR / "README.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    named = {file: (licence, digest) for file, _, _, licence, digest in rows[2:]}
    licences = {licence.split("(")[1].rstrip(")") for licence, _ in named.values()}
    assert {path.name for path in VENDOR.iterdir()} == {*named, *licences, "README.md"}
    for file, (_, digest) in named.items():
        assert hashlib.sha256((VENDOR / file).read_bytes()).hexdigest() == digest


def test_no_library_can_end_its_element_or_makes_code_of_text():
    makers = {"d3.min.js": 1}  # of d3.csvParse, which no view calls
    for path in VENDOR.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"</script|<!--|\beval\(", text)
        assert len(re.findall(r"new Function\b", text)) == makers.get(path.name, 0)
    views = (VENDOR.parent / name for name in ("plots.js", "compare.js", "path.js", "pareto.js", "agreement.js"))
    assert not any(re.search(r"[ct]sv|dsv", path.read_text(encoding="utf-8")) for path in views)


def test_a_page_of_50_configurations_and_30_metrics_is_small(tmp_path):
    """The libraries and style once, and as much a row as a row of the fixture board takes."""
    board = main_part(fixture_board.board(tmp_path))
    fixed = len(page({**board, **dict.fromkeys(("rows", "runs", "evaluations", "differences"), [])}, tmp_path))
    whole = len(page(board, tmp_path).encode())
    assert fixed + (whole - fixed) / len(board["rows"]) * 50 * 30 < 3 * 2**20
