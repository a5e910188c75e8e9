"""The command on data sets: list, download, verify, info, preview."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dlib_bvae.commands.flags import Command, add_gin, parser

_ACTIONS = {
    "list": "a table of all data sets",
    "download": "get the official files of a data set",
    "verify": "compare its files with their checksums, from the first byte to the last",
    "info": "its factors, sizes, source, licence, files and fingerprint",
    "preview": "a PNG of what each of its factors changes",
}


def data() -> Command:
    """Lists, downloads, verifies, describes and shows data sets."""
    flags = parser("Lists, downloads, verifies, describes and shows data sets.")
    actions = flags.add_subparsers(dest="action", required=True)
    for action, text in _ACTIONS.items():
        part = actions.add_parser(action, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)
        if action in ("info", "preview"):
            add_gin(part)
        part.add_argument(
            "--data_dir", type=Path, help="where official files lie (default: $DLIB_BVAE_DATA_DIR, or <cache>/data)"
        )
        if action != "list":
            part.add_argument("name", help="a name of `dlib_bvae_data list`")
        if action == "preview":
            part.add_argument("--output", type=Path, help="the picture to write (default: <name>.png)")
    return flags, _call


def _call(
    action: str,
    data_dir: Path | None = None,
    name: str = "",
    output: Path | None = None,
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
) -> None:
    from dlib_bvae.config import configuration
    from dlib_bvae.datasets import DATASETS, catalogue

    with configuration(gin_config, gin_bindings, [DATASETS]):
        if action == "list":
            catalogue.show_all(data_dir)
        elif action == "preview":
            from dlib_bvae.visualize.preview import save_preview

            output = output or Path(f"{name}.png")
            save_preview(output, catalogue.open_set(name, data_dir))
            print(output)
        else:
            calls = {"download": catalogue.download, "verify": catalogue.verify, "info": catalogue.info}
            calls[action](name, data_dir)
