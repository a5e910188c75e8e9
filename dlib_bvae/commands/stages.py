"""The stages of one run: train, postprocess, evaluate, visualize."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from dlib_bvae.commands.flags import Command, parser, with_trust

_ELSEWHERE = "where the results go instead of into the run directory, which is then only read"


def train() -> Command:
    """Trains the model of a gin configuration, or one a seed of ensemble.seeds."""
    flags = parser("Trains the model of a gin configuration into a run directory.", gin=True, model_dir=True)
    flags.add_argument(
        "--profile",
        nargs="?",
        const="100:110",
        metavar="FIRST:LAST",
        help="profile these steps for TensorBoard, into train/plugins/profile (100:110 when no steps are given)",
    )
    flags.epilog = (
        "example: dlib_bvae_train --gin_config=gin/beta4_dsprites.gin --gin_bindings='model.training_steps = 2000'"
    )

    flags.add_argument("--study", metavar="NAME", help="train one run of this study, such as unsupervised_study_v1")
    flags.add_argument(
        "--model_num",
        type=int,
        metavar="N",
        help="which run of --study, from 0; disentanglement_lib's numbers of its study",
    )

    def call(study: str | None, model_num: int | None, **given: Any) -> None:
        if study is not None or model_num is not None:
            from dlib_bvae.studies.study import with_run

            given = with_run(study, model_num, **given)
        from dlib_bvae.runtime import load_tensorflow

        load_tensorflow()
        from dlib_bvae.stages import ensemble

        ensemble.run(**given)

    return flags, call


def postprocess() -> Command:
    """Encodes the whole data set of a trained run once."""

    def call(**given: Any) -> None:
        from dlib_bvae.stages import postprocess

        postprocess.run(**given)

    flags = parser("Encodes the whole data set of a trained run into codes.npy.", gin=True, model_dir=True, trust=True)
    _add_step(flags)
    flags.add_argument("--output_dir", type=Path, help=_ELSEWHERE)
    return flags, with_trust(call)


def evaluate() -> Command:
    """Scores the codes of a trained run, or of any other framework."""
    flags = parser("Scores codes by one or more metrics.", gin=True, model_dir=True, trust=True)
    flags.add_argument(
        "--metric",
        help="names with commas between, or all; e.g. beta_vae (default: of evaluation.evaluation_fn in the gin configuration)",
    )
    flags.add_argument("--input_dir", type=Path, help="a run directory, or the codes in one, such as runs/beta4/mean")
    flags.add_argument(
        "--repeats", type=int, metavar="N", help="score with N seeds: mean, standard deviation and 95 %% interval"
    )
    flags.add_argument(
        "--null",
        type=int,
        metavar="N",
        help="also score the codes with their images permuted, N times: what chance gives",
    )
    _add_step(flags)
    flags.add_argument("--output_dir", type=Path, help=f"{_ELSEWHERE}; of codes from elsewhere (default: runs/NAME)")
    group = flags.add_argument_group("instead of a run", "codes or an encoder from elsewhere")
    group.add_argument(
        "--codes", type=Path, help="a .npy or .npz file (images, latents), one row an image in the data set's order"
    )
    group.add_argument("--codes_key", help="which array of a .npz file that has several")
    group.add_argument("--saved_model", type=Path, help="a SavedModel with a signature encode: observations → mean")
    group.add_argument("--dataset", help="the data set's name; its parameters are gin bindings")
    group.add_argument("--name", help="what tables call it (default: the file's name)")
    group.add_argument(
        "--training_seed", type=int, help="the seed of its training: tables pool what differs in it (default: 0)"
    )

    def call(
        model_dir: Path | None,
        input_dir: Path | None,
        metric: str | None,
        gin_config: list[str],
        gin_bindings: list[str],
        overwrite: bool,
        repeats: int | None,
        null: int | None,
        step: int | None,
        output_dir: Path | None,
        **external: Any,
    ) -> None:
        from dlib_bvae.stages import evaluate
        from dlib_bvae.stages.external import external_codes
        from dlib_bvae.stages.inputs import with_input_dir

        model_dir, gin_bindings = with_input_dir(input_dir, model_dir, gin_bindings)
        chosen = external_codes(**external, output_dir=output_dir, model_dir=model_dir, step=step)
        evaluate.run(metric, gin_config, gin_bindings, model_dir, overwrite, repeats, chosen, step, output_dir, null)

    return flags, with_trust(call)


def visualize() -> Command:
    """Draws a trained run: reconstructions, samples, traversals, and a page that shows them."""
    description = (
        "A page with reconstructions, samples, latent traversals and diagrams of a run (default: the most recent)."
    )

    def call(**given: Any) -> None:
        from dlib_bvae.stages import visualize

        visualize.run(**given)

    flags = parser(description, gin=True, model_dir=True, trust=True)
    flags.add_argument("--output_dir", type=Path, help=_ELSEWHERE)
    return flags, with_trust(call)


def _add_step(flags: ArgumentParser) -> None:
    flags.add_argument("--step", type=int, help="the model that training kept at this step (model.export_steps)")
