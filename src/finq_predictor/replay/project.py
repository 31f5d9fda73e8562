"""What a replay needs, from the catalog and the parameters of the project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pandas as pd
from pydantic import BaseModel

from finq_predictor.adapters.atomic_file import write_atomically
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.model_registry import ModelRegistry
from finq_predictor.adapters.tracking import tracking_uri_of
from finq_predictor.domain.columns import TS
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.evaluation.replay_record import ReplayRecord
from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.pipelines.ingestion.params import IngestionParams
from finq_predictor.pipelines.sentiment.params import SentimentParams
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.replay.audit import Training
from finq_predictor.replay.history import History
from finq_predictor.replay.stages import SILVER, Stages
from finq_predictor.replay.walk import Batch, Champion, Replay
from finq_predictor.reports.evaluation.sections.replay import ANSWER, answer
from finq_predictor.reports.pages import with_part

if TYPE_CHECKING:
    from kedro.io import DataCatalog


Params = TypeVar("Params", bound=BaseModel)


def open_catalog(project: Path, root: Path, env: str | None) -> DataCatalog:
    """The catalog of the project, with its parameters.

    Args:
        project: Folder of the project.
        root: Folder of the data.
        env: Environment whose parameters hold; None is the default one.
    """
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(project)
    with KedroSession.create(project, env=env, runtime_params={"data_root": root.as_posix()}) as session:
        catalog: DataCatalog = session.load_context().catalog  # type: ignore[attr-defined]  # the abstract session hides it
        return catalog


def load_history(catalog: DataCatalog, market: Market) -> History:
    """The deliveries of a market.

    Raises:
        StoreError: If nothing was delivered.
    """
    rules = load_parameters(catalog, market, IngestionParams, "ingestion").rules(market)
    bronze = {table: catalog.load(f"{market.name}.bronze_{table}") for table in market.source_tables}
    return History.of(market, bronze, rules)


def load_stages(catalog: DataCatalog, market: Market) -> Stages:
    """The pipelines of a market up to the panel."""
    return Stages(
        market,
        load_parameters(catalog, market, IngestionParams, "ingestion"),
        load_parameters(catalog, market, SentimentParams, "sentiment"),
    )


def load_silver(catalog: DataCatalog, market: Market) -> dict[str, pd.DataFrame]:
    """The silver tables of a market, and its scored articles."""
    made = (*market.source_tables, *market.derived_tables, "sentiment", "coverage")
    names = [name for name in SILVER if name in made]
    tables = {name: catalog.load(f"{market.name}.silver_{name}") for name in names}
    return {**tables, "scored_articles": catalog.load(f"{market.name}.scored_articles")}


def load_replay(catalog: DataCatalog, root: Path, market: Market) -> Replay:
    """Everything that a replay of a market below a folder of data needs.

    Raises:
        StoreError: If something was not made yet; says how to make it.
    """
    name = market.name
    published = catalog.load(f"{name}.predictions") if catalog.exists(f"{name}.predictions") else None
    batch = Batch(load_silver(catalog, market), catalog.load(f"{name}.gold"), published)
    rules = load_parameters(catalog, market, EvaluationParams, "evaluation").abstention
    layout = Layout(root)
    registry = ModelRegistry(name, tracking_uri_of(layout), layout.artifacts, layout.champion(name))
    champions = load_champions(registry, pd.DatetimeIndex(batch.gold[TS].unique()), market)
    return Replay(load_history(catalog, market), load_stages(catalog, market), batch, champions, rules)


def load_champions(registry: ModelRegistry, bars: pd.DatetimeIndex, market: Market) -> list[Champion]:
    """Every model that was ever champion, the first first, with the bar from which it can have been in use.

    Args:
        registry: Where the models are.
        bars: Closes of the bars that there are, increasing.
        market: The market.

    Raises:
        StoreError: If there is none.
    """
    bundles = registry.load_versions()
    if not bundles:
        raise StoreError(f"No model of {registry.market} is registered; run `kedro run --pipelines={registry.market}`.")
    return [Champion.of(bundle, bars, market) for bundle in bundles]


def load_training(catalog: DataCatalog, market: Market) -> Training | None:
    """The walk-forward of a market as it was run; None where there was none."""
    name = market.name
    if not catalog.exists(f"{name}.oos_predictions"):
        return None
    return Training(
        feature_set=catalog.load(f"{name}.feature_set"),
        folds=catalog.load(f"{name}.folds"),
        hyperparameters=catalog.load(f"{name}.hyperparameters"),
        params=load_parameters(catalog, market, TrainingParams, "training"),
        oos=catalog.load(f"{name}.oos_predictions"),
    )


def keep_record(catalog: DataCatalog, root: Path, found: ReplayRecord) -> None:
    """Keep what a replay found, and say it in the report of the market where there is one."""
    catalog.save(f"{found.market}.replay", found)
    report = Layout(root).report(found.market)
    if report.is_file():
        hashes = catalog.load(f"{found.market}.provenance").content_hashes
        page = with_part(report.read_text(encoding="utf-8"), ANSWER, answer(found.market, found, hashes))

        def write(temporary: Path) -> None:
            temporary.write_text(page, encoding="utf-8")

        write_atomically(report, write)


def load_parameters(catalog: DataCatalog, market: Market, kind: type[Params], stage: str) -> Params:
    """The parameters of a stage; the catalog holds them typed where a pipeline that reads them was loaded.

    Args:
        catalog: The catalog of the project.
        market: The market.
        kind: Their type.
        stage: Their name below that of the market.
    """
    return kind.model_validate(catalog.load(f"params:{market.name}.{stage}"))
