"""Sets of features by name: what is data here is a list of members, and members are patterns.

A member is a name (`ret_20`), a pattern of names (`vol_*`), a family (`family:volume`) or another set (`set:core`);
with `!` in front it is taken out again. What stands later overrules what stands earlier. Members that a market has no
inputs for are left out of it, so that one set serves every market.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.features._registry import EVERY, REGISTRY, FeatureSpec
from finq_predictor.domain.registry import Registry

HOUSE = "house"
"""The set that a market uses when nobody says otherwise."""
_FAMILY, _SET, _OUT = "family:", "set:", "!"


@dataclass(frozen=True)
class NamedSet:
    """A set.

    Attributes:
        name: Its name in parameters.
        members: Names, patterns, families and other sets.
        description: What it is for.
        source: Who published it; empty for our own.
    """

    name: str
    members: tuple[str, ...]
    description: str
    source: str = ""


SETS: Registry[NamedSet] = Registry.of(
    "feature set",
    NamedSet(
        HOUSE,
        ("*", "!set:alpha158", "!set:sequence"),
        "Everything but what others published as a set of their own and the sequences; the default.",
    ),
    NamedSet("all", ("*",), "Everything there is; much of it says the same twice."),
    NamedSet(
        "core",
        (
            *("ret_1", "ret_5", "ret_20", "ret_60", "ret_skip_250_20", "high_gap_250", "zscore_20", "rsi_14"),
            *("sma_gap_50", "sma_gap_200", "macd_12_26", "vol_20", "vol_60", "vol_ratio_20_60", "max_ret_20"),
            *("skew_60", "beta_250", "idiosyncratic_vol_60", "volume_trend_5_20", "illiquidity_trend_20_250"),
            *("high_low_spread_20", "spread_ratio_24", "sector_excess_ret_20", "news_tone_5", "turn_of_month"),
        ),
        "Two dozen that the literature stands behind, one or two of each effect, to begin with and to explain.",
    ),
    NamedSet(
        "fx-core",
        (
            *("ret_1", "ret_5", "vol_20", "spread_pct", "zscore_20", "ewma_short", "ewma_long", "high_vol_regime"),
            *("asian_session", "london_session", "new_york_session"),
        ),
        "The short list for pairs of currencies, of the mid price; the mid itself is a level and no feature.",
    ),
    NamedSet(
        "alpha158",
        ("family:alpha158", "family:alpha158_flow"),
        "Alpha158 under the names and by the definitions of qlib.",
        "Yang et al. (2020)",
    ),
    NamedSet("sequence", ("family:sequence",), "The last twenty bars one by one, for models that read sequences."),
    NamedSet("house-sequence", ("set:house", "set:sequence"), "The default and the sequences, for a race of both."),
)


def with_own(own: Mapping[str, Iterable[str]]) -> Registry[NamedSet]:
    """The sets of the product and some of a user's.

    Args:
        own: Members by name.

    Raises:
        ConfigurationError: If a name is taken, a set has no member, or sets are made of each other.
        UnknownNameError: If a member is nothing that exists; near misses are suggested.
    """
    sets = Registry.of("feature set", *SETS.values())
    for name, members in own.items():
        sets.add(name, NamedSet(name, tuple(members), "Your own."))
    for name in own:
        members_of(name, sets)
    return sets


@dataclass(frozen=True)
class Members:
    """What a set is made of, the sets in it opened.

    Attributes:
        rules: Whether it is put in or taken out, and which features are meant: name, pattern, family or another set.
    """

    rules: tuple[tuple[bool, str | Members], ...]

    def __contains__(self, spec: FeatureSpec) -> bool:
        inside = False
        for put_in, meant in self.rules:
            if spec in meant if isinstance(meant, Members) else _is_meant(spec, meant):
                inside = put_in
        return inside


def members_of(name: str, sets: Mapping[str, NamedSet] = SETS) -> Members:
    """What a set is made of.

    Raises:
        ConfigurationError: If a set has no member, or sets are made of each other.
        UnknownNameError: If a set or a member does not exist; near misses are suggested.
    """
    return _opened(name, sets, ())


def _opened(name: str, sets: Mapping[str, NamedSet], within: tuple[str, ...]) -> Members:
    if name in within:
        raise ConfigurationError(f"The feature set {name!r} is made of itself: {' -> '.join((*within, name))}.")
    if not sets[name].members:
        raise ConfigurationError(f"The feature set {name!r} has no member; name features, families or patterns.")
    rules: list[tuple[bool, str | Members]] = []
    for member in sets[name].members:
        meant = member.removeprefix(_OUT)
        if meant.startswith(_SET):
            rules.append((meant == member, _opened(meant.removeprefix(_SET), sets, (*within, name))))
        else:
            _require_something(name, meant)
            rules.append((meant == member, meant))
    return Members(tuple(rules))


def _require_something(name: str, member: str) -> None:
    if member.startswith(_FAMILY):
        families = {spec.family for spec in REGISTRY.values()}
        if member.removeprefix(_FAMILY) not in families:
            raise UnknownNameError(f"feature family in set {name!r}", member.removeprefix(_FAMILY), families)
    elif not any(_names(spec, member) for spec in REGISTRY.values()):
        raise UnknownNameError(f"feature in set {name!r}", member, REGISTRY)


def _names(spec: FeatureSpec, member: str) -> bool:
    # Of a macro feature there is one per series, and which series there are is not known here.
    of_a_series = EVERY in spec.inputs and member.startswith(f"{spec.function.__name__}_")
    return of_a_series or fnmatchcase(spec.name, member)


def _is_meant(spec: FeatureSpec, member: str) -> bool:
    if member.startswith(_FAMILY):
        return spec.family == member.removeprefix(_FAMILY)
    return fnmatchcase(spec.name, member)
