"""The board from Python: write("runs", "board/") makes the leaderboard of all runs below a directory, submit(…) hands runs in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dlib_bvae.runtime import RUNS, quiet

if TYPE_CHECKING:
    import pandas as pd

    from dlib_bvae.runs import RunLike

__all__ = ["submit", "table", "write"]


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


def submit(
    runs: Iterable[RunLike],
    name: str,
    directory: str | Path = "submissions",
    *,
    images: int | None = None,
    method: str | None = None,
    supervision: Literal["none", "pairs", "labels", "factors"] | None = None,
    paper: str | None = None,
    code: str | None = None,
    training_steps: int | None = None,
    batch_size: int | None = None,
) -> Path:
    """Writes the submission `name` of scored runs into `directory`, as dlib_bvae_leaderboard submit does; returns its folder.

    runs: trainings, or directories of them or of codes from elsewhere, that are scored, one for each data set, configuration and
    seed.
    images: submit and score the codes of as many images; None: all that were encoded. method (a sentence) and supervision:
    needed for codes from elsewhere; training_steps, batch_size: their budget, None: not stated. What cannot be claimed is named
    on standard error. Raises UserError, and leaves nothing, for a name that is taken, and for runs that are not scored or that
    verification would refuse.
    """
    from dlib_bvae.leaderboard.submissions import submit
    from dlib_bvae.runs import Run

    places = [each.directory if isinstance(each, Run) else Path(each).expanduser() for each in runs]
    with quiet():
        return submit.run(
            places,
            name,
            Path(directory).expanduser(),
            images,
            method=method,
            supervision=supervision,
            paper=paper,
            code=code,
            training_steps=training_steps,
            batch_size=batch_size,
        )
