"""The configuration of a training, {gin name: value} → a readable name: its method, the parameters in its label, the network."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from dlib_bvae import gin_names
from dlib_bvae.errors import UserError
from dlib_bvae.models.baselines import BASELINES
from dlib_bvae.models.objectives import OBJECTIVES

METHOD = "model.model"
_ENCODER, _DECODER = "encoder.encoder_fn", "decoder.decoder_fn"
_CLAUSE = re.compile(r"[ ,]*(\S+) = \{([\w.]+)\}")
_SLOT = re.compile(r"-?\{([\w.]+)\}")
Clause = tuple[str, str, Any]  # symbol, gin name, value


class _Label(NamedTuple):
    """What a method says of its name: its title, which may have parameters in braces, and [(symbol, parameter)].

    said: False for a method that says nothing, whose title is its gin name.
    """

    title: str
    clauses: list[tuple[str, str]]
    said: bool


def readable_name(config: Mapping[str, Any], model: str) -> str:
    """The name of a configuration by itself, "β-VAE β = 4 · conv"; `model`, the run's own name, where there is no method.

    Of a method that says nothing of its name: its gin name, with its only parameter. See Objective.label.
    """
    return name_with(config, model, clauses_of(config))


def name_with(config: Mapping[str, Any], model: str, clauses: Collection[Clause]) -> str:
    """The readable name with these `clauses`."""
    method = _method(config)
    if method is None:
        return in_line(model)
    slot = lambda match: _filled(match[0], _value(method, match[1], config)[1])
    title = _SLOT.sub(slot, _label(method).title)
    said = ", ".join(f"{symbol} = {text_of(value)}" for symbol, _, value in clauses)
    network = "" if method in BASELINES else _network(config)
    return in_line(f"{title} {said}".strip() + (f" · {network}" if network else ""))


def clauses_of(config: Mapping[str, Any], differing: Collection[str] = ()) -> tuple[Clause, ...]:
    """The parameters that a name has, the strength first.

    Of a method that says nothing of its name: those among `differing`, or its only one.
    """
    method = _method(config)
    if method is None:
        return ()
    label = _label(method)
    if label.said:
        found = [(symbol, *_value(method, parameter, config)) for symbol, parameter in label.clauses]
    else:
        own = [name for name in sorted(config) if name.rpartition("/")[2].startswith(f"{method}.")]
        chosen = [name for name in own if name in differing] or (own if len(own) == 1 else [])
        found = [(name.rpartition(".")[2], name, config[name]) for name in chosen]
    return tuple(each for each in found if each[2] is not None)


def _label(method: str) -> _Label:
    """What a method says of its name; its gin name where it says nothing."""
    known = gin_names.configurables().get(method)
    text = known.label if known is not None else ""
    for registry in (OBJECTIVES, BASELINES) if known is None else ():
        try:
            text = text or str(getattr(registry.get(method), "label", "")) if method in registry else text
        except UserError:  # a plug-in that cannot be imported says nothing
            continue
    clauses = [(match[1], match[2]) for match in _CLAUSE.finditer(text)]
    return _Label(_CLAUSE.sub("", text) or method, clauses, bool(text))


def _value(method: str, parameter: str, config: Mapping[str, Any]) -> tuple[str, Any]:
    """(Gin name, value) of a method's parameter, or of another function's with its name; None where there is none."""
    wanted = parameter if "." in parameter else f"{method}.{parameter}"
    name = next((key for key in sorted(config, key=len) if key.rpartition("/")[2] == wanted), wanted)
    return name, config.get(name)


def _method(config: Mapping[str, Any]) -> str | None:
    """The gin name of a training's method; None of codes from elsewhere."""
    value = config.get(METHOD)
    return selector(value) if isinstance(value, str) else None


def _filled(slot: str, value: Any) -> str:
    """ "-{dip_type}" with its value, in capitals; nothing where there is none."""
    return "" if value is None else f"{'-' if slot.startswith('-') else ''}{text_of(value).upper()}"


def _network(config: Mapping[str, Any]) -> str:
    """ "conv" of conv_encoder and deconv_decoder, "conv/spatial_broadcast" of an encoder and another's decoder."""
    encoder, decoder = (_stem(config, name) for name in (_ENCODER, _DECODER))
    return encoder if decoder in ("", encoder, f"de{encoder}") else f"{encoder}/{decoder}"


def _stem(config: Mapping[str, Any], name: str) -> str:
    value = config.get(name)
    return re.sub("_(en|de)coder$", "", selector(value)) if isinstance(value, str) else ""


def text_of(value: Any) -> str:
    """A setting for people: 4.0 is "4", "@linear_weight()" is "linear_weight"."""
    if isinstance(value, str):
        return selector(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)


def selector(text: str) -> str:
    """ "@train/vae()" → "vae"; a text that is no reference stays."""
    found = re.fullmatch(r"@(?:.*/)?([\w.]+)(?:\(\))?", text)
    return found[1].split(".")[-1] if found else text


def in_line(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())
