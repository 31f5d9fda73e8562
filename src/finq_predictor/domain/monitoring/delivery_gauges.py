"""What was found in the last delivery as gauges: gates, quarantine, and the providers that it came from."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain.ingestion.gate_results import QUARANTINED
from finq_predictor.domain.metrics import Kind, Metric
from finq_predictor.domain.monitoring.gauges import Gauge

_GATE = ("market", "frame", "rule", "severity")
_PROVIDER = ("market", "table", "source")
GATE_STATUS = Metric("finq_gate_status", Kind.GAUGE, "1 when a gate let the last delivery through", _GATE)
GATE_VALUE = Metric("finq_gate_value", Kind.GAUGE, "What a gate found in the last delivery", _GATE)
GATE_LIMIT = Metric("finq_gate_limit", Kind.GAUGE, "What a gate allows", _GATE)
QUARANTINE = Metric(
    "finq_quarantine_share",
    Kind.GAUGE,
    "Share of the rows of the last delivery that a rule set aside",
    ("market", "table", "rule"),
)
CALLS = Metric("finq_provider_calls", Kind.GAUGE, "Attempts to ask a provider, in the window of monitoring", _PROVIDER)
FAILURES = Metric("finq_provider_failures", Kind.GAUGE, "How many of these brought nothing", _PROVIDER)
OUTAGES = Metric(
    "finq_delivery_outages", Kind.GAUGE, "What of a table could not be had the last time", ("market", "table")
)
OF_DELIVERIES = (GATE_STATUS, GATE_VALUE, GATE_LIMIT, QUARANTINE, CALLS, FAILURES, OUTAGES)


def delivery_gauges(market: str, gates: pd.DataFrame, providers: pd.DataFrame) -> list[Gauge]:
    """Turn what ingestion found into gauges.

    Args:
        market: Value of the ``market`` label.
        gates: The table ``gate_results``.
        providers: The table ``providers``.
    """
    base = {"market": market}
    noted = gates["rule"].str.startswith(QUARANTINED)
    asked, aside = gates[~noted], gates[noted]
    called = providers[providers["source"] != ""]

    def per_gate(column: str) -> list[tuple[dict[str, str], float]]:
        rows = zip(asked["frame"], asked["rule"], asked["severity"], asked[column], strict=True)
        return [
            ({**base, "frame": frame, "rule": rule, "severity": how}, float(value)) for frame, rule, how, value in rows
        ]

    def per_provider(column: str) -> list[tuple[dict[str, str], float]]:
        rows = zip(called["table"], called["source"], called[column], strict=True)
        return [({**base, "table": table, "source": source}, float(value)) for table, source, value in rows]

    return [
        Gauge.of(GATE_STATUS, per_gate("passed")),
        Gauge.of(GATE_VALUE, per_gate("value")),
        Gauge.of(GATE_LIMIT, per_gate("limit")),
        Gauge.of(
            QUARANTINE,
            [
                ({**base, "table": table, "rule": rule.removeprefix(QUARANTINED)}, float(share))
                for table, rule, share in zip(aside["frame"], aside["rule"], aside["value"], strict=True)
            ],
        ),
        Gauge.of(CALLS, per_provider("calls")),
        Gauge.of(FAILURES, per_provider("failures")),
        Gauge.of(
            OUTAGES,
            [
                ({**base, "table": table}, float(count))
                for table, count in providers.drop_duplicates("table")[["table", "outages"]].itertuples(index=False)
            ],
        ),
    ]
