"""What was found in the last delivery as gauges: gates, quarantine, and the providers that it came from."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain.ingestion.gate_results import QUARANTINED
from finq_predictor.domain.monitoring.gauges import Gauge


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
        Gauge("finq_gate_status", "1 when a gate let the last delivery through", per_gate("passed")),
        Gauge("finq_gate_value", "What a gate found in the last delivery", per_gate("value")),
        Gauge("finq_gate_limit", "What a gate allows", per_gate("limit")),
        Gauge(
            "finq_quarantine_share",
            "Share of the rows of the last delivery that a rule set aside",
            [
                ({**base, "table": table, "rule": rule.removeprefix(QUARANTINED)}, float(share))
                for table, rule, share in zip(aside["frame"], aside["rule"], aside["value"], strict=True)
            ],
        ),
        Gauge("finq_provider_calls", "Attempts to ask a provider, in the window of monitoring", per_provider("calls")),
        Gauge("finq_provider_failures", "How many of these brought nothing", per_provider("failures")),
        Gauge(
            "finq_delivery_outages",
            "What of a table could not be had the last time",
            [
                ({**base, "table": table}, float(count))
                for table, count in providers.drop_duplicates("table")[["table", "outages"]].itertuples(index=False)
            ],
        ),
    ]
