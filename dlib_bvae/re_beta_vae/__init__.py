"""The [Re] β-VAE report's tables, figures and claims from whatever runs there are: write(results, output)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def write(results: Path | Sequence[Path], output: Path, *, pictures: bool = True) -> list[Path]:
    """Writes report.html, which needs no other file, report.md, figures/ and tables/ into `output`; returns the first two paths.

    results: directories of runs, or runs.parquet or runs.csv of dlib_bvae_aggregate; an evaluation in two of them counts
    once. pictures: whether figures that need SavedModels, data sets or events are drawn; those drawn before into `output`
    are shown in any case, so that a report of rows alone keeps them. Raises UserError when nothing has been evaluated.
    """
    from dlib_bvae.re_beta_vae import page

    return page.write([results] if isinstance(results, Path) else list(results), output, pictures)
