"""The board from Python: write("runs", "board/") makes the leaderboard of all runs below a directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dlib_bvae.runtime import RUNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["table", "write"]


def write(runs: str | Path = RUNS, directory: str | Path = "board") -> list[Path]:
    """Writes the board of all evaluations below `runs` into `directory`, as dlib_bvae_leaderboard does; returns the files' paths.

    The page is index.html. Raises UserError where there is no evaluation, and for files in `directory` that are the user's.
    """
    from dlib_bvae import leaderboard
    from dlib_bvae.artifacts.record import check_writable

    place = Path(directory).expanduser()
    check_writable(place)
    return leaderboard.run(Path(runs).expanduser(), place)


def table(directory: str | Path = "board") -> pd.DataFrame:
    """The rows of a board that was written into `directory`: method, data set, score, interval, rank, …

    Raises UserError where there is no board.
    """
    import pandas as pd

    from dlib_bvae.errors import UserError

    path = Path(directory).expanduser() / "board.parquet"
    if not path.is_file():
        raise UserError(f"there is no board in {directory}; write one first: board.write(runs, {str(directory)!r})")
    return pd.read_parquet(path)
