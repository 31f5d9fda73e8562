"""What became of signals: how right they were, and what a paper book would have earned on them.

``source`` says whose they are: ``batch``, those of the champion that monitoring recalls, or ``served``, what was
recorded when a champion said it, to callers or on a schedule. A ``window`` ends at the newest bar. What is not known
has no sample.
"""

from __future__ import annotations

from finq_predictor.domain.metrics.base import Kind, Metric

_WHO = ("market", "source")
_OVER = (*_WHO, "window")
_KNOWN = "outcomes that became known in the window, which ends at the newest bar"
_BOOK = "of the paper book in the window, which ends at the newest bar; after costs, at the prices known by then"

ACCURACY = Metric(
    "finq_model_accuracy_ratio",
    Kind.GAUGE,
    f"Share of probabilities on the right side of a half, acted upon or not, from 100 {_KNOWN}",
    _OVER,
)
BRIER = Metric(
    "finq_model_brier_score",
    Kind.GAUGE,
    f"Mean square of probability less outcome, from 100 {_KNOWN}; 0.25 is what a coin gets",
    _OVER,
)
HIT_RATE = Metric(
    "finq_signal_hit_ratio",
    Kind.GAUGE,
    f"Share of the signals of a side that came true, from 100 {_KNOWN}",
    (*_OVER, "side"),
)
OUTCOMES = Metric("finq_signal_outcomes", Kind.GAUGE, f"Number of {_KNOWN}", _OVER, "outcomes")
PER_HOUR = Metric(
    "finq_signals_per_hour",
    Kind.GAUGE,
    "Signals about bars of the window, which ends at the newest bar, for each hour of the clock in it",
    _OVER,
    "signals per hour",
)
SILENT_DAYS = Metric(
    "finq_signal_silent_sessions",
    Kind.GAUGE,
    "Trading days of bars, since the last signal, about which something was said and none was to be acted upon",
    _WHO,
    "trading days",
)
PNL = Metric("finq_simulated_pnl_usd", Kind.GAUGE, f"Profit {_BOOK}", _OVER, "US dollars")
SHARPE = Metric("finq_sharpe_ratio", Kind.GAUGE, f"Annualised Sharpe ratio, from 20 days, {_BOOK}", _OVER)
DRAWDOWN = Metric(
    "finq_max_drawdown_ratio", Kind.GAUGE, f"Largest fall from a high as a share of the capital {_BOOK}", _OVER
)
ATTRIBUTION = Metric(
    "finq_simulated_pnl_attribution_usd",
    Kind.GAUGE,
    f"Part of the profit {_BOOK}; the parts of a dimension add up to it",
    (*_OVER, "dimension", "part"),
    "US dollars",
)
BOOK_DAYS = Metric("finq_paper_book_sessions", Kind.GAUGE, f"Trading days {_BOOK}", _OVER, "trading days")
CAPITAL = Metric("finq_paper_book_capital_usd", Kind.GAUGE, "Capital of the paper book", _WHO, "US dollars")
BATCH_CONFIDENCE = Metric(
    "finq_batch_confidence_predictions",
    Kind.GAUGE,
    "Batch predictions that the champion made last, by confidence",
    ("market", "model", "confidence"),
    "predictions",
)
OF_SIGNALS = (
    *(ACCURACY, BRIER, HIT_RATE, OUTCOMES, PER_HOUR, SILENT_DAYS),
    *(PNL, SHARPE, DRAWDOWN, ATTRIBUTION, BOOK_DAYS, CAPITAL, BATCH_CONFIDENCE),
)
