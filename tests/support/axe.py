"""axe, the checker of accessible pages, in the browser of the tests: contrast, labels, names, roles, headings."""

import functools
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from support.browser import expect

DESK, PHONE = (1400, 900), (390, 844)
_SETTLED = "return document.getAnimations().every((each) => each.playState !== 'running')"
_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then((found) => done(found.violations), (error) => done(String(error)));
"""


@functools.cache
def _script() -> str:
    """axe.min.js as its package carries it: nothing is asked of a network, and Playwright is not imported."""
    package = importlib.util.find_spec("axe_playwright_python")
    if package is None or package.origin is None:
        pytest.skip("axe-playwright-python is not installed")
    return (Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def show(driver: Any, address: str, size: tuple[int, int], *, dark: bool) -> None:
    """Opens a page at a size in CSS pixels, in the light or the dark colour scheme of the system."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = "dark" if dark else "light"
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    driver.get("about:blank")  # else a new place in the address alone loads nothing
    driver.get(address)
    asked = f"return [window.innerWidth, matchMedia('(prefers-color-scheme: {scheme})').matches]"
    expect(driver, lambda: driver.execute_script(asked), [width, True])


def violations(driver: Any) -> list[str]:
    """What axe finds on the page as it stands, a line an element: the rule, the element, what is to be done.

    All of axe's rules but those it calls experimental. Waits for transitions first: axe measures the colours of the moment.
    """
    expect(driver, lambda: driver.execute_script(_SETTLED), True)
    if not driver.execute_script("return typeof axe !== 'undefined'"):
        driver.execute_script(_script())
    driver.set_script_timeout(120)
    found = driver.execute_async_script(_RUN)
    assert isinstance(found, list), found
    return [
        f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))}: {' '.join(node['failureSummary'].split())}"
        for rule in found
        for node in rule["nodes"]
    ]
