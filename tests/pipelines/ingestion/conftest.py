"""A run of the ingestion pipeline alone, with the project's own catalog and parameters."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.pipelines.ingestion.params import IngestionParams
from finq_predictor.pipelines.ingestion.pipeline import create_pipeline


@dataclass
class Ingestion:
    """Runs one market's ingestion below a folder of its own."""

    project: Path
    root: Path

    def catalog(self, market: str, env: str = "base", **params: Any) -> DataCatalog:
        loader = OmegaConfigLoader(
            conf_source=str(self.project / "conf"),
            base_env="base",
            default_run_env="base",
            env=env,
            runtime_params={"data_root": str(self.root), **params},
            merge_strategy={"parameters": "soft", "globals": "soft"},
            custom_resolvers={
                "project_path": lambda relative: str(self.project / relative),
                "tracking_uri": lambda uri: f"sqlite:///{uri}",
            },
        )
        catalog = DataCatalog.from_config(
            {name: entry for name, entry in loader["catalog"].items() if not name.startswith("_")}
        )
        catalog[f"params:{market}.ingestion"] = IngestionParams(**loader["parameters"][market]["ingestion"])
        return catalog

    def run(self, market: str, env: str = "base", **params: Any) -> DataCatalog:
        catalog = self.catalog(market, env, **params)
        pipeline = Pipeline(create_pipeline(MARKETS[market]), namespace=market)
        SequentialRunner().run(pipeline, catalog)
        return catalog

    def silver(self, market: str) -> dict[str, bytes]:
        """Every silver file by name, quarantine and JSON included."""
        layout, newest = Layout(self.root), SnapshotStore(self.root, market).newest()
        places = {layout.place(market, name): newest.path(name) for name in newest.manifest.entries}
        folder = layout.silver(market, "bars").parent
        places |= {file: file for file in (folder / "quarantine").glob("*.parquet")}
        return {
            place.relative_to(folder).as_posix(): file.read_bytes()
            for place, file in sorted(places.items())
            if place.is_relative_to(folder)
        }


@pytest.fixture
def ingestion(project_path: Path, tmp_path: Path) -> Ingestion:
    # What Kedro says about dotted names and OmegaConf about itself.
    for message in (".*register_new_resolver.*", r".*contains? '?\.'?.*", ".*dot characters? .*"):
        warnings.filterwarnings("ignore", message=message, category=UserWarning)
    return Ingestion(project_path, tmp_path / "data")
