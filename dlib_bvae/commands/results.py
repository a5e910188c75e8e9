"""The commands on many runs' results: the table of all, and the leaderboard with its submissions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dlib_bvae.commands.flags import Command, add_output_dir, add_results_dir, parser, print_paths
from dlib_bvae.errors import UserError
from dlib_bvae.runtime import RUNS, load_tensorflow

SUBMISSIONS = Path("submissions")


def aggregate() -> Command:
    """Puts the results of all runs in one table."""
    flags = parser("Puts the results of all runs under a directory in one table: CSV, Parquet, Markdown and LaTeX.")
    flags.add_argument(
        "place", nargs="?", type=Path, metavar="RESULTS_DIR", help="where to look for runs (default: runs)"
    )
    add_results_dir(flags, "the same as a flag (default: runs)")
    add_output_dir(flags, "where to write the tables (default: where the runs are)")
    flags.epilog = "example: dlib_bvae_aggregate runs --output_dir=tables"

    def call(place: Path | None, results_dir: Path | None, output_dir: Path | None) -> None:
        from dlib_bvae.analysis import tables
        from dlib_bvae.analysis.cells import row_intervals
        from dlib_bvae.analysis.chance import above_chance, adjusted_random
        from dlib_bvae.analysis.power import row_differences
        from dlib_bvae.artifacts.record import check_writable

        if place is not None and results_dir is not None:
            raise UserError("runs are given by position and by --results_dir; leave out one of the two")
        place = place or results_dir or RUNS
        check_writable(output_dir or place)
        more = (row_intervals, above_chance, adjusted_random, row_differences)
        print_paths(tables.run(place, output_dir or place, more))

    return flags, call


def leaderboard() -> Command:
    """Makes the leaderboard of all runs, and writes and verifies submissions to it."""
    flags = parser(
        "Makes the leaderboard of all runs under a directory: one HTML page, tables as JSON, CSV, Parquet, Markdown and LaTeX, "
        "figures as SVG, PDF and PNG."
    )
    add_results_dir(flags, "where to look for runs (default: runs)", default=RUNS)
    add_output_dir(flags, "the folder to write (default: board)", default=Path("board"))
    flags.usage = (
        "%(prog)s [-h] [--results_dir RESULTS_DIR] [--output_dir OUTPUT_DIR]\n       %(prog)s submit [-h] RUN_DIR ... "
        "--name NAME\n       %(prog)s verify [-h] FOLDER ..."
    )
    actions = flags.add_subparsers(
        dest="action",
        prog=flags.prog,
        metavar="submit, verify",
        help="instead: write a submission, or verify some (submit --help, verify --help)",
    )
    calls = {"submit": _submit(actions), "verify": _verify(actions)}

    def call(action: str | None, results_dir: Any, output_dir: Path, **given: Any) -> None:
        if action is not None:
            calls[action](results_dir=results_dir, output_dir=output_dir, **given)
            return
        from dlib_bvae import leaderboard
        from dlib_bvae.artifacts.record import check_writable

        check_writable(output_dir)
        # a line a folder: there are three files a figure
        print_paths(
            dict.fromkeys(
                each if each.parent == output_dir else each.parent
                for each in leaderboard.run(results_dir, output_dir, print)
            )
        )

    return flags, call


def _verify(actions: Any) -> Callable[..., None]:
    description = "Computes the scores that submissions claim again and writes their rows to runs/submissions/."
    flags = actions.add_parser("verify", description=description, allow_abbrev=False)
    flags.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a submission: meta.json and codes")
    flags.add_argument(
        "--tolerance",
        type=float,
        default=1e-3,
        help="how far a score may be from its claim, at most 0.15 (default: 0.001)",
    )
    flags.add_argument(
        "--null", type=int, default=20, help="matchings of the null of each score, 5 of costly ones (default: 20)"
    )
    flags.add_argument(
        "--retrain", action="store_true", help="also train each row that has a gin file again, by another seed"
    )
    add_results_dir(
        flags,
        "with --retrain: trained configurations that say how much seeds vary; may be repeated (default: runs)",
        action="append",
    )

    def call(
        folders: Sequence[Path],
        tolerance: float,
        null: int,
        retrain: bool,
        results_dir: Sequence[Path] | None,
        output_dir: Path,
    ) -> None:
        if results_dir and not retrain:
            raise UserError(
                "--results_dir says how much seeds vary, which --retrain asks; add --retrain, or leave it out"
            )
        if retrain:
            load_tensorflow()
        from dlib_bvae.leaderboard.submissions import verify

        verify.run_all(folders, tolerance, retrain, null, results_dir)

    return call


def _submit(actions: Any) -> Callable[..., None]:
    description = "Writes a submission of runs that are scored: their codes, scores and gin files, all of it checked."
    flags = actions.add_parser("submit", description=description, allow_abbrev=False)
    flags.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN_DIR", help="runs that are scored, one for each training seed"
    )
    flags.add_argument("--name", required=True, help="what the rows are called; the folder's name")
    add_output_dir(flags, "the folder in which the submission is written (default: submissions)", default=SUBMISSIONS)
    flags.add_argument(
        "--images", type=int, help="submit and score as many images, drawn uniformly (default: all that were encoded)"
    )
    flags.add_argument("--method", help="what was done, in a sentence (default: the names of the models trained here)")
    flags.add_argument(
        "--supervision",
        choices=("none", "pairs", "labels", "factors"),
        help="what training knew of the factors (default: as the runs say)",
    )
    flags.add_argument(
        "--training_steps", type=int, help="steps of the training of codes from elsewhere (default: not stated)"
    )
    flags.add_argument("--batch_size", type=int, help="images of each of these steps (default: not stated)")
    flags.add_argument("--paper", help="its title or address (default: none)")
    flags.add_argument("--code", help="where the code is (default: not said)")
    flags.epilog = "example: dlib_bvae_leaderboard submit runs/mine-seed0 runs/mine-seed1 --name=mine"

    def call(results_dir: object, **given: Any) -> None:
        from dlib_bvae.leaderboard.submissions import submit

        submit.run(**given)

    return call
