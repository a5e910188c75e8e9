"""Statements with disentanglement_lib's gin names → the same in this package's, each alias with a line of advice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from dlib_bvae import gin_text
from dlib_bvae.dlib_names import (
    ADAM,
    ALIASES,
    DISCRIMINATOR,
    IGNORED,
    METRICS,
    ONLY_THEIRS,
    PRUNE_THRESHOLD,
    REFUSED,
    SHARED,
    TWIN,
    WITH_REPLACEMENT,
    draws,
    said,
    said_of,
    said_of_metric,
)
from dlib_bvae.errors import UserError, warn_once
from dlib_bvae.gin_text import (
    ADVICE,
    BINDING,
    MACRO,
    METRIC,
    Macros,
    Reference,
    Statement,
    effective,
    literal,
    references,
)

_ADAM = "AdamOptimizer"
_EVALUATION = "evaluation.evaluation_fn"
_SAMPLING = "evaluation.sampling"
_DISCRIMINATOR = "factor_vae.discriminator_learning_rate"
_INITIALIZER = "factor_vae.initializer"
_MODULES = ("", "tf", "tensorflow", "disentanglement_lib")  # where its names may be said to come from
_KNOWN = {*ALIASES, *IGNORED, *REFUSED, _EVALUATION}  # functions and parameters


def statements(files: Sequence[str], bindings: Sequence[str], only_installed: bool = False) -> list[Statement]:
    """gin_text.statements() in this package's names alone; an ADVICE stands before what it is about.

    evaluation.evaluation_fn becomes a METRIC, and with it the names of that metric, which ours may have too, are taken for
    disentanglement_lib's. Raises UserError also for what has no equivalent.
    """
    return translated(gin_text.statements(files, bindings, only_installed))


def translated(found: list[Statement]) -> list[Statement]:
    """`found`, all statements of a configuration, in this package's names. Raises UserError for what has no equivalent."""
    return _Translation(found).statements() if any(map(_concerns, found)) else found


def asked_metrics(
    names: Sequence[str] | None, files: Sequence[str] = (), bindings: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Metrics by our names, and the gin bindings that they need besides.

    names: of which some may be disentanglement_lib's; None for the one of the configuration's evaluation.evaluation_fn. Raises
    UserError where neither names one, where they name different ones, and where one of its metrics would have others drawn with
    replacement, too, which the configuration does not say.
    """
    found = statements(files, bindings)
    of_gin = next((each.key for each in reversed(found) if each.kind == METRIC), None)
    if names is None:
        if of_gin is None:
            raise UserError("no metric; give --metric=beta_vae, several names with commas between, or all")
        return [of_gin], []
    ours = [ONLY_THEIRS.get(name, name) for name in names]
    if of_gin is not None and ours != [of_gin]:
        raise UserError(
            f"--metric={','.join(names)} is not what evaluation.evaluation_fn of the gin configuration asks for, {of_gin}; leave "
            "out one"
        )
    needing = [name for name in names if name in ONLY_THEIRS and draws(ONLY_THEIRS[name])]
    if any(_key(each).full == _SAMPLING for each in found):
        needing = []
    others = [name for name in names if name not in ONLY_THEIRS and not name.endswith(TWIN)]
    if needing and others:
        raise UserError(
            f"--metric={needing[0]} draws images with replacement, as disentanglement_lib does, and {others[0]} does not; ask "
            f"for them one after the other, or give --gin_bindings={draws(ONLY_THEIRS[needing[0]])!r} for both"
        )
    for name in names:
        if name in ONLY_THEIRS:
            warn_once(said(name))
    return ours, [draws(ONLY_THEIRS[name]) for name in needing[:1]]


class _Key(NamedTuple):
    """The parts of a binding's key; name "": not one of disentanglement_lib's."""

    scope: str
    name: str
    parameter: str

    @property
    def full(self) -> str:
        return f"{self.name}.{self.parameter}"


def _key(each: Statement) -> _Key:
    if each.kind != BINDING:
        return _Key("", "", "")
    scope, _, selector = each.key.rpartition("/")
    *modules, name, parameter = selector.split(".")
    return _Key(scope, name if "".join(modules[:1]) in _MODULES else "", parameter)


def _concerns(each: Statement) -> bool:
    key = _key(each)
    return key.name in _KNOWN or key.full in _KNOWN or any(map(_is_theirs, references(each.value)))


def _is_theirs(reference: Reference) -> bool:
    name = reference.selector
    return (name == _ADAM or name in REFUSED) and reference.name.split("/")[-1].split(".")[0] in (name, *_MODULES)


class _Translation:
    """One configuration's translation. last: the binding that holds, by the parts of its key; final: the last in any scope."""

    def __init__(self, found: list[Statement]):
        self.found = found
        parameters, macros = effective(found)
        self.values = Macros(macros)
        self.last = {_key(each): each for each in parameters.values()}
        self.final = {key.full: each for key, each in self.last.items()}
        self.advised: set[str] = set()
        self.network = self._function("vae_optimizer.optimizer_fn")
        self.adam = self._bound(_ADAM, self.network)
        self.other = self._function("discriminator_optimizer.optimizer_fn")
        self.rival = self._bound(_ADAM, self.other)
        self.evaluated = self._function(_EVALUATION, "@mig")
        self.theirs = self.evaluated.selector if self.evaluated else ""
        self.metric = METRICS.get(self.theirs, self.theirs)
        self.scored = self._bound(self.theirs, self.evaluated)
        self.rate = self._value("vae_optimizer.learning_rate")
        self.handlers: dict[str, Callable[[Statement], Iterable[Statement]]] = {
            "vae_optimizer.optimizer_fn": self._optimizer,
            "vae_optimizer.learning_rate": self._learning_rate,
            "discriminator_optimizer.optimizer_fn": self._discriminator,
            "discriminator_optimizer.learning_rate": lambda each: [],  # with the optimiser
            "discriminator.discriminator_fn": self._network,
            _EVALUATION: self._evaluation,
            "unified_scores.matrix_fns": self._matrices,
            "reduced_representation.correlation_measure": self._importance,
            **{theirs: lambda each: self._shared(each) for theirs in SHARED},
        }

    def statements(self) -> list[Statement]:
        return [new for each in self.found for new in self._of(each)]

    def _of(self, each: Statement) -> Iterator[Statement]:
        for reference in references(each.value):
            if _is_theirs(reference) and (use := REFUSED.get(reference.selector)):
                raise _refusal(f"@{reference.selector}", use, each)
        key = _key(each)
        if use := REFUSED.get(key.name):
            raise _refusal(key.name, use, each)
        if key.full in self.handlers:
            if each is self.final[key.full]:  # what a later one overrides says nothing
                yield from self._advice(key.full, each) if key.full not in (_EVALUATION, *SHARED) else ()
                yield from self.handlers[key.full](each)
        elif key.full in IGNORED and self._changes_nothing(key.full, each):
            yield from self._advice(key.full, each)
        elif key.name == _ADAM:
            yield from self._advice(_ADAM, each)
            yield from self._of_adam(key, each)
        elif key.name and key.name == self.theirs and self.theirs in METRICS:
            if each is self.scored.get(key.parameter):
                yield each._replace(key=f"{self.metric}.{key.parameter}")
        elif key.name in ONLY_THEIRS:
            yield from self._advice(key.name, each)
            yield each._replace(key=f"{_scoped(key.scope)}{ONLY_THEIRS[key.name]}.{key.parameter}")
        else:
            yield each._replace(value=_renamed(each.value)) if each.kind in (BINDING, MACRO) else each

    def _advice(self, theirs: str, each: Statement) -> Iterator[Statement]:
        if theirs not in self.advised:
            self.advised.add(theirs)
            yield Statement(ADVICE, said(theirs), None, each.file, each.line)

    def _changes_nothing(self, full: str, each: Statement) -> bool:
        """Whether the binding may be left out. Raises UserError where only another value may."""
        only, value = IGNORED[full].only, self.values.resolve(each.value, each)
        if not only or literal(value) == only:
            return True
        if full == "dataset.name":
            return False
        raise UserError(
            f"disentanglement_lib's {full} = {literal(value)} has no equivalent here, where {IGNORED[full].why} ({only}); leave "
            f"it out{each.place}"
        )

    def _of_adam(self, key: _Key, each: Statement) -> Iterator[Statement]:
        used = [one.name.rpartition("/")[0] for one in (self.network, self.other) if one is not None]
        if not any(_within(scope, key.scope) for scope in used):  # of no optimiser, which is said of what nothing uses
            yield each._replace(key=f"{_scoped(key.scope)}adam.{key.parameter}")
        elif each is self.adam.get(key.parameter) and not (key.parameter == "learning_rate" and self.rate is not None):
            yield each._replace(key=f"adam.{key.parameter}")

    def _optimizer(self, each: Statement) -> Iterator[Statement]:
        assert self.network is not None
        if self.network.selector != _ADAM:
            yield each._replace(key="model.optimizer", value=self.network)
            return
        yield each._replace(key="model.optimizer", value=Reference("adam", False))
        if "learning_rate" not in self.adam and self.rate is None and not self._has("adam.learning_rate"):
            yield each._replace(key="adam.learning_rate", value=ADAM["learning_rate"])

    def _learning_rate(self, each: Statement) -> Iterator[Statement]:
        value = self.values.resolve(each.value, each)
        if isinstance(value, Reference):
            raise _refusal(_key(each).full + f" = {value}", "use model.schedule, such as @cosine()", each)
        if value is not None:
            name = self.network.selector if self.network else _ADAM
            yield each._replace(key=f"{'adam' if name == _ADAM else name}.learning_rate")

    def _discriminator(self, each: Statement) -> Iterator[Statement]:
        """The learning rate of factor_vae's discriminator; what else its Adam has must be what it has here."""
        if not self._has_discriminator():
            return
        assert self.other is not None
        if self.other.selector != _ADAM:
            raise _refusal(f"{_key(each).full} = {self.other}", "the discriminator is trained by Adam", each)
        found = {name: self.values.resolve(one.value, one) for name, one in self.rival.items()}
        for name, value in DISCRIMINATOR.items():
            if (given := found.get(name, ADAM[name])) != value:
                raise _refusal(
                    f"{name} = {given!r} of the discriminator's {_ADAM}", f"it is {value!r}, as in its studies", each
                )
        rate = self._value("discriminator_optimizer.learning_rate")
        if isinstance(rate, Reference):
            raise _refusal(f"discriminator_optimizer.learning_rate = {rate}", "give a number", each)
        rate = found.get("learning_rate", ADAM["learning_rate"]) if rate is None else rate
        yield each._replace(key=_DISCRIMINATOR, value=rate)

    def _network(self, each: Statement) -> Iterator[Statement]:
        value = self.values.resolve(each.value, each)
        if not self._has_discriminator():
            return
        if not isinstance(value, Reference) or value.selector != "fc_discriminator":
            use = "the discriminator is @fc_discriminator, with factor_vae.width and factor_vae.depth"
            raise _refusal(f"{_key(each).full} = {literal(value)}", use, each)
        if not self._has(_INITIALIZER):
            yield each._replace(key=_INITIALIZER, value="glorot_uniform")

    def _evaluation(self, each: Statement) -> Iterator[Statement]:
        """The metric, and what it needs to mean the same."""
        more: dict[str, Any] = {}
        if self.theirs in METRICS and draws(self.metric) and not self._has(_SAMPLING):
            more[_SAMPLING] = WITH_REPLACEMENT
        threshold = f"{self.metric}.prune_threshold"
        if self.theirs == "factor_vae_score" and not self._has("prune_dims.threshold") and not self._has(threshold):
            more[threshold] = PRUNE_THRESHOLD
        line = said_of_metric(self.theirs, [f"{name} = {value!r}" for name, value in more.items()])
        yield Statement(ADVICE, line, None, each.file, each.line)
        yield Statement(METRIC, self.metric, None, each.file, each.line)
        for name, value in more.items():
            yield each._replace(key=name, value=value)

    def _matrices(self, each: Statement) -> Iterator[Statement]:
        value = self.values.resolve(each.value, each)
        if isinstance(value, (list, tuple)):  # anything else is for the metric to refuse
            value = [one.selector if isinstance(one, Reference) else one for one in value]
        yield each._replace(key="unified_scores.matrices", value=value)

    def _importance(self, each: Statement) -> Iterator[Statement]:
        value = self.values.resolve(each.value, each)
        if not isinstance(value, Reference) or value.selector != "factorwise_dci":
            use = "reduced_downstream_task.importance is 'mutual_information' or 'gradient_boosting_classifier'"
            raise _refusal(f"{_key(each).full} = {literal(value)}", use, each)
        yield each._replace(key="reduced_downstream_task.importance", value="gradient_boosting_classifier")

    def _shared(self, each: Statement) -> Iterator[Statement]:
        """The parameter of the metric that is asked for; where it is not known, of all that have it."""
        key = _key(each)
        parameter, metrics = SHARED[key.full]
        value = self.values.resolve(each.value, each)
        if isinstance(value, Reference):
            value = value.selector
        if self.metric in metrics:
            ours = f"{self.metric}.{parameter}"
            yield Statement(ADVICE, said_of(key.full, ours), None, each.file, each.line)
            yield each._replace(key=ours, value=value)
            return
        yield from self._advice(key.full, each)
        file = each.file or "--gin_bindings"  # the others of one name are not said to be unused
        for name in metrics:
            yield each._replace(key=f"{name}.{parameter}", value=value, file=file)

    def _has_discriminator(self) -> bool:
        model = self._value("model.model")
        return isinstance(model, Reference) and model.selector == "factor_vae"

    def _has(self, full: str) -> bool:
        return full in self.final

    def _value(self, full: str) -> Any:
        """What is bound to a parameter in the end, in whatever scope; None where nothing is."""
        each = self.final.get(full)
        return None if each is None else self.values.resolve(each.value, each)

    def _function(self, full: str, example: str = "@AdamOptimizer") -> Reference | None:
        """The function that is bound to a parameter, if any. Raises UserError for another value."""
        value = self._value(full)
        if full in self.final and (not isinstance(value, Reference) or value.evaluate):
            raise UserError(
                f"{full} must be a function such as {example}, without parentheses; got {literal(value)}"
                f"{self.final[full].place}"
            )
        return value

    def _bound(self, name: str, function: Reference | None) -> dict[str, Statement]:
        """Parameter → the binding of `name` that a call of `function`, in its scope, has: that of the innermost scope."""
        if function is None:
            return {}
        scope, found = function.name.rpartition("/")[0], dict[str, tuple[str, Statement]]()
        for key, each in self.last.items():
            before = found.get(key.parameter, ("", each))[0]
            if key.name == name and _within(scope, key.scope) and len(key.scope) >= len(before):
                found[key.parameter] = (key.scope, each)
        return {parameter: each for parameter, (_, each) in found.items()}


def _refusal(what: str, use: str, each: Statement) -> UserError:
    return UserError(f"disentanglement_lib's {what} has no equivalent here; {use}{each.place}")


def _within(scope: str, outer: str) -> bool:
    """Whether what is bound in the scope `outer` holds in `scope`."""
    return not outer or f"{scope}/".startswith(f"{outer}/")


def _scoped(scope: str) -> str:
    return f"{scope}/" if scope else ""


def _renamed(value: Any) -> Any:
    """`value` with @adam in place of @AdamOptimizer, at any depth."""
    if isinstance(value, Reference):
        scope = _scoped(value.name.rpartition("/")[0])
        return Reference(f"{scope}adam", value.evaluate) if value.selector == _ADAM and _is_theirs(value) else value
    if isinstance(value, (list, tuple)):
        return type(value)(_renamed(each) for each in value)
    if isinstance(value, dict):
        return {_renamed(key): _renamed(each) for key, each in value.items()}
    return value
