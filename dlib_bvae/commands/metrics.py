"""The commands on metrics: what codes with known defects score, how settings move a score, how runs agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlib_bvae.commands.flags import Command, add_output_dir, parser, with_commands, with_trust
from dlib_bvae.runtime import RUNS


def metrics() -> Command:
    """Ranks runs without factors, and shows how far metrics can be relied on."""
    return with_commands(
        "Ranks runs without factors, and shows how far metrics can be relied on: by their settings, by codes whose quality "
        "is known.",
        {"rank": rank, "sensitivity": sensitivity, "validity": validity},
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
    flags.add_argument("--seeds", type=int, default=1, help="how many seeds of noise and drawn images (default: 1)")
    add_output_dir(flags, "where to write (default: runs/validity)", default=RUNS / "validity")
    flags.epilog = "example: dlib_bvae_metrics validity --metric=mig,dci --perturbations=noise,rotation"

    def call(**given: Any) -> None:
        from dlib_bvae.artifacts.record import check_writable
        from dlib_bvae.stages import validity

        check_writable(given["output_dir"])
        validity.run(**{key: value for key, value in given.items() if value is not None})

    return flags, call
