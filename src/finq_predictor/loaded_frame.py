"""A table in memory, recognised and cleaned as a run would do it; no project, file or Kedro is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from finq_predictor.domain.errors import ConfigurationError, MappingError
from finq_predictor.domain.ingestion.bars import clean_bars, clean_benchmark
from finq_predictor.domain.ingestion.gates import Check
from finq_predictor.domain.ingestion.judging import Case, ask_every_gate
from finq_predictor.domain.ingestion.membership_records import clean_membership
from finq_predictor.domain.ingestion.recognition import Recognition, recognise
from finq_predictor.domain.ingestion.records import clean_articles, clean_macro
from finq_predictor.domain.ingestion.rules import CleaningRules, GateLimits, Rules
from finq_predictor.domain.ingestion.tally import Delivery
from finq_predictor.domain.ingestion.wide_tables import with_index_as_columns
from finq_predictor.domain.market.markets import get_market

if TYPE_CHECKING:
    from finq_predictor.domain.ingestion.quarantine import Cleaned

_CLEANING = {
    "bars": clean_bars,
    "benchmark": clean_benchmark,
    "articles": clean_articles,
    "macro": clean_macro,
    "membership": clean_membership,
}


@dataclass(frozen=True)
class LoadedFrame:
    """Tables as a run would have them after ingestion, in memory.

    Attributes:
        bars: Silver bars: ``ts`` (UTC close), ``instrument``, prices, ``volume``, ``known_at``.
        benchmark: Silver benchmark, ``ts, close, known_at``; None where none was given.
        articles: Silver articles; None where none were given.
        macro: Silver macro releases; None where none were given.
        membership: Silver membership of the index; None where none was given.
        quarantine: Rejected rows of all tables as text, each with its ``table``, ``rule`` and ``reason``.
        recognition: What the bars were recognised as.
        rules: How the tables were read and cleaned.
        deliveries: What became of the rows, by table.
        checks: Answers of the gates at their default limits; unlike in a run nothing stops where one has not passed.
    """

    bars: pd.DataFrame
    benchmark: pd.DataFrame | None
    articles: pd.DataFrame | None
    macro: pd.DataFrame | None
    quarantine: pd.DataFrame
    recognition: Recognition
    rules: Rules
    deliveries: Mapping[str, Delivery] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    membership: pd.DataFrame | None = None

    @property
    def report(self) -> str:
        """What the bars are, what became of each table, and the gates that a run would stop at or warn of."""
        return "\n".join([self.recognition.text(), *self._outcome(), *self._closed_gates()])

    def _outcome(self) -> list[str]:
        lines = []
        for table, delivery in self.deliveries.items():
            tally = delivery.tally
            rejected = ", ".join(f"{count:,} {rule}" for rule, count in sorted(tally.rules.items()))
            lines.append(
                f"{table.title():<11} {tally.kept:,} of {tally.rows:,} rows are usable"
                + (f"; in quarantine: {rejected}" if rejected else "")
            )
        return lines

    def _closed_gates(self) -> list[str]:
        return [
            f"A run {'stops' if check.stops else 'warns of'} {check.frame}, rule {check.rule}: "
            f"found {check.value:.4g}, allowed {check.limit:g}. {check.advice}"
            for check in self.checks
            if not check.passed
        ]


def load_frame(
    df: pd.DataFrame | pd.Series,
    benchmark: pd.DataFrame | pd.Series | None = None,
    articles: pd.DataFrame | None = None,
    macro: pd.DataFrame | None = None,
    market: str | None = None,
    cleaning: CleaningRules | None = None,
    membership: pd.DataFrame | None = None,
    **reading: Any,
) -> LoadedFrame:
    """Recognise and clean tables of your own, as a run would do it.

    Args:
        df: Bars in any order: one row per bar, one column per instrument, or columns of two levels; dates in a column
            or in the index. It is not changed.
        benchmark: Dates and closes of what stocks are compared with.
        articles: Dated texts.
        macro: Releases of macro series, with the time at which each was known.
        market: Name of the market; None tells it by the instruments.
        cleaning: What makes a row unusable; None takes the defaults. A project may have others in its parameters.
        membership: Who was in the index, by stays or by dated lists.
        **reading: Reading rules that are known, such as ``timezone="Europe/Berlin"``, ``calendar="XLON"`` or
            ``columns={"bars": {"close": "PX"}}``; the rest is recognised.

    Returns:
        The tables, what was rejected and why, and a report.

    Raises:
        UnknownNameError: If there is no such market, calendar or rule; near misses are suggested.
        MappingError: If columns that are needed cannot be told; lists what was found and near misses.
        ConfigurationError: If what was given is no table, or a rule cannot work.
    """
    found = recognise(_table(df, "df"), None if market is None else get_market(market), **reading)
    rules = Rules(found.rules.market, found.rules.reading, cleaning or CleaningRules())
    given = {"bars": found.frame, "benchmark": benchmark, "articles": articles, "macro": macro}
    given["membership"] = membership
    raw = {name: _table(each, name) for name, each in given.items() if each is not None}
    for name in raw:
        if name not in rules.market.source_tables:
            raise ConfigurationError(
                f"A {name} was given, but bars of the market {rules.market.name!r} have none; leave it out, or say "
                "`market` if they are of another one."
            )
    cleaned = {name: _CLEANING[name](each, rules) for name, each in raw.items()}
    deliveries = {name: Delivery.of(name, raw[name], each.tally) for name, each in cleaned.items()}
    silver = {name: each.silver for name, each in cleaned.items()}
    return LoadedFrame(
        bars=silver["bars"],
        benchmark=silver.get("benchmark"),
        articles=silver.get("articles"),
        macro=silver.get("macro"),
        membership=silver.get("membership"),
        quarantine=_quarantine(cleaned),
        recognition=found.recognition,
        rules=rules,
        deliveries=deliveries,
        checks=_checks(silver, deliveries, rules),
    )


def _table(given: object, name: str) -> pd.DataFrame:
    """The given table with an index that carries something as a column; ours is a copy."""
    if isinstance(given, pd.Series):
        given = given.to_frame("close" if given.name is None else given.name)
    if not isinstance(given, pd.DataFrame):
        raise ConfigurationError(
            f"`{name}` is a {type(given).__name__}; expected a pandas DataFrame. Read a file with pandas first, or use "
            "`finq init --from FILE`."
        )
    if given.empty:
        raise MappingError(f"`{name}` has {len(given)} rows and {given.shape[1]} columns; expected at least one row.")
    return given if isinstance(given.columns, pd.MultiIndex) else with_index_as_columns(given)


def _quarantine(cleaned: Mapping[str, Cleaned]) -> pd.DataFrame:
    parts = [each.quarantine.assign(table=name) for name, each in cleaned.items()]
    together = pd.concat(parts, ignore_index=True)
    return together[["table", "rule", "reason", *together.columns.difference(["table", "rule", "reason"], sort=False)]]


def _checks(silver: Mapping[str, pd.DataFrame], deliveries: Mapping[str, Delivery], rules: Rules) -> tuple[Check, ...]:
    case = Case(silver["bars"], silver.get("benchmark"), deliveries, rules, GateLimits())
    return tuple(ask_every_gate(case))
