"""Nodes that recall what the champion said when nobody could know better, and keep a paper book on it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, TS, forward_return, label, label_end
from finq_predictor.domain.evaluation.paper_book import TradingTerms, book_readings, keep_book
from finq_predictor.domain.evaluation.signal_figures import signal_readings
from finq_predictor.domain.evaluation.signal_record import SignalRecord
from finq_predictor.domain.evaluation.windows import LONGEST
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.decisions import Action
from finq_predictor.domain.modelling.origin import TrainingSummary
from finq_predictor.domain.modelling.prediction import predict_rows
from finq_predictor.domain.modelling.refusals import AbstentionRules

BATCH = "batch"
_SAID = ("probability", "decision", "forward_return", "label", KNOWN_AT)


def recall_signals(
    champion: ModelBundle,
    gold: pd.DataFrame,
    oos_predictions: pd.DataFrame,
    training_summary: TrainingSummary,
    trading_terms: TradingTerms | None,
    *,
    market: Market,
) -> pd.DataFrame:
    """Gather what the champion says of bars that it had not seen, with what is known of them by now.

    Of the walk-forward from which the champion came: what was said of each test, by a model of its kind that had seen
    what came before only; of another training, nothing. Since then: what the champion says of bars from the one at
    which the last outcome was known that it learned from. What lies between stays sealed.

    Args:
        champion: The model in use.
        gold: Gold rows with labels.
        oos_predictions: The walk-forward of the newest training.
        training_summary: Which training that was.
        trading_terms: When a probability is acted upon; None takes what is usual.
        market: The market.

    Returns:
        One row per bar and instrument of the longest window: ``ts``, ``instrument``, ``probability``, ``decision``,
        ``newest_ts``, ``forward_return``, ``label``, ``known_at``.
    """
    rules = (trading_terms or TradingTerms.usual(market)).abstention
    since = gold[TS].max() - LONGEST
    parts = [_since_training(champion, gold[gold[TS] > since], _learned_until(champion, gold), rules)]
    origin, mine = champion.origin, oos_predictions[oos_predictions["model"] == champion.name]
    if (origin.data_hash, origin.code_hash) == (training_summary.data_hash, training_summary.code_hash):
        parts.append(_walk_forward(mine[mine[TS] > since], rules, market))
    said = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    said = said.drop_duplicates([TS, INSTRUMENT]).sort_values([TS, INSTRUMENT], ignore_index=True)
    return said.assign(newest_ts=said[TS])


def keep_paper_book(
    signals: pd.DataFrame,
    silver_bars: pd.DataFrame,
    champion: ModelBundle,
    trading_terms: TradingTerms | None,
    silver_benchmark: pd.DataFrame | None = None,
    *,
    market: Market,
) -> SignalRecord:
    """Say how right the signals were and what trading on them would have earned, at the newest bar.

    Args:
        signals: What was said.
        silver_bars: Bars of the market.
        champion: Its horizon is how long a position is held.
        trading_terms: How it is traded; None takes what is usual.
        silver_benchmark: Of the market, where it has one.
        market: The market.
    """
    terms = trading_terms or TradingTerms.usual(market)
    as_of, capital = silver_bars[TS].max(), terms.rules.capital
    readings = signal_readings(signals, as_of, market)
    book = keep_book(signals, silver_bars, silver_benchmark, champion.horizon, terms, market)
    strategy = "" if book is None else book.strategy
    traded = () if book is None else book_readings(book, as_of, capital, market)
    return SignalRecord(market.name, BATCH, as_of.isoformat(), strategy, capital, (*readings, *traded))


def _learned_until(champion: ModelBundle, gold: pd.DataFrame) -> pd.Timestamp:
    """When the last outcome was known that the champion learned from."""
    trained_to = pd.Timestamp(champion.origin.trained_to)
    ends = gold.loc[gold[TS] <= trained_to, label_end(champion.horizon)].max()
    return trained_to if pd.isna(ends) else max(trained_to, ends)


def _since_training(
    champion: ModelBundle, gold: pd.DataFrame, since: pd.Timestamp, rules: AbstentionRules
) -> pd.DataFrame:
    rows, horizon = gold[gold[TS] >= since], champion.horizon
    features = rows.reindex(columns=[TS, INSTRUMENT, *champion.feature_set.names])
    decided = predict_rows(champion, features, rules)
    outcome = {
        "forward_return": rows[forward_return(horizon)].to_numpy(),
        "label": rows[label(horizon)].to_numpy(),
        KNOWN_AT: rows[label_end(horizon)].array,
    }
    return decided.assign(**outcome)[[TS, INSTRUMENT, *_SAID]]


def _walk_forward(rows: pd.DataFrame, rules: AbstentionRules, market: Market) -> pd.DataFrame:
    """The same of the walk-forward, which knows of a row how sure it is and when it was, and no more."""
    confidence = np.abs(rows["probability"].to_numpy(float) - 0.5) * 2.0
    acts = (confidence >= rules.min_confidence) & ~market.is_masked(rows[TS])
    decision = np.where(acts, Action.PREDICT.value, Action.ABSTAIN.value)
    named = rows.rename(columns={"label_end": KNOWN_AT}).assign(
        decision=pd.Series(decision, index=rows.index, dtype=object)
    )
    return named[[TS, INSTRUMENT, *_SAID]]
