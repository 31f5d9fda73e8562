"""One definition of a feature: the decorator, what it records, and the set that a model is trained on."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.columns import ASK, BID, SECTOR
from finq_predictor.domain.errors import ConfigurationError, FeatureSetMismatchError, UnknownNameError, closest
from finq_predictor.domain.features._definition import OWN_PACKAGE, function_code, shared_code
from finq_predictor.domain.market.markets import MARKETS, Market, Trait, get_market
from finq_predictor.domain.panel import BENCHMARK_CLOSE, CROSS_SECTION, NEWS_FIELDS
from finq_predictor.domain.registry import Registry

if TYPE_CHECKING:
    from finq_predictor.domain.features._bars import Bars

Window = int | tuple[int, ...]
FeatureFunction = Callable[..., "Matrix"]
EVERY = "macro_*"
"""Input of features that exist once per macro series."""
_OF_SOME_MARKETS: dict[str, Trait] = {
    BENCHMARK_CLOSE: Trait.BENCHMARK,
    SECTOR: Trait.SECTORS,
    **dict.fromkeys((*BID, *ASK), Trait.QUOTES),
}
"""Inputs that not every market can have, and what has them."""


@dataclass(frozen=True)
class FeatureSpec:
    """One column.

    Attributes:
        name: Function name, then the macro series where there is one, then the windows, joined with underscores.
        family: File that defines it.
        inputs: Panel fields that it reads.
        window: Its windows in bars, empty where it has none.
        lookback: Bars that decide its value, the current one included.
        unit: Unit of the value.
        source: Author and year.
        description: First line of the docstring.
        needs: What a market must have for it to make sense.
        function: Takes ``Bars`` and ``arguments``, returns (T, N) or (T, 1).
        arguments: What the function gets after the bars.
        market: Name of the market it was chosen for, if any.
        formula: What it computes in the words of :data:`~finq_predictor.domain.features.formulas.WORDS`, its windows
            as numbers. It says, and decides nothing; the tests evaluate it by other means and compare.
    """

    name: str
    family: str
    inputs: tuple[str, ...]
    window: tuple[int, ...]
    lookback: int
    unit: str
    source: str
    description: str
    needs: tuple[Trait, ...]
    function: FeatureFunction = field(repr=False)
    arguments: tuple[Any, ...] = ()
    market: str | None = None
    formula: str = ""

    @property
    def file(self) -> str | None:
        """Name of the user's file that it comes from, without its ending; None for one of a package."""
        package, _, name = self.function.__module__.partition(".")
        return name if package == OWN_PACKAGE else None

    @property
    def known(self) -> str:
        """When a value is known, by what it reads: never later than the decision of its bar."""
        return _when_known(self.inputs)

    @property
    def markets(self) -> tuple[str, ...]:
        """Names of the markets that have it: the one it was chosen for, or all that have what it needs."""
        if self.market is not None:
            return (self.market,)
        return tuple(name for name, market in MARKETS.items() if self.suits(market))

    def suits(self, market: Market) -> bool:
        """Whether a market has what it needs."""
        return market.traits.issuperset(self.needs)

    def compute(self, bars: Bars) -> Matrix:
        """Values at every row the bars ask for, (T, N) or (T, 1); NaN where not known."""
        return self.function(bars, *self.arguments)

    def for_series(self, series: str) -> FeatureSpec:
        """The same feature of one macro series."""
        inputs = tuple(f"macro_{series}" if name == EVERY else name for name in self.inputs)
        name = "_".join([self.function.__name__, series, *map(str, self.window)])
        formula = _with_numbers(self.formula, {"series": series})
        return replace(self, name=name, inputs=inputs, arguments=(series, *self.window), formula=formula)

    def definition(self) -> str:
        """Everything that decides the values, as text; what is said about it for people is not in it."""
        facts = (self.name, self.inputs, self.window, self.lookback, self.arguments)
        return f"{facts!r}\n{function_code(self.function)}"


REGISTRY: Registry[FeatureSpec] = Registry("feature")
_MADE_OF: WeakKeyDictionary[FeatureFunction, tuple[FeatureSpec, ...]] = WeakKeyDictionary()


def feature(
    *,
    inputs: tuple[str, ...],
    lookback: int | Callable[..., int],
    unit: str,
    source: str,
    windows: tuple[Window, ...] = (),
    needs: tuple[Trait, ...] = (),
    formula: str = "",
    name: str | None = None,
) -> Callable[[FeatureFunction], FeatureFunction]:
    """Register a function as one feature per window.

    A function that is typed into a notebook is not kept: it can be studied, see ``reports.feature_study``, and its cell
    run again, and it becomes a feature of the house when the same text stands in a file.

    Args:
        inputs: Panel fields it reads; ``"macro_*"`` makes one feature per macro series.
        lookback: Bars that decide a value, the current one included; or a function of the windows.
        unit: Unit of the value.
        source: Author and year of the definition.
        windows: Windows in bars; a tuple of several is passed as several arguments.
        needs: What a market must have for it to make sense, beside what its inputs ask for.
        formula: What it computes, in words of :data:`~finq_predictor.domain.features.formulas.WORDS` and with the
            function's own names for its windows.
        name: Name of what was published under a name of its own, with ``{}`` for the window; None makes it of the
            function's name and the windows.

    Raises:
        ConfigurationError: If the name exists already or the docstring is missing.
        UnknownNameError: If no market can have what it needs.
    """

    def register(function: FeatureFunction) -> FeatureFunction:
        text = inspect.getdoc(function)
        if not text:
            raise ConfigurationError(f"Feature {function.__name__!r} has no docstring; its first line describes it.")
        for need in needs:
            if need not in set(Trait):
                raise UnknownNameError("need of a feature", need, set(Trait))
        parameters = [name for name in list(inspect.signature(function).parameters)[1:] if name != "series"]
        made: list[FeatureSpec] = []
        for window in windows or ((),):
            values = window if isinstance(window, tuple) else (window,)
            spec = FeatureSpec(
                name=name.format(*values) if name else "_".join([function.__name__, *map(str, values)]),
                family=function.__module__.rpartition(".")[2],
                inputs=inputs,
                window=values,
                lookback=lookback(*values) if callable(lookback) else lookback,
                unit=unit,
                source=source,
                description=text.splitlines()[0],
                needs=(*needs, *sorted({_OF_SOME_MARKETS[name] for name in inputs if name in _OF_SOME_MARKETS})),
                function=function,
                arguments=values,
                formula=_with_numbers(formula, dict(zip(parameters, values, strict=False))),
            )
            check_feature(spec)
            if function.__module__ != "__main__":
                add_feature(spec)
            made.append(spec)
        _MADE_OF[function] = tuple(made)
        return function

    return register


def _with_numbers(formula: str, values: Mapping[str, object]) -> str:
    for name, value in values.items():
        formula = re.sub(rf"\b{name}\b", str(value), formula)
    return formula


def _when_known(inputs: tuple[str, ...]) -> str:
    """In words; the most demanding input first."""
    if not inputs:
        return "before its bar begins, from the clock"
    said = []
    if any(name.startswith("macro_") for name in inputs):
        said.append("releases and revisions from when they were published")
    if set(inputs) & set(NEWS_FIELDS):
        said.append("articles from when they were published, where all of the bar were fetched")
    if BENCHMARK_CLOSE in inputs:
        said.append("the benchmark if its close was known by the decision")
    if SECTOR in inputs:
        said.append("the sector that came with the bars")
    if CROSS_SECTION in inputs:
        said.append("the others that were members by then")
    return "at the close of its bar" + (f"; {'; '.join(said)}" if said else "")


def features_of(function: FeatureFunction) -> tuple[FeatureSpec, ...]:
    """The features that a decorated function is; none where it was not decorated."""
    return _MADE_OF.get(function, ())


def add_feature(spec: FeatureSpec) -> None:
    """Put a feature into the registry.

    Raises:
        ConfigurationError: If its name is taken or its lookback is not positive.
    """
    check_feature(spec)
    REGISTRY.add(spec.name, spec)


def check_feature(spec: FeatureSpec) -> None:
    """Refuse a feature that no bar decides.

    Raises:
        ConfigurationError: If its lookback is not positive.
    """
    if spec.lookback < 1:
        raise ConfigurationError(f"Feature {spec.name!r} has a lookback of {spec.lookback} bars; expected 1 or more.")


@dataclass(frozen=True)
class FeatureSet:
    """The features of one model, in order; saved with it and verified before it answers.

    Attributes:
        market: Name of the market.
        names: Columns in the order the model reads them.
        lookback: Bars that decide one row.
        definitions_hash: SHA-256 of the definitions.
        inputs: Panel fields that are read.
        left_out: Features of the market whose inputs were not there.
    """

    market: str
    names: tuple[str, ...]
    lookback: int
    definitions_hash: str
    inputs: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FeatureSet:
        """Read what :meth:`to_dict` wrote.

        Raises:
            FeatureSetMismatchError: If an entry is missing or unknown.
        """
        read: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        try:
            return cls(**read)
        except TypeError as error:
            raise FeatureSetMismatchError(
                f"The feature set cannot be read: {error}. Build the features again."
            ) from None

    def specs(self) -> tuple[FeatureSpec, ...]:
        """The definitions of the columns, in order.

        Raises:
            FeatureSetMismatchError: If a feature no longer exists; near misses are named.
        """
        known = {spec.name: spec for spec in expand(self.market, self.inputs)}
        for name in self.names:
            if name not in known:
                raise FeatureSetMismatchError(
                    f"Feature {name!r} of {self.market} does not exist in this code. {closest(name, known)} "
                    "Train again or run the code the model was trained with; if it is one of your own, name its file "
                    "in FINQ_FEATURE_FILES or install the package that offers it."
                )
        return tuple(known[name] for name in self.names)

    def closest_to(self, fields: Iterable[str]) -> tuple[str, ...]:
        """Of the features that read any of some panel fields, those that look back least, in order.

        Raises:
            FeatureSetMismatchError: As :meth:`specs`.
        """
        if not set(fields) & set(self.inputs):
            return ()
        return _closest_to(self, frozenset(fields))

    def verify(self) -> None:
        """Check that this code computes what the model was trained on.

        Raises:
            FeatureSetMismatchError: If a definition, a lookback or a name differs.
        """
        now = definitions_hash(self.market, self.specs())
        if now != self.definitions_hash:
            raise FeatureSetMismatchError(
                f"The {len(self.names)} features of {self.market} were defined differently when the model was trained "
                f"(then {self.definitions_hash[:12]}, now {now[:12]}). "
                "Train again or run the code the model was trained with."
            )


@lru_cache(maxsize=64)
def _closest_to(feature_set: FeatureSet, fields: frozenset[str]) -> tuple[str, ...]:
    reading = [spec for spec in feature_set.specs() if fields & set(spec.inputs)]
    nearest = min(spec.lookback for spec in reading)
    return tuple(spec.name for spec in reading if spec.lookback == nearest)


def expand(market: str, available: Iterable[str]) -> list[FeatureSpec]:
    """Features of a market whose inputs are all there, in the registry's order; macro features once per series."""
    fields = set(available)
    series = sorted(name.removeprefix("macro_") for name in fields if name.startswith("macro_") and "." not in name)
    result = []
    for spec in (spec for spec in REGISTRY.values() if spec.suits(get_market(market))):
        concrete = [spec.for_series(name) for name in series] if EVERY in spec.inputs else [spec]
        result += [replace(one, market=market) for one in concrete if set(one.inputs) <= fields]
    return result


def definitions_hash(market: str, specs: Iterable[FeatureSpec]) -> str:
    """SHA-256 over names, windows, lookbacks and code; the same on every machine and in every process.

    Comments, docstrings, imports and layout do not count: they can be edited while a trained model is in use.
    """
    parts = [market, *(spec.definition() for spec in specs), *shared_code()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
