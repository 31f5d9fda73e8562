"""Walk through a market's history as if live, and compare what was known and decided with the tables of the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, SINCE, TS
from finq_predictor.domain.errors import DataError, GateError
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.decisions import ALSO, AbstentionRules
from finq_predictor.domain.modelling.prediction import Predictor, predict_rows
from finq_predictor.domain.panel import Panel
from finq_predictor.replay.differences import Difference, first_difference
from finq_predictor.replay.history import History
from finq_predictor.replay.stages import Stages

KEYS = {
    "bars": (TS, INSTRUMENT),
    "benchmark": (TS,),
    "articles": (KNOWN_AT, INSTRUMENT, "article_id"),
    "macro": (KNOWN_AT, "series", "period"),
    "actions": (KNOWN_AT, INSTRUMENT, "ex_date", "kind"),
    "repairs": (KNOWN_AT, INSTRUMENT, TS, "column"),
    "membership": (KNOWN_AT, INSTRUMENT, SINCE),
    "sentiment": (TS, INSTRUMENT),
    "coverage": (TS,),
    "scored_articles": (KNOWN_AT, INSTRUMENT, "article_id"),
}
"""What names a row of a table of silver, its time first."""
DECIDED = ("prediction", "decision", "reason", *ALSO)


@dataclass(frozen=True)
class Batch:
    """What the pipelines wrote about the whole history at once.

    Attributes:
        silver: Silver tables and ``scored_articles``, by name.
        gold: Features of every bar, sorted by time.
        predictions: What the champion said about the last bars, as it was published; None where there is nothing.
    """

    silver: Mapping[str, pd.DataFrame]
    gold: pd.DataFrame
    predictions: pd.DataFrame | None


@dataclass(frozen=True)
class Champion:
    """A model that was in use.

    Attributes:
        bundle: The model.
        since: End of the data that it was trained on (UTC); it cannot have been in use earlier.
    """

    bundle: ModelBundle
    since: pd.Timestamp

    @classmethod
    def of(cls, bundle: ModelBundle, bars: pd.DatetimeIndex, market: Market) -> Self:
        """A model with the close of the bar that showed the last outcome it has learned from.

        Args:
            bundle: The model.
            bars: Closes of the bars that there are, increasing.
            market: The market, which says how long after a bar its outcome begins.
        """
        last = pd.Timestamp(bundle.origin.trained_to)
        shown = bars[bars > last][: market.entry_lag + bundle.horizon]
        return cls(bundle, shown[-1] if len(shown) else last)


@dataclass(frozen=True)
class Step:
    """One bar that was lived through again.

    Attributes:
        bar: Its close.
        rows: Rows that were compared, by layer.
        difference: The first difference; None where there is none.
    """

    bar: pd.Timestamp
    rows: Mapping[str, int]
    difference: Difference | None


class Replay:
    """A market lived through again, bar by bar.

    Args:
        history: What bronze held at each moment.
        stages: The pipelines up to the panel, with their parameters.
        batch: What the pipelines wrote.
        champions: Models that were in use, the first first; at least one.
        rules: When the champion abstains.
    """

    def __init__(
        self,
        history: History,
        stages: Stages,
        batch: Batch,
        champions: Sequence[Champion],
        rules: AbstentionRules,
    ) -> None:
        self.history, self.stages, self.batch, self.rules = history, stages, batch, rules
        self.champions = list(champions)
        self._scored: dict[str, pd.DataFrame] = {}

    @property
    def bars(self) -> pd.DatetimeIndex:
        """Closes of all bars of which there are features, increasing."""
        return pd.DatetimeIndex(self.batch.gold[TS].unique())

    def sample(
        self, start: pd.Timestamp | None, end: pd.Timestamp | None, count: int | None, seed: int
    ) -> list[pd.Timestamp]:
        """Choose bars.

        Args:
            start: Not before this; None is the middle of the history, before which features still grow.
            end: Not after this; None is the last bar.
            count: How many, the last always among them; None is all.
            seed: Which.

        Returns:
            Their closes, increasing.

        Raises:
            DataError: If no bar lies between.
        """
        bars = self.bars
        first = bars[len(bars) // 2] if start is None else start
        inside = bars[(bars >= first) & (bars <= (bars[-1] if end is None else end))]
        if not len(inside):
            raise DataError(f"No bar closed between {first} and {end}; the history runs from {bars[0]} to {bars[-1]}.")
        if count is None or count >= len(inside):
            return list(inside)
        rest = np.random.default_rng(seed).choice(len(inside) - 1, size=max(count - 1, 0), replace=False)
        return [inside[place] for place in sorted({*rest.tolist(), len(inside) - 1})]

    def champion_of(self, bar: pd.Timestamp) -> ModelBundle:
        """The newest model that was trained on nothing after a bar; the first one where all were trained later."""
        before = [champion for champion in self.champions if champion.since <= bar]
        return (before or self.champions[:1])[-1].bundle

    def walk(self, bars: Sequence[pd.Timestamp]) -> Iterator[Step]:
        """Live through bars, one after the other, up to the first difference."""
        for bar in bars:
            step = self.at(bar)
            yield step
            if step.difference is not None:
                return

    def at(self, bar: pd.Timestamp) -> Step:
        """Live through one bar: from what bronze held at its decision to the decision itself.

        Args:
            bar: Its close.
        """
        moment = self.history.decision_of(bar)
        rows: dict[str, int] = {}
        try:
            silver = self.stages.silver(self.history.until(moment))
        except GateError as stopped:
            return Step(
                bar, rows, Difference("gates", "ingestion_checks", "", "", "", bar.isoformat(), str(stopped), "open")
            )
        rows["silver"], found = self._compare_silver(silver, bar, moment)
        if found is None:
            found = self._compare_answers(self.stages.panel(silver), bar, rows)
        return Step(bar, rows, found)

    def _compare_silver(
        self, silver: Mapping[str, pd.DataFrame], bar: pd.Timestamp, moment: pd.Timestamp
    ) -> tuple[int, Difference | None]:
        count = 0
        for table, live in silver.items():
            keys, whole = KEYS[table], self.batch.silver[table]
            batch = whole[whole[keys[0]] <= (moment if keys[0] == KNOWN_AT else bar)]
            count += len(batch)
            found = first_difference(live, batch, keys, layer="silver", table=name_of(table), bar=bar)
            if found is not None:
                return count, found
        return count, None

    def _compare_answers(self, panel: Panel, bar: pd.Timestamp, rows: dict[str, int]) -> Difference | None:
        bundle = self.champion_of(bar)
        predictor = Predictor(bundle, panel, self.rules)
        names = list(bundle.feature_set.names)
        features = predictor.features_at(bar)
        gold = _rows_at(self.batch.gold, bar)[[TS, INSTRUMENT, *names]]
        live = pd.concat([features[[TS, INSTRUMENT]], features[names].astype("float32")], axis=1)
        answered = predictor.decide(bar, features, bundle.predict(features))
        answered = answered[answered[INSTRUMENT].isin(features[INSTRUMENT])]
        scored = _rows_at(self._scored_by(bundle), bar)
        checks: list[tuple[str, str, Callable[[], tuple[pd.DataFrame, pd.DataFrame]]]] = [
            ("features", "gold", lambda: (live, gold)),
            (
                "probabilities",
                "champion",
                lambda: (_columns(answered, "score", "probability"), _columns(scored, "score", "probability")),
            ),
            ("decisions", "champion", lambda: (_columns(answered, *DECIDED), _columns(scored, *DECIDED))),
            ("decisions", "predictions", lambda: self._published(answered, bundle, bar)),
        ]
        for layer, table, tables in checks:
            mine, theirs = tables()
            rows[layer] = rows.get(layer, 0) + len(theirs)
            found = first_difference(mine, theirs, (TS, INSTRUMENT), layer=layer, table=table, bar=bar)
            if found is not None:
                return found
        return None

    def _scored_by(self, bundle: ModelBundle) -> pd.DataFrame:
        """What a model says about every bar, asked for all of them at once as the batch does."""
        if bundle.version not in self._scored:
            self._scored[bundle.version] = predict_rows(bundle, self.batch.gold, self.rules)
        return self._scored[bundle.version]

    def _published(
        self, answered: pd.DataFrame, bundle: ModelBundle, bar: pd.Timestamp
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """What was published about the bar by the same version of the model, beside what it says now."""
        table = self.batch.predictions
        # Tables of before sets and flags were published hold fewer columns.
        names = ["probability", *(name for name in DECIDED if table is None or name in table.columns)]
        empty = _columns(answered.iloc[:0], *names)
        if table is None:
            return empty, empty
        there = table[(table[TS] == bar) & (table["version"] == bundle.version)]
        if there.empty:
            return empty, empty
        return _columns(answered, *names), _columns(there, *names)


def _rows_at(table: pd.DataFrame, bar: pd.Timestamp) -> pd.DataFrame:
    """The rows of a bar of a table that is sorted by time."""
    start, stop = (table[TS].searchsorted(bar, side=side) for side in ("left", "right"))
    return table.iloc[start:stop]


def _columns(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    return frame[[TS, INSTRUMENT, *names]]


def name_of(table: str) -> str:
    """Name of a table of silver in the catalog, after the market."""
    return table if table == "scored_articles" else f"silver_{table}"
