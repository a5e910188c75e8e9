"""dlib_bvae_visualize as typed: a page that a browser shows at any width, and refusals in one line."""

import json
import shutil

import pytest
from support.browser import browser, console_errors, expect

FEW = (
    "--gin_bindings=visualize.num_values = 3",
    "--gin_bindings=visualize.num_frames = 3",
    "--gin_bindings=visualize.num_images = 200",
)


@pytest.fixture(scope="module")
def drawn(finished, command, tmp_path_factory):
    """A folder with a trained run, the visualize directory in it, and what the command said."""
    folder = tmp_path_factory.mktemp("drawn") / "copy"
    shutil.copytree(finished, folder)
    done = command(folder, "dlib_bvae_visualize", *FEW)
    assert done.returncode == 0, done.stderr
    return folder, folder / "runs/beta4_dsprites/visualize", done.stdout


@pytest.fixture(scope="module")
def chromium():
    with browser(1200, 800) as driver:
        yield driver


def test_the_most_recent_run_is_encoded_and_drawn_once(drawn, command):
    folder, directory, said = drawn
    assert "run: runs/beta4_dsprites (the most recent; --model_dir chooses another)" in said
    assert "runs/beta4_dsprites/mean: encoded 512 images" in said
    assert "runs/beta4_dsprites/visualize/index.html: 12 kinds of pictures in" in said
    results = json.loads((directory / "results/json/visualize_results.json").read_text())
    assert {path.name for path in directory.iterdir()} == {*results["pictures"], "index.html", "results"}
    aggregate = json.loads((directory / "results/aggregate/visualize.json").read_text())
    assert aggregate["visualize_results.encoded"] == aggregate["postprocess_results.uuid"]
    assert aggregate["visualize_config.visualize.num_values"] == 3
    done = command(folder, "dlib_bvae_visualize", *FEW)
    assert done.returncode == 0, done.stderr
    assert "drawn already" in done.stdout
    assert results == json.loads((directory / "results/json/visualize_results.json").read_text())


@pytest.mark.parametrize("width", [360, 1200])
def test_a_browser_shows_every_picture_and_the_page_does_not_scroll_sideways(drawn, chromium, width):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    chromium.get((drawn[1] / "index.html").resolve().as_uri())
    ask = chromium.execute_script
    assert ask("return document.images.length") == len(list(drawn[1].glob("*.png"))) + 1
    loaded = "return [...document.images].map(image => image.complete && image.naturalWidth > 0)"
    expect(chromium, lambda: ask(loaded), all)
    expect(chromium, lambda: ask("return innerWidth"), width)
    assert ask("return document.documentElement.scrollWidth") <= width
    hidden = "[...document.images].filter(i => i.width > i.parentElement.clientWidth + 1)"
    assert ask(f"return {hidden}.every(i => getComputedStyle(i.parentElement).overflowX === 'auto')")
    for link in ask("return [...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))"):
        assert ask("return document.querySelector(arguments[0]) !== null", link), link
    assert console_errors(chromium) == []


def test_refusals_are_one_line_with_status_2(drawn, command, tmp_path):
    def refused(folder, *flags):
        done = command(folder, "dlib_bvae_visualize", *flags)
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        return line

    assert "no trained run in runs/; train one with dlib_bvae_train" in refused(tmp_path)
    assert "there is no run directory elsewhere" in refused(tmp_path, "--model_dir=elsewhere")
    (tmp_path / "runs/begun/train.part").mkdir(parents=True)
    assert "the training in runs/begun is not finished" in refused(tmp_path, "--model_dir=runs/begun")
    assert "did you mean num_values" in refused(drawn[0], "--gin_bindings=visualize.num_value = 3")
    assert "must be an integer >= 2; got 1" in refused(drawn[0], "--gin_bindings=visualize.num_values = 1")
