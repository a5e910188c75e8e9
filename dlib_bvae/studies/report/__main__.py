"""Writes the report: python -m dlib_bvae.studies.report --results=runs/re_beta_vae_small --output=report."""

from pathlib import Path

from dlib_bvae import cli


def call(results, output, no_pictures):
    """Writes the report and names its files."""
    from dlib_bvae.studies import report

    for path in report.write(results, output, pictures=not no_pictures):
        print(path)


def main() -> None:
    """The command: see the module's line."""
    flags = cli.parser("Writes the [Re] β-VAE report, HTML and Markdown, from whatever is done so far.")
    flags.prog = "python -m dlib_bvae.studies.report"
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
    cli.main(call, flags)


if __name__ == "__main__":
    main()
