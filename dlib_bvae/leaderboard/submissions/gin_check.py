"""A submission's gin file → the bindings that its model is trained from again, each of which is known to be harmless.

Nothing here tells gin anything: statements are parsed, looked at and written anew, so what was checked is what is trained.
"""

from __future__ import annotations

from pathlib import Path

from dlib_bvae.dlib_gin import statements
from dlib_bvae.errors import UserError
from dlib_bvae.gin_text import BINDING, IMPORT, MACRO, METRIC, Macros, Statement, effective, literal, references
from dlib_bvae.leaderboard.submissions.cost_bounds import check_costs
from dlib_bvae.models import ARCHITECTURES, LIKELIHOODS, MODELS
from dlib_bvae.models.baselines import BASELINES
from dlib_bvae.models.objectives import OBJECTIVES, WEIGHTS
from dlib_bvae.training import OPTIMIZERS, SCHEDULES

# What may be bound and referred to: data sets, which read files, and extractors, which read weights, are not among them.
_REGISTRIES = (MODELS, OBJECTIVES, WEIGHTS, BASELINES, ARCHITECTURES, LIKELIHOODS, OPTIMIZERS, SCHEDULES)
_DOORS = ("dataset", "feed", "validation", "divergence", "model", "encoder", "decoder", "reconstruction_loss")
_DATA = "dataset.name"
_WEIGHTS = "model.initial_weights"


def checked(path: Path, dataset: str) -> list[str]:
    """The bindings of a gin file and of what it includes, one a parameter, with values in place of macros.

    dataset: the name that dataset.name has to have. Imports nothing, makes no data set, and reads no other file than those of
    the installed gin/.
    Raises UserError for wrong syntax, an import of any kind, an include of another file, a binding or reference of anything but
    the model, its training and dataset.name, a parameter that names a file or a run, and a number out of its bounds (see
    cost_bounds).
    """
    found = statements([str(path)], [], only_installed=True)
    for each in found:
        _check(each, path)
    parameters, macros = effective(found)
    values = Macros(macros)
    resolved = {key: values.resolve(each.value, each) for key, each in parameters.items()}
    names = [value for key, value in resolved.items() if _parameter(key) == _DATA]
    if not names:
        raise UserError(f"{path} does not say {_DATA}; bind it to {dataset!r}, whose codes were submitted")
    if other := [name for name in names if name != dataset]:
        raise UserError(f"{path} trains on {other[0]!r}; the codes are of {dataset}")
    check_costs({key: (value, parameters[key].place) for key, value in resolved.items()}, path)
    return [f"{key} = {literal(value)}" for key, value in resolved.items()]


def _check(statement: Statement, path: Path) -> None:
    """Raises UserError for a statement that would run code which is not this package's, or read other files."""
    if statement.kind == IMPORT:
        raise UserError(f"{path} imports a module, which is never run for a submission; leave it out{statement.place}")
    if statement.kind == METRIC:
        raise UserError(f"{path} says by what to score, which is no part of a training; leave it out{statement.place}")
    if statement.kind not in (BINDING, MACRO):
        return
    allowed = {*_DOORS, *(name for registry in _REGISTRIES for name in registry.names())}
    bound = [_parameter(statement.key).rpartition(".")[0]] if statement.kind == BINDING else []
    for name in [*bound, *(each.selector for each in references(statement.value))]:
        if name not in allowed:
            raise UserError(
                f"{path} uses {name!r}, which is no part of a model or its training; a submission configures these and "
                f"{_DATA} only{statement.place}"
            )
    if statement.kind == BINDING and _parameter(statement.key) == _WEIGHTS:
        raise UserError(f"{path} sets {_WEIGHTS}, a folder of another run; leave it out{statement.place}")
    if statement.kind == BINDING and _parameter(statement.key) == _DATA and "/" in statement.key:
        raise UserError(f"{path} sets {_DATA} in a scope, {statement.key!r}; write {_DATA}{statement.place}")


def _parameter(key: str) -> str:
    """ "configurable.parameter" of "scope/module.configurable.parameter"."""
    return ".".join(key.split("/")[-1].split(".")[-2:])
