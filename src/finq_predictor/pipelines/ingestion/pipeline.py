"""From what the sources deliver to silver: received, cleaned, judged, and only then published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.ingestion import nodes
from finq_predictor.pipelines.steps import step

CLEANERS: dict[str, Callable[..., Any]] = {
    "bars": nodes.clean_bars,
    "benchmark": nodes.clean_benchmark,
    "articles": nodes.clean_articles,
    "macro": nodes.clean_macro,
    "membership": nodes.clean_membership,
}


def create_pipeline(market: Market) -> Pipeline:
    """Build the ingestion pipeline of a market.

    Quarantine is written when a table is cleaned and the answers of the gates before they are acted on, silver only
    when every gate has passed: a delivery that stops the run leaves the reasons on the disk and yesterday's silver
    untouched.

    Args:
        market: The market it will run for; the registry adds its namespace.
    """
    tallies = [f"tally_{table}" for table in market.source_tables]
    judged = {
        table: f"cleaned_{table}" for table in market.source_tables if table in (*market.required_tables, "membership")
    }
    return Pipeline(
        [
            *(part for table in market.source_tables for part in _table(market, table)),
            step(nodes.gather_deliveries, tallies, "deliveries", market=market),
            step(
                nodes.ask_gates,
                {"params": "params:ingestion", "deliveries": "deliveries", "clock": "clock", **judged},
                ["answered_gates", "gate_results"],
                market=market,
            ),
            step(nodes.check_gates, "answered_gates", "ingestion_checks", market=market),
            step(
                nodes.describe_provenance,
                ["ingestion_checks", "cleaned_bars", "deliveries"],
                "provenance",
                market=market,
            ),
        ]
    )


def _table(market: Market, table: str) -> list[Node]:
    cleaned = [f"cleaned_{table}", f"quarantine_{table}", f"tally_{table}"]
    cleaner, made = CLEANERS[table], [table]
    if table == "bars":
        cleaned.append("provider_differences")
    if table == "bars" and market.has_actions:
        cleaner, made = nodes.clean_bars_and_actions, [table, *market.derived_tables]
        cleaned += ["cleaned_actions", "quarantine_actions", "cleaned_repairs"]
    return [
        step(nodes.receive, f"source_{table}", f"bronze_{table}", market=market, table=table),
        step(cleaner, [f"bronze_{table}", "params:ingestion"], cleaned, market=market),
        *(
            step(nodes.publish, [f"cleaned_{one}", "ingestion_checks"], f"silver_{one}", market=market, table=one)
            for one in made
        ),
    ]
