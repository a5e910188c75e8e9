"""A headless Chromium for tests of pages; a test that asks for it is skipped where none is installed."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

_PATIENCE = 30.0  # seconds for a page to come to what is expected of it
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextlib.contextmanager
def browser(width: int, height: int) -> Iterator[Any]:
    """A selenium WebDriver whose viewport is `width` × `height` CSS pixels; it keeps the console's messages."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    paths = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in paths:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = paths[0]
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=paths[1]))
        try:
            # A window cannot be as narrow as a phone; the viewport inside it can.
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            yield driver
        finally:
            driver.quit()


def console_errors(driver: Any) -> list[str]:
    """What the page's console has shown as errors since the last call: scripts that failed, files that were not there."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def expect(driver: Any, ask: Callable[[], Any], wanted: Any) -> Any:
    """Waits until `ask()` gives `wanted`, a value or a condition on it, and returns what it gave.

    For all that a page sets by script or after an action: the browser answers before the page has done it. Fails with the
    last answer.
    """
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, TimeoutException
    from selenium.webdriver.support.wait import WebDriverWait

    answers: list[Any] = []

    def comes(_: Any) -> bool:
        answers[:] = [ask()]
        return bool(wanted(answers[0])) if callable(wanted) else answers[0] == wanted

    passing = (NoSuchElementException, StaleElementReferenceException)  # the page is just being made anew
    try:
        WebDriverWait(driver, _PATIENCE, poll_frequency=0.05, ignored_exceptions=passing).until(comes)
    except TimeoutException:
        shown = repr(answers[0]) if answers else "nothing"
        expected = "something else" if callable(wanted) else repr(wanted)
        raise AssertionError(f"after {_PATIENCE:g} s the page has {shown}, expected {expected}") from None
    return answers[0]
