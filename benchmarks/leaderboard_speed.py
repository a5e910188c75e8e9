"""How fast the leaderboard's page is with many rows: milliseconds in a headless Chromium, and what making it costs.

    python benchmarks/leaderboard_speed.py [--rows N]      # needs chromium and chromedriver (Debian: chromium, chromium-driver)

The rows are constructed: models of five seeds, each scored by five metrics of two scores. What is timed by performance.now
is what a reader does (sort, filter, search, open a row), from the event until the page is laid out anew. Writes
results/leaderboard_speed.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SEEDS = 5
SCORES = {
    "mig": ["discrete_mig", "other_mig"],
    "dci": ["disentanglement", "completeness"],
    "beta_vae": ["eval_accuracy", "train_accuracy"],
    "factor_vae_score": ["eval_accuracy", "train_accuracy"],
    "reconstruction_error": ["squared_error", "bernoulli_error"],
}
METHODS = ("vae", "factor_vae", "beta_tc_vae", "dip_vae", "annealed_vae", "ada_gvae", "pca", "s2_vae")
DATASETS = {"dsprites_rendered": "a" * 16, "shapes3d_rendered": "b" * 16, "dsprites_full": "c" * 16}
REPEATS = 7
VIEWS = ("summary", "all")
# What a reader does in All scores, as script; a reading of offsetHeight after it makes the browser lay the page out.
ACTIONS = {
    "sort_by_mean": "document.querySelector('#all-table .tabulator-col[tabulator-field=mean]').click()",
    "sort_by_name": "document.querySelector('#all-table .tabulator-col[tabulator-field=name]').click()",
    "filter_by_metric": "const f = document.getElementById('filter-metric'); f.value = f.value === 'mig' ? '' : 'mig';"
    "f.dispatchEvent(new Event('change'))",
    "search": "const s = document.getElementById('search'); s.value = s.value === 'vae 7' ? 'mig 3' : 'vae 7';"
    "s.dispatchEvent(new Event('input'))",
    "open_a_row": "document.querySelector('#all-table .open').click()",
}
_READY = "return document.querySelectorAll('#{view}-table .open').length > 0"


def frame(rows: int) -> pd.DataFrame:
    """A frame as aggregate.collect gives, whose board has at least `rows` rows."""
    rng = np.random.default_rng(0)
    entries = []
    models = -(-rows // sum(map(len, SCORES.values())))
    datasets = list(DATASETS)
    for model in range(models):
        method, dataset = METHODS[model % len(METHODS)], datasets[model % len(datasets)]
        for seed in range(SEEDS):
            for metric, scores in SCORES.items():
                entries.append(
                    {
                        "path": f"model{model}-seed{seed}/mean/metrics/{metric}",
                        "train_results.model": f"{method} {model}",
                        "train_results.dataset": dataset,
                        "train_results.fingerprint": DATASETS[dataset],
                        "data_version": 1,
                        "train_results.seed": seed,
                        "train_results.uuid": f"{model}-{seed}",
                        "train_results.num_parameters": 1_000_000 + model,
                        "train_results.elapsed_time": 100.0 + model,
                        "train_config.model.model": f"@{method}()",
                        "config": f"{model:010x}",
                        "postprocess_results.representation": "mean",
                        "postprocess_results.num_images": 737_280,
                        "evaluation_results.metric": metric,
                        "evaluation_results.score_names": json.dumps(scores),
                        "metric_version": 1,
                        "metric_parameters": '{"num_train": 10000}',
                        **{f"evaluation_results.{score}": rng.random() for score in scores},
                    }
                )
    return pd.DataFrame(entries)


def milliseconds(page: Path) -> dict[str, float]:
    """What the ACTIONS take, each the median of REPEATS, and the time until the page is there."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(flag)
        options.add_argument(f"--user-data-dir={profile}")
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        driver = webdriver.Chrome(options=options, service=service)
        try:
            driver.set_window_size(1280, 900)
            found = {f"load_{view}": _loaded(driver, page, view) for view in VIEWS}
            for name, action in ACTIONS.items():
                script = f"const t = performance.now(); {{ {action} }}; document.body.offsetHeight; return performance.now() - t"
                times = [driver.execute_script(script) for _ in range(REPEATS)]
                found[name] = round(statistics.median(times), 1)
                _loaded(driver, page, "all")
        finally:
            driver.quit()
    return found


def _loaded(driver: Any, page: Path, view: str) -> float:
    """Opens a view and waits for its table; milliseconds from the request until it was there, as the page's clock has it."""
    from selenium.webdriver.support.wait import WebDriverWait

    driver.get("about:blank")
    driver.get(f"{page.as_uri()}#view={view}")
    ready = _READY.format(view=view)
    WebDriverWait(driver, 60, poll_frequency=0.02).until(lambda _: driver.execute_script(ready))
    return round(driver.execute_script("return performance.now()"), 1)


def main() -> None:
    from dlib_bvae.artifacts.record import write_atomic
    from dlib_bvae.leaderboard.board import build
    from dlib_bvae.leaderboard.page import page

    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--rows", type=int, default=20_000)
    flags.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "leaderboard_speed.json")
    arguments = flags.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        began = time.monotonic()
        board = build(frame(arguments.rows), root / "runs", root / "board")
        built = time.monotonic()
        write_atomic(root / "index.html", page(board, root))
        results = {
            "rows": len(board["rows"]),
            "build_seconds": round(built - began, 1),
            "page_seconds": round(time.monotonic() - built, 1),
            "page_mib": round((root / "index.html").stat().st_size / 2**20, 1),
            "milliseconds": milliseconds(root / "index.html"),
        }
    print(json.dumps(results, indent=1))
    write_atomic(arguments.output, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
