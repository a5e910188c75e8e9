"""The commands on studies: reproduce and sweep do what is missing of one; report and beta_curve are the paper's."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlib_bvae.commands.flags import Command, parser, print_paths, with_trust
from dlib_bvae.runtime import RUNS

_REPORTED = "gin/studies/re_beta_vae_small.gin"


def reproduce() -> Command:
    """Runs what is missing of a study, in parallel on this machine."""
    flags = parser(
        "Runs what is missing of a study, in parallel on this machine; asked again, it continues. With --report it writes "
        "what the runs say so far next to the paper's tables, figures and claims.",
        trust=True,
    )
    flags.add_argument(
        "--study",
        action="append",
        metavar="FILE",
        default=[],
        help="a study's gin file; may be repeated (default of --report: gin/studies/re_beta_vae_small.gin)",
    )
    _add_places(flags)
    flags.add_argument(
        "--workers", type=int, metavar="N", help="runs at a time (default: the cores divided by study.cpus)"
    )
    flags.add_argument("--report", action="store_true", help="write the report of what is done so far; train nothing")
    flags.add_argument(
        "--output", type=Path, help="of --report: where report.html and report.md are written (default: RESULTS/report)"
    )
    _add_limits(flags)
    flags.epilog = "example: dlib_bvae_reproduce --study=gin/studies/re_beta_vae_small.gin"

    def call(
        report: bool,
        study: list[str],
        gin_bindings: list[str],
        results: Path | None,
        output: Path | None,
        **given: Any,
    ) -> None:
        if report:
            _report(study, gin_bindings, results, output)
            return
        from dlib_bvae.studies import complete

        complete.run(study, gin_bindings, results, **given)

    return flags, with_trust(call)


def sweep() -> Command:
    """Runs what is missing of a study, on this machine or on a Ray cluster, or shows how far it is."""
    flags = parser(
        "Runs what is missing of a study, on this machine or on a Ray cluster; asked again, it continues.", trust=True
    )
    flags.add_argument(
        "action", nargs="?", choices=["run", "status"], default="run", help="status: show how far the study is"
    )
    flags.add_argument(
        "--study", action="append", required=True, metavar="FILE", help="a study's gin file; may be repeated"
    )
    _add_places(flags)
    flags.add_argument(
        "--executor", choices=["local", "ray"], default="local", help="what runs the study (default: local)"
    )
    flags.add_argument(
        "--workers", type=int, metavar="N", help="runs at a time (default: as many as there is room for)"
    )
    flags.add_argument(
        "--ray_address", metavar="HOST:PORT", help="of a cluster to join, or auto (default: one is started here)"
    )
    _add_limits(flags)
    flags.epilog = (
        "example: dlib_bvae_sweep --study=gin/studies/re_beta_vae_small.gin --executor=ray --results=runs/small"
    )

    def call(
        action: str,
        study: list[str],
        gin_bindings: list[str],
        results: Path | None,
        executor: str,
        ray_address: str | None,
        **given: Any,
    ) -> None:
        if action == "status":
            from dlib_bvae.studies import progress

            progress.show(study, gin_bindings, results)
            return
        from dlib_bvae.studies import complete, executors

        complete.run(study, gin_bindings, results, executor=executors.named(executor, ray_address), **given)

    return flags, with_trust(call)


def report() -> Command:
    """Writes the [Re] β-VAE report from whatever is done so far."""
    flags = parser("Writes the [Re] β-VAE report, HTML and Markdown, from whatever is done so far.", trust=True)
    flags.add_argument(
        "--results",
        type=Path,
        action="append",
        required=True,
        metavar="PLACE",
        help="a directory of runs, or runs.parquet or runs.csv of dlib_bvae_aggregate; may be repeated",
    )
    flags.add_argument("--output", type=Path, required=True, metavar="DIRECTORY", help="where to write")
    flags.add_argument(
        "--no_pictures", action="store_true", help="draw nothing that needs models; show what was drawn before"
    )

    def call(results: list[Path], output: Path, no_pictures: bool) -> None:
        from dlib_bvae import re_beta_vae
        from dlib_bvae.artifacts.record import check_writable

        check_writable(output)
        print_paths(re_beta_vae.write(results, output, pictures=not no_pictures))

    return flags, with_trust(call)


def beta_curve() -> Command:
    """Draws the β curve of a trained MR-VAE."""
    flags = parser(
        "Reconstruction and KL of a trained MR-VAE (gin/mr_vae_dsprites.gin) at every β: CSV and PNG.", trust=True
    )
    flags.add_argument("--model_dir", type=Path, help="the run directory (default: the most recent run)")
    flags.add_argument("--num_images", type=int, default=10_000, help="images to average over (default: 10000)")
    flags.add_argument("--num_betas", type=int, default=13, help="points of the curve, even in log β (default: 13)")

    def call(**given: Any) -> None:
        from dlib_bvae.re_beta_vae import beta_curve

        print_paths(beta_curve.run(**given))

    return flags, with_trust(call)


def _add_places(flags: argparse.ArgumentParser) -> None:
    flags.add_argument(
        "--gin_bindings",
        action="append",
        default=[],
        metavar="'NAME.PARAMETER = VALUE'",
        help="of the study; may be repeated",
    )
    flags.add_argument("--results", type=Path, help="where its run directories are (default: runs/<the study's name>)")


def _add_limits(flags: argparse.ArgumentParser) -> None:
    flags.add_argument("--dry_run", action="store_true", help="print what would be done")
    flags.add_argument("--max_hours", type=float, metavar="H", help="end after H hours, with checkpoints")


def _report(study: Sequence[str], gin_bindings: Sequence[str], results: Path | None, output: Path | None) -> None:
    """Writes the report of what is done so far of `study` and names its files; UserError when nothing has been evaluated."""
    from dlib_bvae import re_beta_vae
    from dlib_bvae.studies.study import load

    if results is None:
        results = RUNS / load(study or [_REPORTED], gin_bindings).name
    if output is None:
        output = (results if results.is_dir() else results.parent) / "report"
    print_paths(re_beta_vae.write(results, output))
