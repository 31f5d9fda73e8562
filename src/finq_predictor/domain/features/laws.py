"""What holds for every feature: the laws that ours and those of a user are held to alike.

A law is checked by recomputing a feature from made-up bars that were changed in a known way. A broken one says which
feature, what was given and what was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.columns import SECTOR, VOLUME
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import EVERY, FeatureSpec
from finq_predictor.domain.features.made_up import ENDS, INSTRUMENTS, SERIES, STARTS, made_up_panel
from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.domain.panel import CROSS_SECTION, MEMBER, NEWS_FIELDS, Panel

LEVELS = (7.0, 1e-3, 1e6, 1e-6)
"""What prices or volume of one instrument are multiplied by."""
_PRICES = ("open", "high", "low", "close")
PRICE_FIELDS = (*(f"{side}{part}" for side in ("", "bid_", "ask_") for part in _PRICES), "vwap")
_OF_BARS = frozenset((*PRICE_FIELDS, VOLUME, SECTOR, CROSS_SECTION))


@dataclass(frozen=True)
class BrokenLaw:
    """A law that a feature does not keep.

    Attributes:
        law: Name of the law.
        feature: Name of the feature.
        market: Name of the market.
        given: What it was computed from.
        seen: What came.
    """

    law: str
    feature: str
    market: str
    given: str
    seen: str

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        return f"{self.feature} breaks a law in {self.market}: {LAWS[self.law].says} Given {self.given}: {self.seen}."


Found = Iterator[tuple[FeatureSpec, str, str]]


@dataclass(frozen=True)
class Law:
    """A law.

    Attributes:
        says: What holds, in a sentence.
        check: Gives each feature that does not keep it, with what was given and what was seen.
    """

    says: str
    check: Callable[[_Computed], Found]


class _Computed:
    """Features of a panel: their values of all bars once, and those of changed panels."""

    def __init__(self, specs: Sequence[FeatureSpec], panel: Panel) -> None:
        self.panel = panel
        self.raised: dict[str, BrokenLaw] = {}
        bars = Bars(panel)
        found = {spec.name: self.values(spec, bars) for spec in specs}
        self.whole = {name: values for name, values in found.items() if values is not None}
        self.specs = [spec for spec in specs if spec.name in self.whole]

    def values(self, spec: FeatureSpec, bars: Bars) -> Matrix | None:
        """Values of a feature; None where its function raises, which is noted once."""
        try:
            return values_of(spec, bars)
        except Exception as error:  # a user's function may raise anything
            given = f"{len(bars.panel.ts)} bars of {len(bars.panel.instruments)} instruments"
            noted = BrokenLaw("is_computed", spec.name, bars.panel.market, given, _said(error))
            self.raised.setdefault(spec.name, noted)
            return None

    def again(self, panel: Panel, first: int = 0) -> Iterator[tuple[FeatureSpec, Matrix, Matrix]]:
        """Each feature with its values of the whole panel and of another one."""
        bars = Bars(panel, first)
        for spec in self.specs:
            if (values := self.values(spec, bars)) is not None:
                yield spec, self.whole[spec.name], values

    def changed(self, change: Callable[[str, Matrix], Matrix]) -> Panel:
        """The panel with every field changed."""
        fields = {name: np.ascontiguousarray(change(name, values)) for name, values in self.panel.fields.items()}
        return Panel(self.panel.market, self.panel.ts, self.panel.instruments, fields)


def laws(spec: FeatureSpec, *, bars: int = 420) -> list[BrokenLaw]:
    """Hold a feature to every law, in each market that it suits.

    Args:
        spec: The feature.
        bars: Bars of the made-up markets; more where it looks back further.

    Returns:
        The laws that it breaks, with what was given and what was seen; an empty list where it keeps all.

    Raises:
        ConfigurationError: If no market has what it needs.
    """
    suited = [market for market in MARKETS.values() if spec.suits(market)]
    if not suited:
        raise ConfigurationError(f"No market has what {spec.name!r} needs: {', '.join(map(str, spec.needs))}.")
    return [broken for market in suited for broken in broken_laws([spec], market, bars=bars)]


def broken_laws(
    specs: Iterable[FeatureSpec], market: Market, *, only: Iterable[str] | None = None, bars: int = 420, seed: int = 0
) -> list[BrokenLaw]:
    """Hold features of one market to the laws.

    Args:
        specs: The features; those of macro series are computed for a made-up one.
        market: The market.
        only: Names of laws; None is all.
        bars: Bars of the made-up market; more where a feature looks back further.
        seed: Which made-up market.
    """
    concrete = [spec.for_series(SERIES) if EVERY in spec.inputs else spec for spec in specs]
    if not concrete:
        return []
    needed = max(spec.lookback for spec in concrete) + 120
    panel = made_up_panel(market, bars=max(bars, needed), seed=seed)
    computed = _Computed(concrete, panel)
    broken = [
        BrokenLaw(name, spec.name, market.name, given, seen)
        for name in (LAWS if only is None else only)
        for spec, given, seen in LAWS[name].check(computed)
    ]
    return [*computed.raised.values(), *broken]


def values_of(spec: FeatureSpec, bars: Bars) -> Matrix:
    """What a function gives, (T, N), infinite values included."""
    shape = (len(bars.panel.ts), len(bars.panel.instruments))
    with np.errstate(all="ignore"):
        values = np.asarray(spec.compute(bars), dtype=np.float64)
    if values.shape not in {shape, (shape[0], 1)}:
        raise ConfigurationError(f"it has the shape {values.shape}; expected {shape} or {(shape[0], 1)}")
    return np.broadcast_to(values, shape)


# The laws --------------------------------------------------------------------------------------------------------


def _is_computed(computed: _Computed) -> Found:
    for spec in computed.specs:
        if not np.isfinite(computed.whole[spec.name]).any():
            yield spec, f"{len(computed.panel.ts)} bars with every input", "not one value is known"


def _knows_no_future(computed: _Computed) -> Found:
    panel = computed.panel
    for place in (40, len(panel.ts) // 2, len(panel.ts) - 3):
        for spec, whole, past in computed.again(panel.rows(0, place + 1)):
            if (row := _first_difference(whole[: place + 1], past)) is not None:
                yield spec, f"bars up to {panel.ts[place]} only", f"the value of {panel.ts[row]} changes"


def _lookback_suffices(computed: _Computed) -> Found:
    panel = computed.panel
    for spec in computed.specs:
        for place in (len(panel.ts) - 1, len(panel.ts) - 21, len(panel.ts) - 47):
            start = max(0, place - spec.lookback + 1)
            last = computed.values(spec, Bars(panel.rows(start, place + 1), place - start))
            whole = computed.whole[spec.name][place : place + 1]
            if last is not None and _first_difference(whole, last[-1:]) is not None:
                yield spec, f"the {spec.lookback} bars it declares", f"the value of {panel.ts[place]} changes"


def _alone_is_the_same(computed: _Computed) -> Found:
    first = len(computed.panel.ts) - 2
    for spec, whole, alone in computed.again(computed.panel, first):
        if _first_difference(whole[first:], alone[first:]) is not None:
            yield spec, "two bars asked for by themselves", "their values are not those of all bars asked together"


def _inputs_stay(computed: _Computed) -> Found:
    for spec in computed.specs:
        panel = computed.changed(lambda _, values: values.copy())
        twice = [computed.values(spec, Bars(panel)) for _ in range(2)]
        changed = sorted(
            name
            for name, values in panel.fields.items()
            if not np.array_equal(values, computed.panel.fields[name], equal_nan=True)
        )
        if changed:
            yield spec, "bars that can be written to", f"it wrote into {', '.join(changed)}"
        elif any(_first_difference(computed.whole[spec.name], one) is not None for one in twice if one is not None):
            yield spec, "the same bars twice more", "other values"


def _reads_what_it_declares(computed: _Computed) -> Found:
    for spec in computed.specs:
        # The universe of a bar is made of these.
        always = {"close", MEMBER} if CROSS_SECTION in spec.inputs else set()
        declared = {*spec.inputs, *always}
        fields = {
            name: values if name.partition(".")[0] in declared else np.full_like(values, np.nan)
            for name, values in computed.panel.fields.items()
        }
        panel = Panel(computed.panel.market, computed.panel.ts, computed.panel.instruments, fields)
        again = computed.values(spec, Bars(panel))
        if again is not None and _first_difference(computed.whole[spec.name], again) is not None:
            yield spec, f"nothing but {', '.join(sorted(declared)) or 'the clock'}", "other values: it reads more"


def _a_missing_field_is_missing(computed: _Computed) -> Found:
    for spec in computed.specs:
        for name in sorted({one for one in spec.inputs if one in computed.panel.fields}):
            values = computed.values(spec, Bars(computed.changed(_without(name))))
            if values is not None and np.isfinite(values).any():
                yield spec, f"{name} missing everywhere", f"{int(np.isfinite(values).sum())} values are known"


def _single_holes_stay_small(computed: _Computed) -> Found:
    place = len(computed.panel.ts) // 2
    for name in sorted({one for spec in computed.specs for one in spec.inputs if one in computed.panel.fields}):

        def hole(field: str, values: Matrix, name: str = name) -> Matrix:
            copy = values.copy()
            if field.partition(".")[0] == name:
                copy[place, 0] = np.nan
            return copy

        for spec, whole, holed in computed.again(computed.changed(hole)):
            if name not in spec.inputs:
                continue
            given = f"{name} of one instrument missing at {computed.panel.ts[place]}"
            reach = place + spec.lookback
            if np.isinf(holed).any():
                yield spec, given, "an infinite value"
            elif _first_difference(whole[:place], holed[:place]) is not None:
                yield spec, given, "an earlier value changes"
            elif _first_difference(whole[reach:], holed[reach:]) is not None:
                yield spec, given, f"a value changes more than {spec.lookback} bars later"


def _nothing_outside_its_life(computed: _Computed) -> Found:
    own, far = {*PRICE_FIELDS, VOLUME}, len(computed.panel.ts) // 2

    def ended(name: str, values: Matrix) -> Matrix:
        copy = values.copy()
        if name in own:
            copy[far:, 0] = np.nan
        return copy

    for spec, whole, short in computed.again(computed.changed(ended)):
        # Articles are written of a company that is not listed yet, and a market is there without one instrument.
        if not own & set(spec.inputs) or set(NEWS_FIELDS) & set(spec.inputs) or _is_one_for_all(short):
            continue
        if np.isfinite(whole[: STARTS - 1, INSTRUMENTS - 1]).any():
            yield spec, f"an instrument that starts at bar {STARTS}", "a value is known before"
        if np.isfinite(short[far + spec.lookback :, 0]).any():
            yield spec, f"an instrument that ended {spec.lookback} bars ago", "a value is still known"


def _level_free(computed: _Computed) -> Found:
    for what, names in (("prices", PRICE_FIELDS), ("volume", (VOLUME,))):
        for factor in LEVELS:

            def scaled(name: str, values: Matrix, names: tuple[str, ...] = names, factor: float = factor) -> Matrix:
                copy = values.copy()
                if name in names:
                    copy[:, 0] *= factor
                return copy

            for spec, whole, again in computed.again(computed.changed(scaled)):
                if not _close(whole, again):
                    yield spec, f"{what} of one instrument times {factor:g}", "other values: it sees the level"


def _order_is_nothing(computed: _Computed) -> Found:
    order = np.roll(np.arange(INSTRUMENTS), 3)[::-1]  # none stays where it was
    mixed = computed.changed(lambda _, values: values[:, order] if values.shape[1] > 1 else values)
    moved = Panel(mixed.market, mixed.ts, tuple(mixed.instruments[place] for place in order), mixed.fields)
    for spec, whole, again in computed.again(moved):
        if not _close(whole[:, order], again, rtol=1e-9):
            yield spec, "the instruments in another order", "other values"


def _others_are_nothing(computed: _Computed) -> Found:
    single = computed.changed(lambda _, values: values[:, :1])
    alone = Panel(single.market, single.ts, computed.panel.instruments[:1], single.fields)
    for spec, whole, again in computed.again(alone):
        compares = CROSS_SECTION in spec.inputs
        if np.isinf(again).any():
            yield spec, "a market of one instrument", "an infinite value"
        elif compares and np.isfinite(again).any():
            yield spec, "a market of one instrument", "it is compared with itself; expected no value"
        elif not compares and _first_difference(whole[:, :1], again) is not None:
            yield spec, "a market of one instrument", "other values; what compares declares 'cross_section'"


def _never_infinite(computed: _Computed) -> Found:
    rng = np.random.default_rng(1)
    shape = computed.panel.fields["close"].shape
    hole = rng.random(shape) < 0.3
    still = rng.random(shape) < 0.5
    cases: Mapping[str, Callable[[str, Matrix], Matrix]] = {
        "the made-up bars": lambda _, values: values,
        "a third of all missing": lambda _, values: np.where(hole, np.nan, values) if values.shape[1] > 1 else values,
        "no volume at all": lambda name, values: values * 0.0 if name == VOLUME else values,
        "no volume in half of the bars": lambda name, values: (
            np.where(still, 0.0, values) if name == VOLUME else values
        ),
        "no article at all": lambda name, values: values * 0.0 if name in NEWS_FIELDS else values,
        "prices and benchmark that never move": _constant(0.1 + 0.2),
        "prices of a millionth": lambda name, values: values * 1e-6 if name in PRICE_FIELDS else values,
        "prices of a million": lambda name, values: values * 1e6 if name in PRICE_FIELDS else values,
    }
    for given, change in cases.items():
        for spec, _, values in computed.again(computed.changed(change)):
            if np.isinf(values).any():
                yield spec, given, f"{int(np.isinf(values).sum())} values are infinite"


def _constant_gives_no_noise(computed: _Computed) -> Found:
    pairs = zip(
        computed.again(computed.changed(_constant(0.1 + 0.2))),
        computed.again(computed.changed(_constant(7.3e5))),
        strict=True,
    )
    for (spec, _, one), (_, _, other) in pairs:
        if not set(spec.inputs) <= _OF_BARS or not spec.inputs or MEMBER in spec.inputs:
            continue
        late = slice(spec.lookback + STARTS, ENDS)
        if not _close(one[late], other[late], rtol=1e-9):
            yield spec, "prices that never move, at two levels", "values that differ: it divides rounding by rounding"


LAWS: dict[str, Law] = {
    "is_computed": Law("it has values where all its inputs are there.", _is_computed),
    "knows_no_future": Law("what comes after a bar changes no value of it.", _knows_no_future),
    "lookback_suffices": Law("the bars it declares decide its value, bit by bit.", _lookback_suffices),
    "alone_is_the_same": Law("a bar asked for by itself has the value it has among all.", _alone_is_the_same),
    "inputs_stay": Law("it changes none of its inputs and gives the same twice.", _inputs_stay),
    "reads_what_it_declares": Law("it reads the inputs it declares and no other.", _reads_what_it_declares),
    "a_missing_field_is_missing": Law(
        "where an input is missing everywhere, nothing is known.", _a_missing_field_is_missing
    ),
    "single_holes_stay_small": Law(
        "one missing value reaches no earlier bar and none beyond the lookback.", _single_holes_stay_small
    ),
    "nothing_outside_its_life": Law(
        "nothing is known of an instrument before it starts and after it ends.", _nothing_outside_its_life
    ),
    "level_free": Law(
        "the level of prices and volume changes nothing, for adjusted levels know later splits.", _level_free
    ),
    "order_is_nothing": Law("the order of the instruments changes nothing.", _order_is_nothing),
    "others_are_nothing": Law("other instruments reach only what compares.", _others_are_nothing),
    "never_infinite": Law("no value is infinite.", _never_infinite),
    "constant_gives_no_noise": Law("prices that never move give nothing, or one number.", _constant_gives_no_noise),
}
"""Every law by its name."""


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _without(name: str) -> Callable[[str, Matrix], Matrix]:
    """Nothing is known of a field, nor of what describes it."""
    return lambda field, values: np.full_like(values, np.nan) if field.partition(".")[0] == name else values


def _constant(level: float) -> Callable[[str, Matrix], Matrix]:
    def change(name: str, values: Matrix) -> Matrix:
        if name in PRICE_FIELDS or name == "benchmark_close":
            return np.where(np.isnan(values), np.nan, level)
        return np.where(np.isnan(values), np.nan, 1e6) if name == VOLUME else values

    return change


def _is_one_for_all(values: Matrix) -> bool:
    """Whether all instruments have the same value at every bar."""
    return bool((values == values[:, :1]).sum() == np.isfinite(values).sum())


def _first_difference(one: Matrix, other: Matrix) -> int | None:
    """First row at which two differ in any bit; an infinite value counts as not known, as in the engine."""
    a, b = (np.where(np.isfinite(values), values, np.nan) for values in (one, other))
    differs = ~((a == b) | (np.isnan(a) & np.isnan(b))).all(axis=1)
    return int(np.argmax(differs)) if differs.any() else None


def _close(one: Matrix, other: Matrix, rtol: float = 1e-6) -> bool:
    """Whether two are equal to rounding, and known at the same places."""
    known = np.isfinite(one)
    if (known != np.isfinite(other)).any():
        return False
    if not known.any():
        return True
    scale = float(np.abs(one[known]).max())
    return bool(np.allclose(one[known], other[known], rtol=rtol, atol=rtol * 1e-3 * scale + 1e-12))
