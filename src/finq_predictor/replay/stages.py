"""The stages of the product from bronze to panel, run in memory by the nodes of its own pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.panel import Panel
from finq_predictor.pipelines.features.nodes import assemble_panel
from finq_predictor.pipelines.ingestion.params import IngestionParams
from finq_predictor.pipelines.ingestion.pipeline import create_pipeline as ingestion
from finq_predictor.pipelines.sentiment.params import SentimentParams
from finq_predictor.pipelines.sentiment.pipeline import create_pipeline as sentiment

SILVER = (
    "bars", "benchmark", "actions", "repairs", "articles", "macro", "membership", "sentiment", "coverage",
)  # fmt: skip


@dataclass(frozen=True)
class Stages:
    """The ingestion and sentiment pipelines of a market with their parameters.

    Attributes:
        market: The market.
        ingestion: Parameters of the ingestion pipeline.
        sentiment: Parameters of the sentiment pipeline.
    """

    market: Market
    ingestion: IngestionParams
    sentiment: SentimentParams

    def silver(self, bronze: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """Make silver of deliveries, gates included, as the pipelines make it.

        Args:
            bronze: Rows as received, one table for each of ``market.source_tables``.

        Returns:
            Every silver table by name, and ``scored_articles``.

        Raises:
            GateError: If a gate stops the run.
        """
        data: dict[str, Any] = {
            **{f"bronze_{table}": raw for table, raw in bronze.items()},
            "params:ingestion": self.ingestion,
            "params:sentiment": self.sentiment,
            # What time it is says nothing about what was known at a bar.
            "clock": None,
        }
        for pipeline in (ingestion(self.market), sentiment(self.market)):
            for node in pipeline.nodes:
                if not set(node.outputs) <= set(data):
                    data |= node.run({name: data[name] for name in node.inputs})
        tables = {table: data[f"silver_{table}"] for table in SILVER if f"silver_{table}" in data}
        return {**tables, "scored_articles": data["scored_articles"]}

    def panel(self, silver: Mapping[str, pd.DataFrame]) -> Panel:
        """Bring silver onto the bars, as the features pipeline does."""
        return assemble_panel(
            silver["bars"],
            silver["sentiment"],
            silver["coverage"],
            silver["macro"],
            silver.get("benchmark"),
            silver.get("membership"),
            market=self.market,
        )
