"""Where everything lies below the folder of the data; a test holds the catalog to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError


class Folder(StrEnum):
    """The folders of the layers, in the order in which they are filled."""

    BRONZE = "01_bronze"
    SILVER = "02_silver"
    GOLD = "03_gold"
    MODELS = "04_models"
    PREDICTIONS = "05_predictions"
    REPORTS = "06_reports"


# Which pipelines fill a folder, for the message that says what to run.
MADE_BY = {
    Folder.BRONZE: "ingestion",
    Folder.SILVER: "ingestion,sentiment",
    Folder.GOLD: "features",
    Folder.MODELS: "training",
    Folder.PREDICTIONS: "training,evaluation",
    Folder.REPORTS: "evaluation,monitoring",
}

# Datasets as the catalog names them after the market, and their place in the market's folder; a star is any name.
PLACES = {
    Folder.BRONZE: {"bronze_*": "*"},
    Folder.SILVER: {
        "silver_*": "*.parquet",
        "quarantine_*": "quarantine/*.parquet",
        "provider_differences": "quarantine/provider_differences.parquet",
        "scored_articles": "scored_articles.parquet",
        "provenance": "provenance.json",
        "ingestion_checks": "ingestion_checks.json",
        "gate_results": "gate_results.parquet",
    },
    Folder.GOLD: {"gold": "gold.parquet", "feature_set": "feature_set.json"},
    Folder.MODELS: {
        "folds": "folds.parquet",
        "trials": "trials.parquet",
        "hyperparameters": "hyperparameters.json",
        "leak_meter": "leak_meter.parquet",
        "training_summary": "training_summary.json",
        "candidates": "candidates",
        "champion": "champion",
        "trial_ledger": "trials.jsonl",
        "tried": "trials.jsonl",
        "opened": "trials.jsonl",
        "promotion_log": "promotions.jsonl",
        "entered": "promotions.jsonl",
        "retrain_request": "retraining.jsonl",
        "settings_*": "settings/*.json",
    },
    Folder.PREDICTIONS: {
        "oos_predictions": "oos_predictions.parquet",
        "sealed_predictions": "sealed_predictions.parquet",
        "predictions": "predictions.parquet",
    },
    Folder.REPORTS: {
        "metrics": "metrics.parquet",
        "metrics_by_fold": "metrics_by_fold.parquet",
        "daily_skill": "daily_skill.parquet",
        "regimes": "models/regimes.parquet",
        "abstention": "models/abstention.parquet",
        "model_validation": "models/validation.parquet",
        "model_stability": "models/stability.parquet",
        "model_comparisons": "model_comparisons.parquet",
        "neutral_outcomes": "neutral_outcomes.parquet",
        "backtest": "backtest.parquet",
        "backtest_summary": "backtest_summary.parquet",
        "profit_parts": "worth/profit_parts.parquet",
        "capacity": "worth/capacity.parquet",
        "factor_returns": "worth/factor_returns.parquet",
        "attribution": "worth/attribution.parquet",
        "overfitting": "worth/overfitting.parquet",
        "tail_risk": "risk/tail_risk.parquet",
        "stress": "risk/stress.parquet",
        "volatility_forecast": "risk/volatility_forecast.parquet",
        "volatility_verdict": "risk/volatility_verdict.json",
        "portfolio_verdict": "risk/portfolio_verdict.json",
        "promotion": "promotion.json",
        "trading_terms": "trading_terms.json",
        "survivorship": "survivorship.json",
        "replay": "replay.json",
        "live_trials": "experiment.json",
        "running_costs": "running_costs.json",
        "feature_validation": "features/validation.parquet",
        "feature_sets": "features/sets.parquet",
        "feature_stability": "features/stability.parquet",
        "feature_correlations": "features/correlations.parquet",
        "plot_*": "plots/*.png",
        "report": "report.html",
        "tracked_run": "tracked_runs.json",
        "freshness": "monitoring/freshness.parquet",
        "missing_rates": "monitoring/missing_rates.parquet",
        "drift": "monitoring/drift.parquet",
        "providers": "monitoring/providers.parquet",
        "paper_book": "monitoring/paper_book.json",
        "monitoring_report": "monitoring/report.html",
        "monitoring_metrics": "monitoring/metrics.prom",
    },
}


@dataclass(frozen=True)
class Layout:
    """Every place below one folder of the data.

    Attributes:
        root: The folder, such as ``data``.
    """

    root: Path

    @property
    def database(self) -> Path:
        """The database of experiments and registered models."""
        return self.root / "mlflow.db"

    @property
    def tracking_uri(self) -> str:
        """The same as a URL, absolute: a relative one would follow the working directory."""
        return f"sqlite:///{self.database.resolve()}"

    @property
    def access(self) -> Path:
        """The folder of accounts and of what signs tokens; only its owner may look into it."""
        return self.root / "07_access"

    @property
    def accounts(self) -> Path:
        """The accounts, where they have no other address; hashes of what lets in, never that itself."""
        return self.access / "access.db"

    @property
    def token_secret(self) -> Path:
        """What signs tokens, where nothing else is said."""
        return self.access / "token.secret"

    @property
    def artifacts(self) -> Path:
        """Where the files of the experiments lie."""
        return self.root / "mlartifacts"

    @property
    def served(self) -> Path:
        """What the service has said, and what became of it: spools, store and score-card."""
        return self.root / Folder.PREDICTIONS / "served"

    @property
    def store(self) -> Path:
        """The database of what the service has said, where it has no other address."""
        return self.served / "served.db"

    @property
    def online_features(self) -> Path:
        """The newest bars of all markets' features, where no Redis holds them; never backed up."""
        return self.root / Folder.GOLD / "online" / "features.db"

    @property
    def alarms(self) -> Path:
        """What rings, and who was told of it."""
        return self.root / Folder.REPORTS / "alarms" / "standing.json"

    @property
    def failures(self) -> Path:
        """Who was told of jobs that failed in a scheduler of others."""
        return self.alarms.with_name("failures.json")

    @property
    def metrics(self) -> Path:
        """The folder of the files of metrics that a collector reads."""
        return self.root / Folder.REPORTS / "alarms" / "metrics"

    @property
    def schedule(self) -> Path:
        """What the scheduler did and does: its ledger, its locks, its figures and what its jobs wrote."""
        return self.root / "08_schedule"

    def retraining(self, market: str) -> Path:
        """The log of who asked for another training of a market, why, and which run took it."""
        return self.place(market, "retrain_request")

    def place(self, market: str, dataset: str) -> Path:
        """Where a dataset of a market lies.

        Args:
            market: Name of the market.
            dataset: Its name in the catalog without the market, such as ``"silver_bars"`` or ``"gold"``.

        Raises:
            UnknownNameError: If no such dataset lies on the disk; near misses are suggested.
        """
        for folder, places in PLACES.items():
            for name, path in places.items():
                prefix, star, _ = name.partition("*")
                if dataset == name or (star and dataset.startswith(prefix)):
                    return self.root / folder / market / path.replace("*", dataset.removeprefix(prefix))
        raise UnknownNameError("stored dataset", dataset, (name for places in PLACES.values() for name in places))

    def folders(self, market: str) -> list[Path]:
        """The folders of the layers of a market whose content is made from deliveries."""
        return [self.root / folder / market for folder in Folder if folder is not Folder.BRONZE]

    def champion(self, market: str) -> Path:
        """The folder of the champion as it is exported for serving."""
        return self.place(market, "champion")

    def challengers(self, market: str) -> Path:
        """Where the models lie that are tried beside the champion, a folder each."""
        return self.root / Folder.MODELS / market / "challengers"

    def searches(self, market: str) -> Path:
        """The folder of what searches for parameters have tried, a journal each."""
        return self.root / Folder.MODELS / market / "searches"

    def study(self, market: str) -> Path:
        """The folder of what `finq study` found: table, gaps, page, and the pieces from which it goes on."""
        return self.root / Folder.REPORTS / market / "study"

    def experiment(self, market: str) -> Path:
        """The file that says how they are tried."""
        return self.root / Folder.MODELS / market / "experiment.json"

    def experiment_key(self, market: str) -> Path:
        """The secret by which callers are divided among them and the champion."""
        return self.root / Folder.MODELS / market / "experiment.key"

    def experiment_report(self, market: str) -> Path:
        """What came of trying them."""
        return self.place(market, "live_trials")

    def silver(self, market: str, table: str) -> Path:
        """A silver table."""
        return self.place(market, f"silver_{table}")

    def report(self, market: str) -> Path:
        """The page about a market and its models."""
        return self.place(market, "report")

    def data_docs(self, market: str) -> Path:
        """The folder of the pages about the data of a market and what was declared about them."""
        return self.root / Folder.REPORTS / market / "data_docs"


class Located(NamedTuple):
    """Which dataset of which market lies at a place.

    Attributes:
        root: Folder of the data.
        market: Name of the market.
        dataset: Its name in the catalog after the market.
        layer: The folder of its layer.
    """

    root: Path
    market: str
    dataset: str
    layer: Folder


def locate(path: Path) -> Located:
    """Find out what lies at a place.

    Args:
        path: As :meth:`Layout.place` gives it.

    Raises:
        ConfigurationError: If no stored dataset lies there.
    """
    parts = path.parts
    layer = next((place for place, part in enumerate(parts) if part in set(Folder)), None)
    if layer is not None and len(parts) > layer + 2:
        rest = "/".join(parts[layer + 2 :])
        folder = Folder(parts[layer])
        root, market = Path(*parts[:layer]), parts[layer + 1]
        # A name that is written out comes before a pattern that it also fits.
        if exact := [name for name, pattern in PLACES[folder].items() if pattern == rest]:
            return Located(root, market, exact[0], folder)
        for name, pattern in PLACES[folder].items():
            before, star, after = pattern.partition("*")
            found = rest[len(before) : len(rest) - len(after)]
            if star and rest == before + found + after and "/" not in found:
                return Located(root, market, name.replace("*", found), folder)
    raise ConfigurationError(
        f"No stored dataset has its place at {path}; expected ROOT/LAYER/MARKET/NAME as adapters/layout.py lists them."
    )


def versions_of(place: Path) -> Path:
    """The folder in which the versions of a dataset lie, from its place."""
    return place.with_suffix("")


def how_to_make(path: Path, made_by_them: str | None = None) -> str:
    """One sentence that says how a file comes into being.

    Args:
        path: Where it lies.
        made_by_them: Pipelines that make it; guessed from the folder of the layer.
    """
    pipelines = made_by_them or made_by(path)
    if pipelines:
        return f"Make it with: kedro run --pipelines={pipelines}"
    return "Run the pipeline which makes it, or correct the path in the catalog."


def made_by(path: Path) -> str | None:
    """The pipelines which fill the folder that a file lies in, separated by commas; None outside of the layers."""
    return next((pipelines for folder, pipelines in MADE_BY.items() if folder in path.parts), None)
