"""What makes two results the same: stage, version, parameters, inputs, in canonical JSON; and the digest of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from dlib_bvae.former_names import FORMER_NAMES, current_key
from dlib_bvae.registry import SEED, kind_of

_HASHED_AS = {new: old for old, new in FORMER_NAMES.items()}  # a renamed parameter makes no other configuration
_NO_EFFECT = ("model.name", "model.log_every", "model.checkpoint_every", "model.keep_checkpoints", "model.export_steps")
_NETWORKS = ("burgess", "higgins", "fc", "residual")
# Parameters that earlier versions lacked, with the value that these had: results of both are of one configuration.
_ADDED = {
    "model.loss_window": 100,
    "model.initial_weights": "",
    "model.output_bias": "zero",
    "control_vae.beta_start": 0.0,
    "annealed_vae.rise": 1 / 3,  # which a number of steps overrides, as all earlier versions had
    "control_vae.rise": 0.39,
    "joint_vae.rise": 0.27,
    **{f"{name}.scales": [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0] for name in ("info_vae", "wae_mmd")},
    "evaluation.factor_bins": 10,
    "evaluation.screened_codes": 0,
    "evaluation.sampling": "with_replacement",
    "from_file.factor_kinds": None,
    "from_file.label_columns": None,
    **{f"{name}_{part}.initializer": "he_uniform" for name in _NETWORKS for part in ("encoder", "decoder")},
    **{f"{name}.initializer": "he_uniform" for name in ("conv_encoder", "deconv_decoder", "spatial_broadcast_decoder")},
    **{f"{name}.initializer": "he_uniform" for name in ("factor_vae", "factor_qvae")},
}

# Those whose default is another than what earlier versions did.
_CHANGED = {
    "control_vae.beta_start": 1.0,
    "annealed_vae.iteration_threshold": 0,
    "control_vae.every": 0,
    "cyclical_weight.steps": 0,
    "joint_vae.iteration_threshold": 0,
    "evaluation.sampling": "disjoint",
    **{
        f"{name}.initializer": "glorot_uniform"
        for name in ("conv_encoder", "deconv_decoder", "fc_encoder", "fc_decoder")
    },
}

# Types of the fields of an identity in JSON; the others are objects.
_IN_JSON: dict[str, type | tuple[type, ...]] = {
    "stage": str,
    "version": int,
    "seeds": (list, tuple),
    "bound": (list, tuple),
}

# Inputs and sources → what they are digests and uuids of.
_MADE_FROM = {
    "data": "data set",
    "train": "training",
    "trained": "training",
    "probe": "probe",
    "codes": "encoding",
    "encoded": "encoding",
    "sha256": "file",
    "scores": "set of scores",
}


@dataclass(frozen=True)
class Identity:
    """What one result is.

    parameters: every parameter that the result uses, ordinary ones and seeds, as JSON values. inputs: digests of the results and
    files that it is made from. recorded: labels, parameters of execution and additions, which are no part of it.
    seeds: the names of those parameters that are seeds. sources: uuids of the very results that it was made from. bound: the
    names of those that a configuration bound.
    """

    stage: str
    version: int
    parameters: dict[str, Any]
    inputs: dict[str, Any] = field(default_factory=dict)
    recorded: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[str, ...] = ()
    sources: dict[str, Any] = field(default_factory=dict)
    bound: tuple[str, ...] = ()

    @staticmethod
    def of(
        stage: str,
        version: int,
        used: Mapping[str, Any],
        inputs: Mapping[str, Any],
        sources: Mapping[str, Any],
        bound: Collection[str] = (),
    ) -> Identity:
        """The identity of a result that used the parameters `used` ("model.random_seed": 0), of whatever kind."""
        kinds = {key: kind_of(key) for key in used}
        in_it = {key: used[key] for key, kind in kinds.items() if kind in (None, SEED)}
        recorded = {key: value for key, value in used.items() if key not in in_it}
        seeds = tuple(sorted(key for key, kind in kinds.items() if kind == SEED))
        known = tuple(sorted(in_it.keys() & {*bound}))
        return Identity(stage, version, in_it, dict(inputs), recorded, seeds, dict(sources), known)

    @property
    def digest(self) -> str:
        """40 hexadecimal digits of stage, version, parameters and inputs."""
        named = {"stage": self.stage, "version": self.version, "parameters": self.parameters, "inputs": self.inputs}
        return hashlib.sha256(canonical(named).encode()).hexdigest()[:40]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values, with the digest; from_json reads them."""
        return {**{name: getattr(self, name) for name in self.__dataclass_fields__}, "digest": self.digest}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Identity:
        """What to_json gave. Raises KeyError for an entry that is missing, TypeError for one that is something else."""
        fields = {name: value[name] for name in Identity.__dataclass_fields__}
        for name, entry in fields.items():
            if not isinstance(entry, _IN_JSON.get(name, dict)):
                raise TypeError(f"{name} as that stage writes it")
        if not all(isinstance(each, str) for name in ("seeds", "bound") for each in fields[name]):
            raise TypeError("seeds and bound parameters by their names")
        return Identity(**{**fields, "seeds": tuple(fields["seeds"]), "bound": tuple(fields["bound"])})


def completed(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`parameters` of a result, with those that its version lacked of the functions that it used."""
    return {**_of_functions_in(parameters, _ADDED), **parameters}


def _of_functions_in(parameters: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `known` that are parameters of functions that `parameters` are of or refer to, with their scopes."""
    values = json.dumps(list(parameters.values()))
    used = {key.rpartition(".")[0] for key in parameters} | {*re.findall(r"@([\w./]+)", values)}
    functions = [(each, re.split(r"[/.]", each)[-1]) for each in sorted(used)]
    parts = [(*key.split("."), value) for key, value in known.items()]
    return {f"{each}.{name}": value for each, last in functions for of, name, value in parts if last == of}


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], ignored: Collection[str] = ()
) -> dict[str, tuple[Any, Any]]:
    """What differs, sorted: {name: (before, now)}, None for what one of the two lacks; 4 and 4.0 are one value."""
    keys = sorted({*before, *now} - {*ignored})
    pairs = {key: (before.get(key), now.get(key)) for key in keys}
    return {key: pair for key, pair in pairs.items() if canonical(pair[0]) != canonical(pair[1])}


def described(differ: Mapping[str, tuple[Any, Any]]) -> str:
    """The first of `differences` as the end of a sentence."""
    key, (before, now) = next(iter(differ.items()))
    if key in _MADE_FROM:
        return f"was computed from another {_MADE_FROM[key]}"
    return f"was computed with {key} = {before!r}, now it is {now!r}"


def config_hash(config: Mapping[str, Any], seeds: Collection[str] | None = None) -> str:
    """Ten hexadecimal digits that name a training configuration, given as {"vae.beta": 4.0, …}.

    What cannot change a result does not count: the run's name, how often it logs and saves, seeds, and macros used by nothing
    else; 4 and 4.0 are one value. seeds: the names of the seeds, as an Identity has them; None for results of earlier
    versions, whose seeds are called seed, random_seed or …_seed.
    """
    given = {key: value for key, value in config.items() if _ADDED.get(key.split("/")[-1], ...) != value}
    config = {current_key(key, _HASHED_AS): value for key, value in given.items()}
    former = None if seeds is None else {current_key(key, _HASHED_AS) for key in seeds}
    is_seed = named_like_a_seed if former is None else former.__contains__
    kept = {key: value for key, value in config.items() if not is_seed(key) and not is_label(key)}
    left_out = [value for key, value in config.items() if key not in kept and isinstance(value, str)]
    in_use = json.dumps(list(kept.values()))
    for macro in {value[1:] for value in left_out if value.startswith("%")}:
        if f'"%{macro}"' not in in_use:
            kept.pop(macro, None)
    return hashlib.sha1(canonical(kept).encode(), usedforsecurity=False).hexdigest()[:10]


def is_label(key: str) -> bool:
    """Whether a parameter of a training names or paces it and cannot change its result."""
    return key.split("/")[-1] in _NO_EFFECT


def run_hash(config: Mapping[str, Any]) -> str:
    """Like config_hash, with every seed but model.random_seed: runs of one hash differ in that one at most.

    config: what is bound; a run of today's defaults has another hash than one of earlier versions that had others.
    """
    return config_hash({**_of_functions_in(config, _CHANGED), **config}, ["model.random_seed"])


def without_seeds(parameters: Mapping[str, Any], seeds: Collection[str] | None = None) -> str:
    """`parameters` but for the seeds among them, as canonical JSON. seeds: as of config_hash."""
    is_seed = named_like_a_seed if seeds is None else seeds.__contains__
    return canonical({name: value for name, value in parameters.items() if not is_seed(name)})


def canonical(value: Any) -> str:
    """JSON with sorted keys, in which a whole number is an integer: equal values have equal text."""

    def whole(entry: Any) -> Any:
        if isinstance(entry, Mapping):
            return {key: whole(each) for key, each in entry.items()}
        if isinstance(entry, (list, tuple)):
            return [whole(each) for each in entry]
        return int(entry) if isinstance(entry, float) and entry.is_integer() else entry

    return json.dumps(whole(value), sort_keys=True, ensure_ascii=False)


def named_like_a_seed(key: str) -> bool:
    """Whether a parameter is called as seeds are: seed, random_seed, …_seed."""
    last = key.split("/")[-1].split(".")[-1]
    return last == "seed" or last.endswith("_seed")
