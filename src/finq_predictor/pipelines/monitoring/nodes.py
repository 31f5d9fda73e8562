"""Nodes of the monitoring pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from finq_predictor.adapters.prometheus_text import prometheus_text
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.evaluation.score_cards import ScoreCards
from finq_predictor.domain.evaluation.signal_record import SignalRecord
from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.prediction import bars_since
from finq_predictor.domain.monitoring.completeness import measure_missing_rates
from finq_predictor.domain.monitoring.delivery_gauges import delivery_gauges
from finq_predictor.domain.monitoring.drift.features import feature_drift, prediction_drift
from finq_predictor.domain.monitoring.drift.windows import last_days, past_windows, sampled, windows_ahead
from finq_predictor.domain.monitoring.freshness import Layer, measure_layers, resolve_as_of, stopped_delivery
from finq_predictor.domain.monitoring.gauges import monitoring_gauges
from finq_predictor.domain.monitoring.providers import ProviderNotes, measure_providers
from finq_predictor.domain.monitoring.retraining import RetrainVerdict, reasons_to_retrain, stale_layers
from finq_predictor.domain.monitoring.signal_gauges import confidence_gauge, signal_gauges
from finq_predictor.domain.monitoring.watched import Watched
from finq_predictor.domain.tables import DRIFT
from finq_predictor.pipelines.monitoring.params import MonitoringParams
from finq_predictor.reports.monitoring.page import monitoring_page
from finq_predictor.reports.monitoring.results import MonitoringResults


def measure_freshness(
    bars: pd.DataFrame,
    gold: pd.DataFrame,
    predictions: pd.DataFrame,
    provenance: Provenance,
    clock: pd.Timestamp,
    gates: pd.DataFrame,
    params: MonitoringParams,
    *,
    market: Market,
) -> pd.DataFrame:
    """Measure age and validity of the silver, gold and prediction layers against the clock.

    The clock of a made-up market is its own: there it is as late as its last bar.

    Args:
        bars: Silver bars.
        gold: Gold rows.
        predictions: Predictions of the champion.
        provenance: Whether the data are made up.
        clock: The moment of the run.
        gates: What the gates found in the last delivery.
        params: As-of time and limit.
        market: The market; hours in which it is closed do not age data.

    Returns:
        One row per layer, see the table ``freshness``.
    """
    layers = [
        Layer("silver", "ingestion", bars, stopped_delivery(gates)),
        Layer("gold", "features", gold),
        Layer("predictions", "evaluation", predictions),
    ]
    limit = params.freshness_limit_hours or market.fresh_hours
    now = bars[TS].max() if provenance.simulated and len(bars) else clock
    return measure_layers(layers, resolve_as_of(params.as_of, now, bars), market.sessions, limit)


def measure_missing(gold: pd.DataFrame, champion: ModelBundle, params: MonitoringParams) -> pd.DataFrame:
    """Measure the missing share of each of the champion's features in the current window, beside training."""
    before = {name: column.missing_share for name, column in champion.profile.features.items()}
    current = last_days(gold, params.window_days)
    return measure_missing_rates(current, list(before), before, params.missing_tolerance)


def measure_drift(
    gold: pd.DataFrame, predictions: pd.DataFrame, champion: ModelBundle, params: MonitoringParams
) -> pd.DataFrame:
    """Compare current features and predictions with the champion's training.

    Args:
        gold: Gold rows; the last dates are current, those the champion was trained on give the past windows.
        predictions: Predictions of the champion.
        champion: The model with its training profile.
        params: Window and rules.

    Returns:
        One row per feature and one for the predictions, see the table ``drift``.
    """
    reference = champion.profile.features
    current = last_days(gold, params.window_days)
    trained_to = pd.Timestamp(champion.origin.trained_to)
    history = gold[(gold[TS] <= trained_to) & (gold[TS] < current[TS].min())]
    features = feature_drift(
        reference,
        _with_columns(current, list(reference)),
        _with_columns(history, list(reference)),
        days=params.window_days,
        rules=params.drift,
    )
    recent = last_days(predictions, params.window_days)
    windows = past_windows(history, params.window_days)
    outcome = prediction_drift(
        champion.profile.probability,
        recent["probability"].to_numpy(dtype="float64"),
        _past_probabilities(champion, history, windows),
        days=params.window_days,
        ahead=windows_ahead(history, windows, recent),
        rules=params.drift,
    )
    return DRIFT.typed(pd.concat([features, outcome], ignore_index=True))


def count_calls(notes: ProviderNotes, clock: pd.Timestamp, params: MonitoringParams) -> pd.DataFrame:
    """Count the calls of the last hours, those that brought nothing, and what could not be had."""
    return measure_providers(notes, clock, params.calls_hours)


def gather_watched(
    freshness: pd.DataFrame,
    missing_rates: pd.DataFrame,
    drift: pd.DataFrame,
    gates: pd.DataFrame,
    providers: pd.DataFrame,
) -> Watched:
    """Put the tables together."""
    return Watched(freshness, missing_rates, drift, gates, providers)


def judge_retraining(
    watched: Watched,
    gold: pd.DataFrame,
    champion: ModelBundle,
    score_cards: ScoreCards | None,
    params: MonitoringParams,
    *,
    market: Market,
) -> RetrainVerdict:
    """Hold drift, age and realised scores of the champion against their limits.

    Args:
        watched: What was measured.
        gold: Gold rows; its newest bar is that at which the age of the champion counts.
        champion: The champion.
        score_cards: How right models were that answered; None where none is kept.
        params: The limits.
        market: The market.
    """
    place = champion.origin.registered
    card = score_cards.of_model(market.name, champion.name, place.version) if score_cards and place else None
    newest = gold[TS].sort_values().iloc[-1:]
    age = bars_since(pd.Timestamp(champion.origin.trained_to), newest, market)
    reasons = reasons_to_retrain(
        watched.drift,
        float(age[-1]) if len(age) else 0.0,
        market.most_model_age_bars,
        {figure.name: figure for figure in card.figures} if card is not None else {},
        params.retrain,
    )
    said = f"{champion.name} {place.version}" if place else champion.name
    return RetrainVerdict(market.name, said, reasons, stale_layers(watched.freshness), params.retrain.pause_hours)


def assemble_monitoring_results(
    watched: Watched,
    gold: pd.DataFrame,
    champion: ModelBundle,
    provenance: Provenance,
    params: MonitoringParams,
    *,
    market: Market,
) -> MonitoringResults:
    """Put together what was found and what it was measured on."""
    return MonitoringResults(
        market=market,
        freshness=watched.freshness,
        missing_rates=watched.missing_rates,
        drift=watched.drift,
        gates=watched.gates,
        providers=watched.providers,
        current=last_days(gold, params.window_days),
        champion=champion,
        provenance=provenance,
        window_days=params.window_days,
        thresholds=params.drift.thresholds,
    )


def write_monitoring_report(results: MonitoringResults, snapshot: str) -> str:
    """Write one self-contained page that begins with the verdict in plain words.

    Args:
        results: What was found.
        snapshot: Id of the newest snapshot.
    """
    return monitoring_page(results, snapshot)


def render_monitoring_metrics(
    watched: Watched, paper_book: SignalRecord, predictions: pd.DataFrame, *, market: Market
) -> str:
    """Write what was found as Prometheus text.

    Args:
        watched: The tables.
        paper_book: What became of the signals.
        predictions: What the champion said last.
        market: The market.
    """
    about_layers = monitoring_gauges(market.name, watched.freshness, watched.missing_rates, watched.drift)
    delivered = delivery_gauges(market.name, watched.gates, watched.providers)
    newest = predictions[predictions[TS] == predictions[TS].max()]
    signals = [*signal_gauges([paper_book]), confidence_gauge(market.name, newest)]
    return prometheus_text([*about_layers, *delivered, *signals])


def _past_probabilities(
    champion: ModelBundle, history: pd.DataFrame, windows: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Predict windows of the training period, to learn how far predictions of a window usually are from the whole."""
    names = [TS, INSTRUMENT, *champion.feature_set.names]
    rows_of = (history.iloc[sampled(rows)].reindex(columns=names) for rows in windows)
    return [champion.predict(rows)["probability"].to_numpy(dtype="float64") for rows in rows_of]


def _with_columns(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Keep ``ts`` and the named columns; one that is absent comes as missing throughout."""
    return frame.reindex(columns=[TS, *names])
