"""How right the service was: what it said before anybody could know, beside what happened and what was promised.

A *statement* is what one version of a model said first of an instrument at a bar. It counts where its outcome became
known after the newest bar that the service had when it spoke; what was known already is no prediction, whoever asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, TS, forward_return, label, label_end
from finq_predictor.domain.evaluation import metrics
from finq_predictor.domain.evaluation.bootstrap import bootstrap_mean
from finq_predictor.domain.evaluation.mean_test import label_days, mean_above_zero
from finq_predictor.domain.evaluation.scorecard import scorecard
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.calibration import calibration_slope
from finq_predictor.domain.modelling.decisions import Action
from finq_predictor.domain.panel import Panel

FEWEST_MATURED, FEWEST_DAYS = 100, 20
"""Below these a figure says nothing, and none is given."""
_COIN = 0.5
_FROM_SCORECARD = {
    "hit_rate": "accuracy",
    "rank_ic": "rank_ic",
    "brier": "brier",
    "ece": "ece",
    "auc": "auc",
    "precision": "precision",
}
CALIBRATED = 1.0


@dataclass(frozen=True)
class Figure:
    """One figure of a score-card.

    Attributes:
        name: ``hit_rate``, ``rank_ic``, ``rank_ic_t``, ``brier``, ``ece``, ``auc``, ``precision``,
            ``calibration_slope``, ``coverage`` or
            ``paper_net_bp``.
        value: The figure; None where there is too little to go by.
        low: Lower end of its interval; None where it has none.
        high: Upper end.
        promised: What the evaluation said when the version was promoted; None where that is not known.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    promised: float | None = None


@dataclass(frozen=True)
class Counts:
    """What became of statements.

    Attributes:
        said: All statements.
        abstained: Those that were shown and not to be acted upon.
        matured: Those with an outcome; the figures rest on them.
        waiting: Those whose outcome lies ahead.
        ties: Those that neither came true nor did not.
        known_before: Those whose outcome was known when they were said; they count for nothing.
        days: Days of the matured ones.
    """

    said: int
    abstained: int
    matured: int
    waiting: int
    ties: int
    known_before: int
    days: int

    @property
    def enough(self) -> bool:
        """Whether figures rest on something."""
        return self.matured >= FEWEST_MATURED and self.days >= FEWEST_DAYS


def outcomes_of(panel: Panel, market: Market, keys: pd.DataFrame) -> pd.DataFrame:
    """What is known of some bars, by the labels that models learn from.

    Args:
        panel: Bars of the market.
        market: The market.
        keys: ``horizon``, ``instrument``, ``ts``.

    Returns:
        The keys in their order with ``forward_return``, ``label`` and ``known_at``; NaN where nothing is known.
    """
    # Labels look ahead only: what lies before the first bar changes none of them.
    start = int(panel.ts.searchsorted(keys[TS].min())) if len(keys) else len(panel.ts)
    ahead = panel.rows(start, len(panel.ts))
    parts = []
    for each in sorted(set(keys["horizon"])):
        horizon = int(each)
        names = {forward_return(horizon): "forward_return", label(horizon): "label", label_end(horizon): KNOWN_AT}
        parts.append(make_labels(ahead, market, (horizon,)).rename(columns=names).assign(horizon=horizon))
    if not parts:
        return keys.assign(forward_return=np.nan, label=np.nan, **{KNOWN_AT: pd.Series(dtype=panel.ts.dtype)})
    found = keys.merge(pd.concat(parts, ignore_index=True), on=["horizon", INSTRUMENT, TS], how="left")
    return found.assign(**{KNOWN_AT: found[KNOWN_AT].where(found["forward_return"].notna())})


def judge(statements: pd.DataFrame) -> pd.Series:
    """What each statement is: ``abstained``, ``known_before``, ``waiting``, ``ties`` or ``matured``.

    Args:
        statements: ``probability``, ``decision``, ``newest_ts``, ``forward_return``, ``label``, ``known_at``; NaN where
            there is none.
    """
    silent = (statements["decision"] != Action.PREDICT.value) | statements["probability"].isna()
    known = statements["forward_return"].notna()
    before = known & ~(statements[KNOWN_AT] > statements["newest_ts"])
    tie = known & statements["label"].isna()
    kinds = np.select(
        [silent, before, ~known, tie], ["abstained", "known_before", "waiting", "ties"], default="matured"
    )
    return pd.Series(kinds, index=statements.index, dtype="str")


def counts_of(statements: pd.DataFrame) -> Counts:
    """How many statements are what; see :func:`judge`."""
    kinds = judge(statements)
    found = kinds.value_counts()
    matured = statements.loc[kinds == "matured", TS]
    days = len(set(metrics.day_codes(matured))) if len(matured) else 0
    return Counts(
        said=len(statements),
        abstained=int(found.get("abstained", 0)),
        matured=int(found.get("matured", 0)),
        waiting=int(found.get("waiting", 0)),
        ties=int(found.get("ties", 0)),
        known_before=int(found.get("known_before", 0)),
        days=days,
    )


def realised_figures(
    statements: pd.DataFrame,
    market: Market,
    horizon: int,
    promised: Mapping[str, float],
    *,
    n_resamples: int = 500,
    seed: int = 0,
) -> tuple[Figure, ...]:
    """The figures of one version of a model over one horizon.

    Args:
        statements: ``ts``, ``instrument``, ``prediction_set`` (a list of labels, or None) and the columns of
            :func:`judge`.
        market: The market.
        horizon: Bars of the label.
        promised: What was promised, by the name of the figure.
        n_resamples: Resamples behind each interval.
        seed: Of the resampling.

    Returns:
        The figures; each has no value where fewer than ``FEWEST_MATURED`` have matured on ``FEWEST_DAYS`` days.
    """
    names = ("hit_rate", "rank_ic", "rank_ic_t", "brier", "ece", "auc", "precision", "calibration_slope")
    promised = {"calibration_slope": CALIBRATED, **promised}
    if not counts_of(statements).enough:
        return tuple(Figure(name, None, promised=promised.get(name)) for name in names)
    matured = statements[judge(statements) == "matured"].sort_values([TS, INSTRUMENT], kind="stable")
    found = _measured(matured, market, horizon, n_resamples, seed)
    found |= _covered(matured, market, horizon, n_resamples, seed)
    return tuple(_figure(name, *values, promised.get(name)) for name, values in found.items())


def paper_figure(daily: pd.DataFrame, market: Market, horizon: int, promised: float | None) -> Figure:
    """What trading on the statements would have earned per day after costs, in basis points of the capital.

    Args:
        daily: As :func:`~finq_predictor.domain.evaluation.backtest.run_backtest` gives it.
        market: The market.
        horizon: Bars of the label.
        promised: The same of the evaluation.
    """
    net = daily["net_return"].to_numpy(float) * 1e4
    if len(net) < FEWEST_DAYS:
        return Figure("paper_net_bp", None, promised=promised)
    found = bootstrap_mean(net, min_block=_block(market, horizon))
    return _figure("paper_net_bp", found.value, found.low, found.high, promised)


def _measured(
    matured: pd.DataFrame, market: Market, horizon: int, n_resamples: int, seed: int
) -> dict[str, tuple[float, float, float]]:
    scored = matured.assign(score=matured["probability"])
    card = scorecard(
        scored,
        np.full(len(scored), _COIN),
        min_block=_block(market, horizon),
        n_resamples=n_resamples,
        seed=seed,
    ).set_index("metric")
    found = {
        name: (card.at[metric, "value"], card.at[metric, "ci_low"], card.at[metric, "ci_high"])
        for name, metric in _FROM_SCORECARD.items()
    }
    y, p = (scored[name].to_numpy(float) for name in ("label", "probability"))
    days = metrics.day_codes(scored[TS])
    ranks = metrics.daily_rank_ic(p, scored["forward_return"].to_numpy(float), metrics.bar_times(scored[TS]))
    test = mean_above_zero(ranks, label_days(horizon, market))
    found["rank_ic_t"] = (test.mean / test.error if test.error > 0.0 else np.nan, np.nan, np.nan)
    found["calibration_slope"] = calibration_slope(p, y, _blocks_of(days, int(_block(market, horizon))))
    return found


def _covered(
    matured: pd.DataFrame, market: Market, horizon: int, n_resamples: int, seed: int
) -> dict[str, tuple[float, float, float]]:
    """Share of the statements with a set whose set holds what happened; nothing where none has one."""
    with_set = matured[matured["prediction_set"].notna()]
    if with_set.empty:
        return {}
    pairs = zip(with_set["label"], with_set["prediction_set"], strict=True)
    hit = np.array([_holds(given, truth) for truth, given in pairs], dtype=float)
    daily = metrics.daily_mean(hit, metrics.day_codes(with_set[TS]))
    found = bootstrap_mean(daily, min_block=_block(market, horizon), n_resamples=n_resamples, seed=seed)
    return {"coverage": (float(hit.mean()), found.low, found.high)}


def _holds(given: Any, truth: float) -> bool:
    return any(float(one) == truth for one in given)


def _block(market: Market, horizon: int) -> float:
    return 2.0 * label_days(horizon, market)


def _blocks_of(days: Array, length: int) -> Array:
    """Code of the block of days of each row: days whose labels overlap are one witness."""
    codes: Array = (days - days.min()).astype(int) // max(length, 1)
    return codes


def _figure(name: str, value: float, low: float, high: float, promised: float | None) -> Figure:
    return Figure(name, _finite(value), _finite(low), _finite(high), promised)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
