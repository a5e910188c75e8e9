"""The commands on many runs' results: the table of all, and the leaderboard with its submissions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dlib_bvae.commands.flags import Command, add_output_dir, add_results_dir, parser, print_paths
from dlib_bvae.errors import UserError
from dlib_bvae.runtime import RUNS, load_tensorflow


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
    """Makes the leaderboard of all runs, and verifies submissions to it."""
    flags = parser(
        "Makes the leaderboard of all runs under a directory: one HTML page, tables as JSON, CSV, Parquet, Markdown and LaTeX, "
        "figures as SVG, PDF and PNG."
    )
    add_results_dir(flags, "where to look for runs (default: runs)", default=RUNS)
    add_output_dir(flags, "the folder to write (default: board)", default=Path("board"))
    flags.usage = (
        "%(prog)s [-h] [--results_dir RESULTS_DIR] [--output_dir OUTPUT_DIR]\n       %(prog)s verify [-h] FOLDER ..."
    )
    actions = flags.add_subparsers(
        dest="action", prog=flags.prog, metavar="verify", help="instead: verify submissions (verify --help)"
    )
    description = "Computes the scores that submissions claim again and writes their rows to runs/submissions/."
    verify = actions.add_parser("verify", description=description, allow_abbrev=False)
    verify.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a submission: meta.json and codes")
    verify.add_argument(
        "--tolerance",
        type=float,
        default=1e-3,
        help="how far a score may be from its claim, at most 0.15 (default: 0.001)",
    )
    verify.add_argument(
        "--null", type=int, default=20, help="matchings of the null of each score, 5 of costly ones (default: 20)"
    )
    verify.add_argument("--retrain", action="store_true", help="also train entries that have a gin file again")

    def call(
        action: str | None,
        results_dir: Path,
        output_dir: Path,
        folders: Sequence[Path] = (),
        tolerance: float = 1e-3,
        retrain: bool = False,
        null: int = 20,
    ) -> None:
        if action != "verify":
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
            return
        if retrain:
            load_tensorflow()
        from dlib_bvae.leaderboard.submissions import verify

        verify.run_all(folders, tolerance, retrain, null)

    return flags, call
