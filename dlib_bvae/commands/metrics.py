"""The commands on metrics: what codes with known defects score, how settings move a score, how runs agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlib_bvae.commands.flags import (
    Command,
    add_output_dir,
    add_results_dir,
    parser,
    print_paths,
    with_commands,
    with_trust,
)
from dlib_bvae.runtime import RUNS


def metrics() -> Command:
    """Ranks runs without factors, and shows how far metrics can be relied on."""
    return with_commands(
        "Ranks runs without factors, and shows how far metrics can be relied on: by their settings, by codes whose quality "
        "is known.",
        {"rank": rank, "sensitivity": sensitivity, "validity": validity, "power": power},
    )


def rank() -> Command:
    """Ranks runs on one data set by how much they agree, without factors."""
    flags = parser("Ranks runs on one data set by how much they agree, which needs no factors.", gin=True, trust=True)
    flags.add_argument(
        "--metric", default="udr", help="udr (default), model_centrality, both with a comma between, or all"
    )
    flags.add_argument("--overwrite", action="store_true", help="redo a ranking that is done")
    flags.add_argument("model_dirs", nargs="+", type=Path, metavar="RUN_DIR", help="run directories, at least two")
    flags.epilog = "example: dlib_bvae_metrics rank --metric=udr,model_centrality runs/beta4_seed*"

    def call(**given: Any) -> None:
        from dlib_bvae.stages import rank

        rank.run(**given)

    return flags, with_trust(call)


def sensitivity() -> Command:
    """Scores runs by the β-VAE metric under all its settings."""
    flags = parser(
        "Scores runs by the β-VAE metric for several L, classifiers and choices of factors.", gin=True, trust=True
    )
    add_output_dir(flags, "where to write (default: runs/sensitivity)", default=RUNS / "sensitivity")
    flags.add_argument("--overwrite", action="store_true", help="score again what is scored")
    flags.add_argument(
        "model_dirs", nargs="*", type=Path, metavar="RUN_DIR", help="run directories (default: the most recent)"
    )
    flags.epilog = (
        "example: dlib_bvae_metrics sensitivity runs/beta* --gin_bindings='beta_vae_sensitivity.batch_sizes = [16]'"
    )

    def call(**given: Any) -> None:
        from dlib_bvae.artifacts.record import check_writable
        from dlib_bvae.stages import sensitivity

        check_writable(given["output_dir"])
        sensitivity.run(**given)

    return flags, with_trust(call)


def validity() -> Command:
    """Shows what metrics make of codes that are perturbed in known ways."""
    flags = parser("Draws metrics of codes that are perturbed in known ways: noise, rotation, dead codes, …", gin=True)
    flags.add_argument("--metric", help="names with commas between, or all (default: those of disentanglement itself)")
    flags.add_argument(
        "--perturbations", "--knobs", dest="perturbations", help="names with commas between (default: all)"
    )
    flags.add_argument(
        "--structures", help="of factors in the table of theory, names with commas between (default: all)"
    )
    flags.add_argument("--codes", help="in that table, names with commas between (default: all)")
    flags.add_argument(
        "--sizes", help="of its data, numbers of images with commas between (default: 200,1000,10000,100000)"
    )
    flags.add_argument("--seeds", type=int, default=1, help="how many seeds of noise and sampled images (default: 1)")
    add_output_dir(flags, "where to write (default: runs/validity)", default=RUNS / "validity")
    flags.epilog = "example: dlib_bvae_metrics validity --metric=mig,dci --perturbations=noise,rotation"

    def call(**given: Any) -> None:
        from dlib_bvae.artifacts.record import check_writable
        from dlib_bvae.stages import validity

        check_writable(given["output_dir"])
        validity.run(**{key: value for key, value in given.items() if value is not None})

    return flags, call


def power() -> Command:
    """Says how large a difference the scores of so many seeds can tell."""
    flags = parser(
        "How much each score differs from seed to seed in the runs below directories, which differences of two methods seeds "
        "can tell, and whether scores order models as exported steps and β do: power.csv and orders.csv."
    )
    flags.add_argument("places", nargs="*", type=Path, metavar="PLACE", help="directories of runs (default: runs)")
    add_results_dir(flags, "a further PLACE; may be repeated", action="append", default=[], metavar="PLACE")
    add_output_dir(flags, "where to write (default: runs/power)", default=RUNS / "power")
    flags.epilog = "example: dlib_bvae_metrics power runs/re_beta_vae_small --output_dir=power"

    def call(places: list[Path], results_dir: list[Path], output_dir: Path) -> None:
        from dlib_bvae.analysis import power

        print_paths(power.run([*places, *results_dir] or [RUNS], output_dir))

    return flags, call
