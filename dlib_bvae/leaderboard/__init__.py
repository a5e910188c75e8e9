"""The leaderboard: one row a cell of many runs, as JSON, tables, figures and one page that needs no server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from dlib_bvae.analysis.equal_codes import say_equal
from dlib_bvae.analysis.frame import collect_some
from dlib_bvae.artifacts.outputs import check_outputs, write_outputs
from dlib_bvae.errors import UserError

PAGE = "index.html"
VERSIONS_FILE = "versions.json"
_FILES = ("board.json", "board.csv", "board.parquet", "board.md", "board.tex", VERSIONS_FILE, PAGE)
_FLAG = "--output"


def run(results: Path, output: Path, show: Callable[[str], object] | None = None) -> list[Path]:
    """Writes the board of all evaluations below `results` into the folder `output` and returns the files' paths.

    show: is called with its summary as text for a terminal.
    The figures are in a folder "figures" there, in which those of an earlier board do not stay.
    What had to be left out, and runs of equal codes, are named on standard error. Raises UserError when there is no result to
    show, a configuration is damaged, the disk is full, or a file of the same name in `output` is not this package's.
    """
    from dlib_bvae.leaderboard import figures, tables
    from dlib_bvae.leaderboard.board import build, main_part
    from dlib_bvae.leaderboard.page import page
    from dlib_bvae.leaderboard.provenance import versions
    from dlib_bvae.leaderboard.settings import Behind

    if not results.is_dir():
        raise UserError(
            f"there is no directory {results}; train and evaluate first, or name that of the runs: --results_dir=…"
        )
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file; --output must be a folder, which is created where there is none")
    check_outputs(output, _FILES, _FLAG, tables.of_earlier_version)
    behind = Behind(results)
    frame = collect_some(results, "stand on a board", behind.check)
    say_equal(frame)
    board = build(frame, results, output, behind=behind)
    drawn, board["figures"] = figures.files_of(board)
    main = tables.rounded(main_part(board))
    written: dict[str, str | bytes] = {
        "board.json": tables.as_json(main),
        **tables.files(board),
        VERSIONS_FILE: json.dumps(versions(board["rows"]), ensure_ascii=False, indent=1) + "\n",
        PAGE: page(main, output),
        **drawn,
    }
    paths = write_outputs(output, written, _FLAG, tables.of_earlier_version, folder=figures.FOLDER)
    if show is not None:
        show(tables.printed(board, str(output / PAGE)))
    return paths
