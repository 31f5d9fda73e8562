"""How right what was said turned out, by window, from outcomes that were known by the newest bar."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import KNOWN_AT, TS
from finq_predictor.domain.evaluation.performance import days_per_year
from finq_predictor.domain.evaluation.realised import FEWEST_MATURED, judge
from finq_predictor.domain.evaluation.signal_record import Figure, Reading
from finq_predictor.domain.evaluation.windows import WINDOWS, within
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.decisions import Action

_FEWEST_HOURS = pd.Timedelta(hours=1)


def signal_readings(statements: pd.DataFrame, as_of: pd.Timestamp, market: Market) -> tuple[Reading, ...]:
    """Read statements.

    Args:
        statements: ``ts``, ``probability``, ``decision``, ``newest_ts``, ``forward_return``, ``label``, ``known_at``;
            each instrument once at each bar. NaN where nothing is known.
        as_of: The newest bar; what is known of a bar after it, or became known after it, does not count.
        market: The market.

    Returns:
        For each window how many outcomes became known in it, and where these are ``FEWEST_MATURED`` or more, how often
        the probability was on their side (``accuracy``) and how far from them (``brier``), whether it was acted upon
        or not; the same share of the signals alone, by what they said (``hit_rate``); how many signals an hour were
        about bars of it (``per_hour``); and the trading days of bars about which something was said since the last
        signal (``silent_days``).
    """
    said = statements[statements[TS] <= as_of]
    signals = said[_acts(said)]
    late = said.assign(**{name: said[name].where(said[KNOWN_AT] <= as_of) for name in ("forward_return", "label")})
    # Whether anybody was to act upon it is asked apart: a model is as right where it was not.
    known = late[judge(late.assign(decision=Action.PREDICT.value)) == "matured"]
    return (
        *_right(known, as_of, market),
        *_often(signals, as_of),
        *_silent(said, signals, market),
    )


def _acts(said: pd.DataFrame) -> pd.Series:
    return (said["decision"] == Action.PREDICT.value) & said["probability"].notna()


def _right(known: pd.DataFrame, as_of: pd.Timestamp, market: Market) -> Iterator[Reading]:
    for window in WINDOWS:
        rows = known[within(known[KNOWN_AT], as_of, window)]
        yield Reading(Figure.OUTCOMES, float(len(rows)), window)
        if len(rows) < FEWEST_MATURED:
            continue
        probability, label = rows["probability"].to_numpy(float), rows["label"].to_numpy(float)
        right = pd.Series((probability > 0.5) == (label > 0.5), index=rows.index)
        yield Reading(Figure.ACCURACY, float(right.mean()), window)
        yield Reading(Figure.BRIER, float(np.mean((probability - label) ** 2)), window)
        acted = _acts(rows)
        for rises in (True, False):
            mine = right[acted & ((rows["probability"] > 0.5) == rises)]
            if len(mine) >= FEWEST_MATURED:
                yield Reading(Figure.HIT_RATE, float(mine.mean()), window, market.direction(rises))


def _often(signals: pd.DataFrame, as_of: pd.Timestamp) -> Iterator[Reading]:
    if signals.empty:
        return
    for window, length in WINDOWS.items():
        yield Reading(
            Figure.PER_HOUR, float(within(signals[TS], as_of, window).sum()) / (length / _FEWEST_HOURS), window
        )


def _silent(said: pd.DataFrame, signals: pd.DataFrame, market: Market) -> Iterator[Reading]:
    if said.empty:
        return
    # Bars of which nobody said anything are no silence: the days that stay sealed, or on which nobody asked.
    after = said[TS] if signals.empty else said.loc[said[TS] > signals[TS].max(), TS]
    yield Reading(Figure.SILENT_DAYS, after.nunique() * days_per_year(market) / market.bars_per_year)
