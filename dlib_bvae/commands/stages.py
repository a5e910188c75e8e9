"""The stages of one run: train, postprocess, evaluate, visualize."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from dlib_bvae.commands.flags import Command, add_output_dir, for_each_run, parser, with_trust

_ELSEWHERE = "where the results go; the run is then only read (default: the run directory)"


def train() -> Command:
    """Trains the model of a gin configuration, or one a seed of ensemble.seeds."""
    flags = parser("Trains the model of a gin configuration into a run directory.", gin=True, model_dir=True)
    flags.add_argument(
        "--profile",
        nargs="?",
        const="100:110",
        metavar="FIRST:LAST",
        help="profile these steps for TensorBoard, into train/plugins/profile (100:110 without steps; default: none)",
    )
    flags.epilog = (
        "example: dlib_bvae_train --gin_config=gin/beta4_dsprites.gin --gin_bindings='model.training_steps = 2000'"
    )

    flags.add_argument(
        "--study", metavar="NAME", help="train a run of it, such as unsupervised_study_v1 (default: none)"
    )
    flags.add_argument(
        "--model_num",
        type=int,
        metavar="N",
        help="which run of --study, from 0, by disentanglement_lib's numbers of its study (default: none)",
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

    flags = parser("Encodes the whole data set of a trained run into codes.npy.", gin=True, runs=True, trust=True)
    _add_step(flags)
    add_output_dir(flags, _ELSEWHERE)
    flags.epilog = "example: dlib_bvae_postprocess runs/beta4_dsprites"
    return flags, with_trust(for_each_run(call))


def evaluate() -> Command:
    """Scores the codes of a trained run, or of any other framework."""
    flags = parser("Scores codes by one or more metrics.", gin=True, runs=True, trust=True)
    flags.add_argument(
        "--metric",
        help="names with commas between, or all; dlib_bvae list metrics (default: evaluation.evaluation_fn of a gin file)",
    )
    flags.add_argument(
        "--input_dir", type=Path, help="the run, or the codes in one, such as runs/beta4/mean (default: --model_dir)"
    )
    flags.add_argument(
        "--repeats",
        type=int,
        metavar="N",
        help="score with N seeds: mean, standard deviation, 95 %% interval (default: evaluation.repeats)",
    )
    flags.add_argument(
        "--null",
        type=int,
        metavar="N",
        help="also score the codes with their images permuted, N times: what chance gives (default: evaluation.null)",
    )
    _add_step(flags)
    add_output_dir(flags, f"{_ELSEWHERE[:-1]}; of codes from elsewhere runs/NAME)")
    group = flags.add_argument_group("instead of a run", "codes or an encoder from elsewhere")
    group.add_argument(
        "--codes",
        type=Path,
        help="a .npy or .npz file (images, latents), one row per image in the data set's order (default: those of a run)",
    )
    group.add_argument("--codes_key", help="which array of a .npz file (default: the only one)")
    group.add_argument(
        "--saved_model", type=Path, help="one with a signature encode: observations → mean (default: that of a run)"
    )
    group.add_argument("--dataset", help="the data set's name, see dlib_bvae list datasets (default: dataset.name)")
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

    flags.epilog = "example: dlib_bvae_evaluate runs/beta4_dsprites --metric=beta_vae,mig"
    return flags, with_trust(for_each_run(call))


def visualize() -> Command:
    """Draws a trained run: reconstructions, samples, traversals, and a page that shows them."""
    description = (
        "A page with reconstructions, samples, latent traversals and diagrams of a run (default: the most recent)."
    )

    def call(**given: Any) -> None:
        from dlib_bvae.stages import visualize

        visualize.run(**given)

    flags = parser(description, gin=True, runs=True, trust=True)
    add_output_dir(flags, _ELSEWHERE)
    flags.epilog = "example: dlib_bvae_visualize runs/beta4_dsprites"
    return flags, with_trust(for_each_run(call))


def _add_step(flags: ArgumentParser) -> None:
    flags.add_argument(
        "--step", type=int, help="the model that training kept at this step, see model.export_steps (default: the last)"
    )
