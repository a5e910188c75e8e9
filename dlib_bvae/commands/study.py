"""The commands on studies: run, plan, status, report and β curve; reproduce and sweep are the first one's former names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlib_bvae.commands.flags import (
    Command,
    add_output_dir,
    add_results_dir,
    for_each_run,
    parser,
    print_paths,
    with_commands,
    with_trust,
)
from dlib_bvae.runtime import RUNS

_SMALL = "gin/studies/re_beta_vae_small.gin"
_WHERE = "where its run directories are (default: runs/<the study's name>)"


def study() -> Command:
    """Plans, runs, shows and reports studies: grids of trainings and the metrics that score them."""
    description = "Plans, runs, shows and reports studies: grids of trainings and the metrics that score them."
    return with_commands(
        description, {"run": run, "plan": plan, "status": status, "report": report, "beta_curve": beta_curve}
    )


def run() -> Command:
    """Runs what is missing of a study, on this machine or on a Ray cluster."""
    flags = parser(
        "Runs what is missing of a study, on this machine or on a Ray cluster; asked again, it continues.", trust=True
    )
    _add_study(flags)
    _add_executor(flags)
    flags.add_argument("--dry_run", action="store_true", help="print what would be done")
    flags.add_argument(
        "--max_hours", type=float, metavar="H", help="end after H hours, with checkpoints (default: no end)"
    )
    flags.epilog = f"example: dlib_bvae_study run --study={_SMALL} --results_dir=runs/small"

    def call(
        study: list[str],
        gin_bindings: list[str],
        results_dir: Path | None,
        executor: str,
        ray_address: str | None,
        **given: Any,
    ) -> None:
        from dlib_bvae.studies import complete, executors

        complete.run(study, gin_bindings, results_dir, executor=executors.named(executor, ray_address), **given)

    return flags, with_trust(call)


def plan() -> Command:
    """Says how many hours and how much disk a study takes here."""
    flags = parser(
        "Says what is missing of a study, and how many hours and how much disk it takes: by the runs of each part that are "
        "done, else by training it for three seconds.",
        trust=True,
    )
    _add_study(flags)
    _add_executor(flags)
    flags.add_argument("--no_probe", action="store_true", help="train nothing: the hours only of parts with a run done")
    flags.epilog = f"example: dlib_bvae_study plan --study={_SMALL}"

    def call(
        study: list[str],
        gin_bindings: list[str],
        results_dir: Path | None,
        executor: str,
        ray_address: str | None,
        workers: int | None,
        no_probe: bool,
    ) -> None:
        from dlib_bvae.studies import executors, plan

        plan.run(study, gin_bindings, results_dir, workers, executors.named(executor, ray_address), not no_probe)

    return flags, with_trust(call)


def status() -> Command:
    """Shows how far a study is."""
    flags = parser(
        "Shows how far a study is, by its results alone: on a terminal until it is done or Ctrl-C is pressed."
    )
    _add_study(flags)
    flags.epilog = f"example: dlib_bvae_study status --study={_SMALL}"

    def call(study: list[str], gin_bindings: list[str], results_dir: Path | None) -> None:
        from dlib_bvae.studies import progress

        progress.show(study, gin_bindings, results_dir)

    return flags, call


def report() -> Command:
    """Writes the [Re] β-VAE report from whatever is done so far."""
    flags = parser("Writes the [Re] β-VAE report, HTML and Markdown, from whatever is done so far.", trust=True)
    flags.add_argument(
        "places",
        nargs="*",
        type=Path,
        metavar="PLACE",
        help="a directory of runs, or runs.parquet or runs.csv of dlib_bvae_aggregate (default: the runs of --study)",
    )
    add_results_dir(flags, "a further PLACE; may be repeated", action="append", default=[], metavar="PLACE")
    _add_study(flags, False, f"without a PLACE: the study's gin file; may be repeated (default: {_SMALL})")
    add_output_dir(flags, "where to write (default: report in the first PLACE, or next to it)", metavar="DIRECTORY")
    flags.add_argument(
        "--no_pictures", action="store_true", help="leave out figures that need models, but show those that are there"
    )
    flags.epilog = "example: dlib_bvae_study report runs/re_beta_vae_small"

    def call(places: list[Path], results_dir: list[Path], **given: Any) -> None:
        _report([*places, *results_dir], **given)

    return flags, with_trust(call)


def beta_curve() -> Command:
    """Draws the β curve of a trained MR-VAE."""
    flags = parser(
        "Reconstruction and KL of a trained MR-VAE (gin/mr_vae_dsprites.gin) at every β: CSV and PNG.", trust=True
    )
    flags.add_argument(
        "runs", nargs="*", type=Path, metavar="RUN_DIR", help="run directories (default: the most recent)"
    )
    flags.add_argument("--model_dir", type=Path, help="one run directory (default: those given, or the most recent)")
    flags.add_argument("--num_images", type=int, default=10_000, help="images to average over (default: 10000)")
    flags.add_argument("--num_betas", type=int, default=13, help="points of the curve, even in log β (default: 13)")
    flags.epilog = "example: dlib_bvae_study beta_curve runs/mr_vae_dsprites"

    def call(**given: Any) -> None:
        from dlib_bvae.re_beta_vae import beta_curve

        print_paths(beta_curve.run(**given))

    return flags, with_trust(for_each_run(call))


def reproduce() -> Command:
    """Runs what is missing of a study, in parallel on this machine."""
    flags, call_run = run()
    flags.add_argument("--report", action="store_true", help="write the report of what is done so far; train nothing")
    add_output_dir(flags, "of --report: where to write (default: report in the directory of the runs)")

    def call(report: bool, output_dir: Path | None, **given: Any) -> None:
        if not report:
            call_run(**given)
            return
        places = [given["results_dir"]] if given["results_dir"] else []
        with_trust(_report)(
            places=places, output_dir=output_dir, **{key: given[key] for key in ("study", "gin_bindings", "trust")}
        )

    return flags, call


def sweep() -> Command:
    """Runs what is missing of a study, on this machine or on a Ray cluster, or shows how far it is."""
    flags, call_run = run()
    _, call_status = status()
    flags.add_argument(
        "action",
        nargs="?",
        choices=["run", "status"],
        default="run",
        help="status: show how far the study is (default: run)",
    )

    def call(action: str, **given: Any) -> None:
        if action == "run":
            call_run(**given)
        else:
            call_status(**{key: given[key] for key in ("study", "gin_bindings", "results_dir")})

    return flags, call


def _add_study(flags: argparse.ArgumentParser, where: bool = True, text: str = "") -> None:
    """Adds --study, --gin_bindings and, with `where`, --results_dir."""
    text = text or f"a study's gin file, e.g. {_SMALL}; may be repeated"
    flags.add_argument("--study", action="append", default=[], metavar="FILE", help=text)
    flags.add_argument(
        "--gin_bindings",
        action="append",
        default=[],
        metavar="'NAME.PARAMETER = VALUE'",
        help="of the study; may be repeated",
    )
    if where:
        add_results_dir(flags, _WHERE)


def _add_executor(flags: argparse.ArgumentParser) -> None:
    flags.add_argument(
        "--executor", choices=["local", "ray"], default="local", help="what runs the study (default: local)"
    )
    flags.add_argument(
        "--workers", type=int, metavar="N", help="runs at a time (default: as many as there is room for)"
    )
    flags.add_argument(
        "--ray_address", metavar="HOST:PORT", help="of a cluster to join, or auto (default: one is started here)"
    )


def _report(
    places: Sequence[Path],
    study: Sequence[str],
    gin_bindings: Sequence[str],
    output_dir: Path | None,
    no_pictures: bool = False,
) -> None:
    """Writes the report of `places` (default: the runs of `study`) and names its files; UserError when nothing is evaluated."""
    from dlib_bvae import re_beta_vae
    from dlib_bvae.artifacts.record import check_writable
    from dlib_bvae.studies.study import load

    places = places or [RUNS / load(study or [_SMALL], gin_bindings).name]
    if output_dir is None:
        output_dir = (places[0] if places[0].is_dir() else places[0].parent) / "report"
    check_writable(output_dir)
    print_paths(re_beta_vae.write(places, output_dir, pictures=not no_pictures))
