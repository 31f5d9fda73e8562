"""Are the data there, new and whole?"""

from __future__ import annotations

from finq_predictor.domain.dashboards.panel import Dashboard, Panel, Query, Shape, Unit
from finq_predictor.domain.metrics.service import NEWEST
from finq_predictor.domain.monitoring.delivery_gauges import CALLS, FAILURES, GATE_STATUS, OUTAGES, QUARANTINE
from finq_predictor.domain.monitoring.gauges import FRESHNESS, MISSING, MISSING_STATUS, STALE, VALIDATION

DATA_QUALITY = Dashboard(
    "data-quality",
    "Data quality",
    (
        Panel(
            "Layers that are stale",
            "None should be. Counted while the market is open; see the runbook about stale data.",
            (Query(f"sum by (market) ({STALE.name})", "{{market}}"),),
            shape=Shape.NUMBERS,
            width=6,
            limit=0.5,
        ),
        Panel(
            "Gates that are closed",
            "A closed gate keeps what was delivered out of silver; the report says which rows.",
            (Query(f"sum by (market) (1 - {GATE_STATUS.name})", "{{market}}"),),
            shape=Shape.NUMBERS,
            width=6,
            limit=0.5,
        ),
        Panel(
            "Layers that pass their checks",
            "Share of the layers of a market whose last state was found to be right.",
            (Query(f"avg by (market) ({VALIDATION.name})", "{{market}}"),),
            Unit.SHARE,
            Shape.NUMBERS,
            width=6,
        ),
        Panel(
            "Features that are missing too often",
            "More is missing now than when the model was trained; a source or a join may have changed.",
            (Query(f"sum by (market) ({MISSING_STATUS.name})", "{{market}}"),),
            shape=Shape.NUMBERS,
            width=6,
            limit=0.5,
        ),
        Panel(
            "Age of each layer",
            "Hours since its newest row; a market that is closed makes no row.",
            (Query(FRESHNESS.name, "{{market}} {{layer}}"),),
            Unit.HOURS,
            width=12,
        ),
        Panel(
            "Age of the newest bar that is served",
            "Of the worker that is behind.",
            (Query(f"time() - {NEWEST.name}", "{{market}}"),),
            Unit.SECONDS,
            width=12,
        ),
        Panel(
            "Features that are missing most",
            "Share of the current rows without a value, ten features of all markets.",
            (Query(f"topk(10, {MISSING.name})", "{{market}} {{feature}}"),),
            Unit.SHARE,
            Shape.BARS,
            width=12,
        ),
        Panel(
            "Rows that were set aside",
            "Share of the last delivery that is in quarantine, by table.",
            (Query(QUARANTINE.name, "{{market}} {{table}} {{rule}}"),),
            Unit.SHARE,
            Shape.BARS,
            width=12,
        ),
        Panel(
            "Calls to providers",
            "Attempts in the window of monitoring, and how many of these brought nothing.",
            (
                Query(f"sum by (source) ({CALLS.name})", "{{source}}"),
                Query(f"sum by (source) ({FAILURES.name})", "{{source}}, failed"),
            ),
            shape=Shape.BARS,
            width=12,
        ),
        Panel(
            "What could not be had",
            "Of each table, the last time that it was fetched.",
            (Query(OUTAGES.name, "{{market}} {{table}}"),),
            shape=Shape.BARS,
            width=12,
        ),
    ),
)
