"""The commands on this installation: list, the names that there are, and check, what works here."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

from dlib_bvae.commands.flags import Command, parser
from dlib_bvae.errors import UserError, unknown

_PARAMETERS = "parameters"


def names() -> Command:
    """Lists every name: data sets, methods, metrics, architectures, optimizers, configs, studies, zoo, parameters."""
    flags = parser(
        "Lists names, one a line with a line of help: of data sets, methods, metrics, architectures, optimizers, configs, "
        "studies or the zoo's models; or the parameters of one, as gin binds them, with their defaults."
    )
    flags.add_argument(
        "what",
        nargs="?",
        metavar="WHAT",
        help=f"{', '.join(_LISTS)} or {_PARAMETERS} (default: how many names each has); or a name, for its parameters",
    )
    flags.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help=f"after {_PARAMETERS}: of which name (default: all names that have some)",
    )
    flags.epilog = "examples: dlib_bvae list metrics; dlib_bvae list parameters beta_vae"
    return flags, _call


def check() -> Command:
    """Says what is installed, which devices are used, and how fast training and scoring are here."""
    flags = parser(
        "Says what is installed, which devices TensorFlow uses and why not others, and how fast a few seconds of training and "
        "scoring are, next to the documented rates. Exit status 1, with the way out, where something is off."
    )
    flags.add_argument("--seconds", type=float, default=3.0, metavar="S", help="of training (default: 3)")

    def call(seconds: float) -> None:
        from dlib_bvae.errors import check_positive
        from dlib_bvae.stages import check

        if not check.run(check_positive("--seconds", seconds)):
            sys.exit(1)

    return flags, call


def _call(what: str | None, name: str | None) -> None:
    lists = {**_LISTS, _PARAMETERS: _with_parameters}
    if what is None:
        _print((f"{each:<15} {len(list(found())):>4} names" for each, found in lists.items()))
    elif what == _PARAMETERS and name is not None:
        _print(_parameters(name))
    elif what in lists:
        if name is not None:
            raise UserError(
                f"the list of {what} has no parts; for the parameters of a name: dlib_bvae list parameters {name}"
            )
        found = list(lists[what]())
        if what == "zoo" and not found:
            _print(["the zoo of this installation is empty"])
        width = max((len(each) for each, _ in found), default=0)
        _print(f"{each:<{width}}  {text}".rstrip() for each, text in found)
    else:
        _print(_parameters(what, [*lists]))


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _parameters(name: str, others: Sequence[str] = ()) -> Iterator[str]:
    """A line for each parameter of `name`. Raises UserError for a name that nothing has; others: names that may be meant too."""
    from dlib_bvae import gin_names
    from dlib_bvae.metrics import METRICS

    known = gin_names.configurables()
    alike = {each.lower(): each for each in known}
    found = alike.get(METRICS.canonical(name).lower())
    if found is None and name in {each for names in _LISTS.values() for each, _ in names()}:
        yield f"{name} has no parameters"
        return
    if found is None:
        raise unknown("name or list", name, [*known, *others])
    shown = known[found]
    if shown.parameters is None:
        yield f"{found}: its source does not say which parameters it has; see {shown.module}"
        return
    if not shown.parameters:
        yield f"{found} has no parameters"
    rows = [(f"{found}.{each.name} = {each.default or '(required)'}", each.text) for each in shown.parameters.values()]
    width = max((len(row) for row, _ in rows), default=0)
    yield from (f"{row:<{width}}  # {text}".rstrip(" #") for row, text in rows)


def _data_sets() -> Iterator[tuple[str, str]]:
    from dlib_bvae.datasets import DATASETS

    return _with_version(_described(DATASETS.names(), DATASETS.get), DATASETS.version)


def _described(found: list[str], get: Callable[[str], object]) -> Iterator[tuple[str, str]]:
    """Each name with the first sentence of what it is."""
    from dlib_bvae import gin_names

    for name in found:
        yield name, gin_names.first_sentence((getattr(get(name), "__doc__", "") or "").removeprefix(f"{name}: "))


def _with_version(found: Iterable[tuple[str, str]], version: Callable[[str], int]) -> Iterator[tuple[str, str]]:
    """Each name with its line and its version; of a plug-in that cannot be imported with its line only."""
    for name, text in found:
        try:
            yield name, f"{text} · version {version(name)}"
        except UserError:
            yield name, text


def _of_source(found: list[str]) -> Iterator[tuple[str, str]]:
    """Each name with its summary, which importing would need TensorFlow for; of a plug-in that it is one."""
    from dlib_bvae import gin_names

    known = gin_names.configurables()
    for name in found:
        yield name, known[name].summary if name in known else "of an installed package"


def _methods() -> Iterator[tuple[str, str]]:
    from dlib_bvae.models.baselines import BASELINES
    from dlib_bvae.models.objectives import OBJECTIVES

    return _of_source([*OBJECTIVES.names(), *BASELINES.names()])


def _metrics() -> Iterator[tuple[str, str]]:
    from dlib_bvae.metrics import METRICS, version
    from dlib_bvae.metrics.run_sets import RUN_SET_METRICS

    return _with_version(_of_source([*METRICS.names(), *RUN_SET_METRICS.names()]), version)


def _architectures() -> Iterator[tuple[str, str]]:
    from dlib_bvae.models import ARCHITECTURES

    return _of_source(ARCHITECTURES.names())


def _optimizers() -> Iterator[tuple[str, str]]:
    from dlib_bvae.training import OPTIMIZERS

    return _of_source(OPTIMIZERS.names())


def _configs() -> Iterator[tuple[str, str]]:
    from dlib_bvae.config import flattened, installed

    for name in installed():
        bound, comment = flattened([name], []), _first_comment(name)
        method = str(bound.get("model.name") or bound.get("model.model", "")).strip("@()")
        text = f"{method} on {bound.get('dataset.name')}"
        yield name, text if comment.startswith("dlib_bvae") else f"{text}: {comment}"


def _studies() -> Iterator[tuple[str, str]]:
    from dlib_bvae.studies.study import installed

    return ((name, _first_comment(name)) for name in installed())


def _zoo() -> Iterator[tuple[str, str]]:
    from dlib_bvae.models import zoo

    return ((name, zoo.card(name)["line"]) for name in zoo.names())


def _with_parameters() -> Iterator[tuple[str, str]]:
    from dlib_bvae import gin_names

    return _of_source(sorted(gin_names.configurables()))


def _first_comment(file: str) -> str:
    """The first line of comment in an installed gin file."""
    from dlib_bvae.gin_text import homes

    text = next((home / file).read_text(encoding="utf-8") for home in homes() if (home / file).is_file())
    found = re.search(r"^# ?(.*)", text, re.MULTILINE)
    return found[1] if found else ""


_LISTS: dict[str, Callable[[], Iterator[tuple[str, str]]]] = {
    "datasets": _data_sets,
    "methods": _methods,
    "metrics": _metrics,
    "architectures": _architectures,
    "optimizers": _optimizers,
    "configs": _configs,
    "studies": _studies,
    "zoo": _zoo,
}
