"""From what the sources deliver to silver: received, cleaned, judged, and only then published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Pipeline, node

from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.ingestion import nodes
from finq_predictor.pipelines.market_binding import for_market

CLEANERS: dict[str, Callable[..., Any]] = {
    "bars": nodes.clean_bars,
    "benchmark": nodes.clean_benchmark,
    "articles": nodes.clean_articles,
    "macro": nodes.clean_macro,
}


def create_pipeline(market: Market) -> Pipeline:
    """Build the ingestion pipeline of a market.

    Quarantine is written when a table is cleaned, silver only when every gate has passed: a delivery that stops the
    run leaves the reasons on the disk and yesterday's silver untouched.

    Args:
        market: The market it will run for; the registry adds its namespace.
    """
    tallies = [f"tally_{table}" for table in market.source_tables]
    judged = {table: f"cleaned_{table}" for table in market.required_tables}
    return Pipeline(
        [
            *(part for table in market.source_tables for part in _table(table, CLEANERS[table])),
            node(
                for_market(nodes.check_gates, market),
                {"params": "params:ingestion", **judged, **{name: name for name in tallies}},
                "ingestion_checks",
                name="check_gates",
            ),
            node(
                nodes.describe_provenance,
                ["ingestion_checks", "cleaned_bars", *tallies],
                "provenance",
                name="describe_provenance",
            ),
        ],
        tags=[market.name],
    )


def _table(table: str, clean: Callable[..., Any]) -> list[Any]:
    return [
        node(nodes.receive, f"source_{table}", f"bronze_{table}", name=f"receive_{table}"),
        node(
            clean,
            [f"bronze_{table}", "params:ingestion"],
            [f"cleaned_{table}", f"quarantine_{table}", f"tally_{table}"],
            name=f"clean_{table}",
        ),
        node(nodes.publish, [f"cleaned_{table}", "ingestion_checks"], f"silver_{table}", name=f"publish_{table}"),
    ]
