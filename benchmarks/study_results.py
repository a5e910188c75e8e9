"""Carries a study's result files and thumbnails, without its models and codes, from one machine to another as one archive.

    python benchmarks/study_results.py pack runs/re_beta_vae_small benchmarks/results/re_beta_vae_small/runs.tar.xz
    python benchmarks/study_results.py unpack benchmarks/results/re_beta_vae_small/runs.tar.xz runs/re_beta_vae_small

Runs that are not scored yet stay behind. A run whose results are unpacked counts as done: dlib_bvae_study run goes on with the
others, and the report, the tables and the leaderboard read it as if it had been trained here. Figures that need its model are
not drawn.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import tarfile
from pathlib import Path

from dlib_bvae.artifacts import write_atomic
from dlib_bvae.studies.study import Run
from dlib_bvae.visualize.sheet import THUMBNAIL_BYTES

_MEMBER = re.compile(
    r"[\w-]+/(?:run\.json|visualize/thumbnail\.png|"
    r"(?!visualize/)[\w-]+(?:/metrics/[\w.=,-]+)?/results/(?:gin/\w+\.gin|(?:json|aggregate)/\w+\.json))"
)
_PNG = b"\x89PNG\r\n\x1a\n"
_THUMBNAIL = "/visualize/thumbnail.png"


def pack(store: Path, archive: Path) -> int:
    """Writes the result files of the runs in `store` that are trained and scored, and the thumbnails of those that were drawn.

    Other pictures stay behind, and with them the results of drawing, so that a run is drawn again where it has its model. Returns
    how many files.
    """
    done = [path.parent for path in sorted(store.glob("*/run.json")) if _is_done(path, store)]
    files = [path for run in done for path in sorted(run.rglob("*")) if _MEMBER.fullmatch(_name(path, store))]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz", preset=9) as target:
        for path in files:
            content = path.read_bytes()
            member = tarfile.TarInfo(_name(path, store))  # without times and owners: equal results, equal bytes
            member.size = len(content)
            target.addfile(member, io.BytesIO(content))
    write_atomic(archive, buffer.getvalue())
    return len(files)


def unpack(archive: Path, store: Path) -> int:
    """Writes the files of `archive` that `store` has not; returns how many. Raises SystemExit for a foreign archive."""
    contents = {}
    with tarfile.open(archive, "r:xz") as source:
        for member in source:
            if not member.isfile() or not _MEMBER.fullmatch(member.name):
                raise SystemExit(f"{archive} holds {member.name}, which is no result file; nothing was written")
            content = source.extractfile(member).read()
            if member.name.endswith(_THUMBNAIL) and (member.size > THUMBNAIL_BYTES or not content.startswith(_PNG)):
                raise SystemExit(f"{archive} holds {member.name}, which is no small PNG file; nothing was written")
            contents[member.name] = content
    new = {name: content for name, content in contents.items() if not (store / name).exists()}
    for name, content in new.items():
        write_atomic(store / name, content)
    return len(new)


def _is_done(path: Path, store: Path) -> bool:
    run = Run.from_json(json.loads(path.read_text(encoding="utf-8")))
    return run.is_trained(store) and not run.missing(store)


def _name(path: Path, store: Path) -> str:
    return path.relative_to(store).as_posix()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["pack", "unpack"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    flags = parser.parse_args()
    count = {"pack": pack, "unpack": unpack}[flags.action](flags.source, flags.target)
    print(f"{flags.target}: {count} files")
