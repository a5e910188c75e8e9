"""A frame of evaluations → a readable name of every configuration, and the settings that tell those of a data set apart."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dlib_bvae.analysis.frame import KEYS, RUN
from dlib_bvae.artifacts.identity import canonical, is_label, named_like_a_seed
from dlib_bvae.models.baselines import BASELINES
from dlib_bvae.models.naming import METHOD, Clause, clauses_of, in_line, name_with, text_of
from dlib_bvae.models.objectives import OBJECTIVES

if TYPE_CHECKING:
    import pandas as pd

_CONFIG = "train_config."
_OF = [KEYS["dataset"], KEYS["model"], KEYS["config"]]  # what a name is of
_UNSAID = (METHOD, "dataset.name")  # columns of every table have them
_SAID = {  # how a name says a parameter that tells two configurations apart; others are "parameter = value"
    "training_steps": "{} steps",
    "learning_rate": "lr {}",
    "num_latent": "{} latents",
    "batch_size": "batch {}",
}
Key = tuple[str, str, str]  # data set, model, config


class Named(NamedTuple):
    """A configuration of a data set.

    name: unique within the data set, "β-VAE β = 4 · conv". settings: {gin name: value} of what differs within the data set.
    clauses: [(symbol, gin name, value)] of the parameters in its name, the strength first.
    """

    name: str
    settings: dict[str, Any]
    clauses: tuple[Clause, ...]


def named(frame: pd.DataFrame) -> dict[Key, Named]:
    """{(data set, model, config): its name and settings} of a frame of `collect`.

    A name is the method's label with its parameters, and the network; to names that would be equal, what differs between their
    configurations is added. Codes from elsewhere have the name that was given to them. Settings are the parameters in
    names, and those of which configurations of one data set have different values. Neither depends on the order of rows.
    """
    configs = _configs(frame)
    found: dict[Key, Named] = {}
    for dataset in sorted({key[0] for key in configs}):
        part = {key: configs[key] for key in sorted(configs) if key[0] == dataset}
        found |= _of_dataset(part)
    return found


def columns_of(names: Mapping[Key, Named], dataset: str | None = None) -> list[str]:
    """The gin names of all settings of a data set, or of all of them: parameters in names first, then by the alphabet."""
    of_it = [each for key, each in names.items() if dataset in (None, key[0])]
    first = dict.fromkeys(name for each in of_it for _, name, _ in each.clauses)
    every = {name for each in of_it for name in each.settings}
    return [*(name for name in first if name in every), *sorted(every - first.keys())]


def varying_parameters(scored: Iterable[tuple[str, int, str]]) -> dict[tuple[str, int, str], str]:
    """(Metric, its version, parameters as JSON) → the version and those of them in which the metric was scored differently."""
    found: dict[tuple[str, int, str], str] = {}
    scored = list(scored)
    for metric, version, text in scored:
        these = json.loads(text)
        others = [json.loads(other) for name, _, other in scored if name == metric]
        keys = sorted({key for other in others for key in {*these, *other} if other.get(key) != these.get(key)})
        several = any(name == metric and number != version for name, number, _ in scored)
        said = [f"version {version}"] if several else []
        found[metric, version, text] = ", ".join([*said, *(f"{key}={these[key]}" for key in keys if key in these)])
    return found


def settings_table(settings: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """A frame of the settings `columns`, a row for each of `settings`; values of several types are texts."""
    import pandas as pd

    return pd.DataFrame({name: _typed([each.get(name) for each in settings]) for name in columns}, range(len(settings)))


def _typed(values: Sequence[Any]) -> Any:
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pd.array(values, dtype="boolean")
    if kinds and kinds <= {int, float} and all(abs(value or 0) < 2**63 for value in values):
        return pd.array(values, dtype="Int64" if kinds == {int} else "Float64")
    return pd.array([None if value is None else text_of(value) for value in values], dtype="string")


def _configs(frame: pd.DataFrame) -> dict[Key, dict[str, Any]]:
    """{(data set, model, config): parameters of its training that all its runs share}, without seeds and labels."""
    names = [str(name) for name in frame if str(name).startswith(_CONFIG)]
    kept = [name for name in names if "." in (key := name.removeprefix(_CONFIG)) and not _is_silent(key)]
    once = frame.drop_duplicates([RUN, *_OF])
    values = {name.removeprefix(_CONFIG): _decoded(once[name]) for name in kept}
    members: dict[Key, list[int]] = defaultdict(list)
    for place, entry in enumerate(once[_OF].itertuples(index=False, name=None)):
        members[entry].append(place)
    return {
        key: {name: column[places[0]] for name, column in values.items() if _is_shared(column, places)}
        for key, places in members.items()
    }


def _is_shared(column: Sequence[Any], places: Sequence[int]) -> bool:
    first = column[places[0]]
    return first is not None and all(column[place] == first for place in places[1:])


def _is_silent(key: str) -> bool:
    return is_label(key) or named_like_a_seed(key)


def _decoded(column: pd.Series) -> list[Any]:
    """The JSON values of a column of the frame, None where there is none; a column of several types is of JSON texts."""
    values = column.astype(object).where(column.notna(), None).tolist()
    texts = {value for value in values if isinstance(value, str)}
    try:
        known = {text: json.loads(text) for text in texts}
    except (ValueError, RecursionError):
        return values
    return [known[value] if isinstance(value, str) else value for value in values]


def _of_dataset(configs: Mapping[Key, Mapping[str, Any]]) -> dict[Key, Named]:
    shown = _differing(configs.values())
    clauses = {key: clauses_of(config, shown) for key, config in configs.items()}
    names = {key: name_with(config, key[1], clauses[key]) for key, config in configs.items()}
    names = _unique(names, configs)
    in_names = {name for each in clauses.values() for _, name, _ in each}
    wanted = [name for name in sorted(shown | in_names) if name.rpartition("/")[2] not in _UNSAID]
    found = {}
    for key, config in configs.items():
        of_it = [*(name for _, name, _ in clauses[key]), *wanted]
        settings = {name: config[name] for name in dict.fromkeys(of_it) if name in config}
        found[key] = Named(names[key], settings, clauses[key])
    return found


def _differing(configs: Iterable[Mapping[str, Any]]) -> set[str]:
    """The parameters of which those configurations that have them have different values."""
    values: dict[str, set[str]] = defaultdict(set)
    for config in configs:
        for name, value in config.items():
            values[name].add(canonical(value))
    return {name for name, texts in values.items() if len(texts) > 1}


def reading_order(name: str) -> list[tuple[str, float]]:
    """A key that sorts names by their texts, and by the numbers in them: β = 2 stands before β = 10."""
    parts = re.split(r"(\d+(?:\.\d+)?(?:e[-+]?\d+)?)", name)
    return [(text.casefold(), float(number)) for text, number in zip(parts[::2], [*parts[1::2], "inf"], strict=True)]


def _unique(names: Mapping[Key, str], configs: Mapping[Key, Mapping[str, Any]]) -> dict[Key, str]:
    """Names with what tells those apart that would be equal."""
    groups: dict[str, list[Key]] = defaultdict(list)
    for key, name in names.items():
        groups[name].append(key)
    found = dict(names)
    for name, keys in groups.items():
        if len(keys) > 1:
            parts = _telling_apart([configs[key] for key in keys])
            found |= {key: in_line(" · ".join([name, *each])) for key, each in zip(keys, parts, strict=True)}
    for place in (1, 2):  # only the model's name, or nothing that a frame has, tells them apart
        different = defaultdict(set)
        for key, name in found.items():
            different[name].add(key[place])
        several = {name for name, each in different.items() if len(each) > 1}
        found = {key: f"{name} · {in_line(key[place])}" if name in several else name for key, name in found.items()}
    return found


def _telling_apart(configs: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Of each configuration the parameters that tell it from the others, as few of them as do, the most telling names first."""
    names = {name for config in configs for name in config if name.rpartition("/")[2] not in _UNSAID}
    parts: list[list[str]] = [[] for _ in configs]
    for name in sorted(names, key=_place):
        longer = [[*part, *_said(name, config)] for part, config in zip(parts, configs, strict=True)]
        if len({*map(tuple, longer)}) > len({*map(tuple, parts)}):
            parts = longer
        if len({*map(tuple, parts)}) == len(parts):
            break
    return parts


def _place(name: str) -> tuple[bool, bool, str]:
    """What names say first: parameters of methods, then those of _SAID."""
    selected, _, parameter = name.rpartition("/")[2].rpartition(".")
    return selected not in OBJECTIVES and selected not in BASELINES, parameter not in _SAID, name


def _said(name: str, config: Mapping[str, Any]) -> list[str]:
    if name not in config:
        return []
    parameter, value = name.rpartition(".")[2], config[name]
    if parameter in _SAID:
        whole = isinstance(value, (int, float)) and float(value).is_integer()
        return [_SAID[parameter].format(f"{int(value):,}" if whole else text_of(value))]
    if isinstance(value, str) and value.startswith("@"):
        return [text_of(value)]
    return [f"{parameter} = {text_of(value)}"]
