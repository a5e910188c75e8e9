"""dlib_bvae_visualize as typed: a page that a browser shows at any width, and refusals in one line."""

import json

import pytest
from support.browser import browser, console_errors, expect

from dlib_bvae.stages import visualize


@pytest.fixture(scope="module")
def chromium():
    with browser(1200, 800) as driver:
        yield driver


def test_the_most_recent_run_is_encoded_and_drawn_once(drawn, few, command):
    folder, directory, said = drawn
    assert "run: runs/beta4_dsprites (the most recent; --model_dir chooses another)" in said
    assert "runs/beta4_dsprites/mean: encoded 512 images" in said
    assert "runs/beta4_dsprites/visualize/index.html: " in said
    results = json.loads((directory / "results/json/visualize_results.json").read_text())
    named = {name for name in results["pictures"] if "/" not in name}
    assert {path.name for path in directory.iterdir()} == {*named, "thumbnail.png", "figures", "index.html", "results"}
    figures = {name.removesuffix(".png") for name in results["pictures"] if "/" in name}
    found = {path.relative_to(directory).as_posix() for path in (directory / "figures").iterdir()}
    assert found == {f"{name}.{kind}" for name in figures for kind in ("svg", "pdf", "png")}
    kinds = len(visualize.SECTIONS) - len(results["left_out"])
    assert f"index.html: {kinds} kinds of pictures in" in said
    aggregate = json.loads((directory / "results/aggregate/visualize.json").read_text())
    assert aggregate["visualize_results.encoded"] == aggregate["postprocess_results.uuid"]
    assert aggregate["visualize_config.visualize.num_values"] == 3
    done = command(folder, "dlib_bvae_visualize", *few)
    assert done.returncode == 0, done.stderr
    assert "drawn already" in done.stdout
    assert results == json.loads((directory / "results/json/visualize_results.json").read_text())


@pytest.mark.parametrize("width", [360, 1200])
def test_a_browser_shows_every_picture_and_the_page_does_not_scroll_sideways(drawn, chromium, width):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    chromium.get((drawn[1] / "index.html").resolve().as_uri())
    ask = chromium.execute_script
    pictures = json.loads((drawn[1] / "results/json/visualize_results.json").read_text())["pictures"]
    assert ask("return document.images.length") == len(pictures)
    loaded = "return [...document.images].map(image => image.complete && image.naturalWidth > 0)"
    expect(chromium, lambda: ask(loaded), all)
    expect(chromium, lambda: ask("return innerWidth"), width)
    assert ask("return document.documentElement.scrollWidth") <= width
    hidden = "[...document.images].filter(i => i.width > i.closest('.wide').clientWidth + 1)"
    assert ask(f"return {hidden}.every(i => getComputedStyle(i.closest('.wide')).overflowX === 'auto')")
    for link in ask("return [...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))"):
        assert ask("return document.querySelector(arguments[0]) !== null", link), link
    assert console_errors(chromium) == []


def test_a_switch_shows_one_traversal_and_its_address_finds_it(drawn, chromium):
    page = (drawn[1] / "index.html").resolve().as_uri()
    chromium.get(page)
    ask = chromium.execute_script
    shown = (
        "return [...document.querySelectorAll('#group-traversals .panel')].filter(p => p.offsetHeight).map(p => p.id)"
    )
    expect(chromium, lambda: ask(shown), ["posterior-traversals"])
    ask("document.querySelector('label[for=show-quantile-traversals]').click()")
    expect(chromium, lambda: ask(shown), ["quantile-traversals"])
    expect(chromium, lambda: ask("return location.hash"), "#quantile-traversals")
    chromium.get("about:blank")
    chromium.get(f"{page}#animation")
    expect(chromium, lambda: ask(shown), ["animation"])
    assert console_errors(chromium) == []


def test_copying_says_what_it_did(drawn, chromium):
    chromium.get((drawn[1] / "index.html").resolve().as_uri())
    ask = chromium.execute_script
    ask("document.getElementById('copy-link').click()")
    expect(chromium, lambda: ask("return document.getElementById('said').textContent"), lambda text: "Link c" in text)
    ask("document.getElementById('cite').open = true; document.execCommand = () => false")
    ask("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    ask("document.querySelector('[data-copy=cite-bibtex]').click()")
    expect(
        chromium,
        lambda: ask("return document.getElementById('said').textContent"),
        lambda text: "copy by hand: @software" in text,
    )


@pytest.mark.parametrize("dark", [False, True])
def test_paper_cuts_no_picture(drawn, chromium, dark):
    chromium.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 700, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    chromium.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]},
    )
    try:
        chromium.get((drawn[1] / "index.html").resolve().as_uri())
        ask = chromium.execute_script
        shown = "[...document.images].filter(image => image.offsetHeight)"
        fits = f"return {shown}.map(image => image.getBoundingClientRect().right <= innerWidth + 1)"
        expect(chromium, lambda: ask(fits), lambda found: len(found) >= 6 and all(found))
        assert ask("return getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        assert ask("return getComputedStyle(document.querySelector('nav')).display") == "none"
    finally:
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


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
