"""Builds the manual as a site: `python docs/site.py` writes site/, which loads nothing from elsewhere. It needs zensical and
mkdocstrings-python (pip install '.[docs]').

Pages open from a disk; the search needs a server: `python -m http.server --directory site`.

On a forge a link such as `../CONTRIBUTING.md` leads to a file of the repository. The site has docs/ only, so build/docs gets a
copy of it in which the files of SHOWN stand under repository/, and links lead there. Any other file of the repository is named
in place of its link. A link to what is not there stops the build.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
SHOWN = (
    *("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "benchmarks/results/*.png"),
    "benchmarks/results/re_beta_vae_small/README.md",
)
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")
_CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.MULTILINE | re.DOTALL)


def pages(root: Path) -> dict[str, Path]:
    """{place on the site: file} of docs/ in `root`, and of SHOWN under repository/."""
    docs = root / "docs"
    own = {path.relative_to(docs).as_posix(): path for path in docs.rglob("*") if path.suffix not in (".py", ".pyc")}
    shown = {f"repository/{path.relative_to(root).as_posix()}": path for each in SHOWN for path in root.glob(each)}
    return {place: path for place, path in sorted((own | shown).items()) if path.is_file()}


def with_links(text: str, place: str, path: Path, known: dict[str, Path], root: Path) -> str:
    """The Markdown of the file `path`, shown at `place`, with links that hold on the site. Raises SystemExit for a dead one."""
    places = {file: each for each, file in known.items()}

    def link(match: re.Match[str]) -> str:
        target = path.parent.joinpath(match["target"]).resolve()
        if target in places:
            there = posixpath.relpath(places[target], PurePosixPath(place).parent)
            return f"{match['image']}[{match['text']}]({there}{match['anchor'] or ''})"
        if not target.exists():
            raise SystemExit(f"{path.relative_to(root)} has a link to {match['target']}, which is not there")
        name = target.relative_to(root).as_posix()
        return match["text"] if name in match["text"] else f"{match['text']} (`{name}`)"

    parts = _CODE.split(text)
    return "".join(part if number % 2 else _LINK.sub(link, part) for number, part in enumerate(parts))


def stage(root: Path, target: Path) -> None:
    """Writes into the folder `target`, which is replaced, what the site is made from."""
    shutil.rmtree(target, ignore_errors=True)
    known = pages(root)
    for place, path in known.items():
        copy = target / place
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            text = with_links(path.read_text(encoding="utf-8"), place, path, known, root)
            copy.write_text(text, encoding="utf-8")
        else:
            shutil.copyfile(path, copy)


if __name__ == "__main__":
    stage(ROOT, ROOT / "build" / "docs")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
