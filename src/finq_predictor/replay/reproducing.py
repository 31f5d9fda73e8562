"""Every number of a run again, from what is stored: layer by layer, each from the stored layer before it.

As each layer is made from what is stored of the one before, a difference is named where it arises; and where all are
equal, by induction the whole run is, from the deliveries to the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import BaseModel

from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.datasets.bronze import BronzeDataset
from finq_predictor.adapters.datasets.code_version import CodeVersionDataset
from finq_predictor.adapters.datasets.snapshot import SnapshotDataset
from finq_predictor.adapters.invocation import Invocation
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.model_registry import ModelRegistry
from finq_predictor.adapters.snapshots.manifest import Entry
from finq_predictor.adapters.snapshots.store import Snapshot
from finq_predictor.adapters.tracking import tracking_uri_of
from finq_predictor.domain.errors import FinqError, StoreError
from finq_predictor.domain.evaluation.trial_ledger import TrialLedger
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.origin import CodeVersion
from finq_predictor.domain.promotion.log import PromotionLog
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.pipelines.evaluation.pipeline import create_pipeline as evaluation
from finq_predictor.pipelines.features.params import FeaturesParams
from finq_predictor.pipelines.features.pipeline import create_pipeline as features
from finq_predictor.pipelines.ingestion.params import IngestionParams
from finq_predictor.pipelines.ingestion.pipeline import create_pipeline as ingestion
from finq_predictor.pipelines.sentiment.params import SentimentParams
from finq_predictor.pipelines.sentiment.pipeline import create_pipeline as sentiment
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.pipelines.training.pipeline import create_pipeline as training
from finq_predictor.replay.comparing import Found, Outcome, compare

if TYPE_CHECKING:
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline

PARAMS: Mapping[str, type[BaseModel]] = {
    "ingestion": IngestionParams,
    "sentiment": SentimentParams,
    "features": FeaturesParams,
    "training": TrainingParams,
    "evaluation": EvaluationParams,
}
ONCE = ("bronze_", "running_costs")
"""What came from outside, and comes no second time."""
BY_THE_CLOCK = ("ingestion_checks", "gate_results")
"""What says how old deliveries were when it was asked: another moment gives another answer."""


@dataclass(frozen=True)
class Rebuilt:
    """A layer that can be made again.

    Attributes:
        name: Its name.
        pipeline: Makes it, for a market.
        datasets: What of it is compared; none compares everything that the pipeline makes and the snapshot holds.
    """

    name: str
    pipeline: Callable[[Market], Pipeline]
    datasets: tuple[str, ...] = ()


METRICS = ("metrics", "metrics_by_fold", "daily_skill", "backtest", "backtest_summary")
LAYERS: Mapping[str, Rebuilt] = {
    one.name: one
    for one in (
        Rebuilt("silver", lambda market: ingestion(market) + sentiment(market)),
        Rebuilt("gold", features),
        Rebuilt("training", training),
        Rebuilt("metrics", lambda market: evaluation(market).to_outputs(*METRICS), METRICS),
        Rebuilt("decision", lambda market: evaluation(market).to_outputs("promotion"), ("promotion",)),
        Rebuilt("predictions", lambda market: evaluation(market).only_nodes("predict_latest"), ("predictions",)),
    )
}
"""The layers in their order."""


@dataclass(frozen=True)
class Versions:
    """Which code and packages made what is stored, and which run now.

    Attributes:
        differences: A sentence for each that is another one; none where all are the same.
    """

    differences: tuple[str, ...]


class Reproduction:
    """Makes a snapshot again.

    Args:
        catalog: The catalog of the project for the folder of data.
        snapshot: What is made again; held while it is read.
        root: A temporary folder of data, which gets what comes out.
        market: The market.
    """

    def __init__(self, catalog: DataCatalog, snapshot: Snapshot, root: Path, market: Market) -> None:
        self._catalog, self._root = catalog, root
        self.snapshot, self.market = snapshot, market

    def layers(self, names: Iterable[str]) -> Iterator[Found]:
        """Make layers again, in their order, and say of each dataset whether it is the same."""
        wanted = set(names)
        for name, layer in LAYERS.items():
            if name in wanted:
                yield from self._layer(layer)

    def versions(self) -> Versions:
        """Compare the code and the packages with those that made what is stored."""
        stored = self._stored_version()
        if stored is None:
            return Versions(("Nothing was trained in this snapshot, so that nothing says which packages made it.",))
        now = CodeVersionDataset().load()
        found = []
        if now.code_hash != stored.code_hash:
            commit = f", commit {stored.git_commit[:12]}" if stored.git_commit else ""
            found.append(f"the code is another one than trained it ({stored.code_hash[:12]}{commit})")
        for package in sorted({*now.packages, *stored.packages}):
            before, current = stored.packages.get(package, "absent"), now.packages.get(package, "absent")
            if before != current:
                found.append(f"{package} was {before} and is {current}")
        return Versions(tuple(found))

    def _layer(self, layer: Rebuilt) -> Iterator[Found]:
        entries = self.snapshot.manifest.entries
        pipeline = layer.pipeline(self.market)
        made = layer.datasets or tuple(sorted(pipeline.all_outputs()))
        compared = [name for name in made if name in entries]
        if not compared:
            yield Found(layer.name, "everything", Outcome.OPEN, "the snapshot holds nothing of it")
            return
        late = {name: self.snapshot.manifest.behind(name) for name in compared}
        try:
            outputs = self._run(pipeline, compared)
        except FinqError as error:
            yield Found(layer.name, "everything", Outcome.OPEN, f"it cannot be made again: {error}")
            return
        for name in compared:
            if name in BY_THE_CLOCK:
                yield Found(layer.name, name, Outcome.CLOCK, "it says how old deliveries were when they were judged")
            elif late[name]:
                what = ", ".join(f"{parent} {happened}" for parent, happened in sorted(late[name].items()))
                yield Found(
                    layer.name, name, Outcome.OPEN, f"the snapshot holds others of what it was made from: {what}"
                )
            else:
                yield self._compared(layer.name, name, entries[name], outputs[name])

    def _compared(self, layer: str, name: str, entry: Entry, value: Any) -> Found:
        stored = self.snapshot.root / entry.file
        if name in self.snapshot.damaged_of([name]):
            return Found(layer, name, Outcome.DIFFERS, "its file is gone, or no longer what was stored under its hash")
        dataset = self._catalog.get(f"{self.market.name}.{name}")
        assert isinstance(dataset, SnapshotDataset)
        again = dataset.save_below(self._root, value)
        if again.content == entry.content:
            return Found(layer, name, Outcome.IDENTICAL)
        return compare(layer, name, stored, self._root / again.file)

    def _run(self, pipeline: Pipeline, wanted: list[str]) -> dict[str, Any]:
        """Run what is needed of a pipeline, with every input as it is stored."""
        needed = pipeline.to_outputs(*wanted)
        # What is delivered is what was delivered then, and what was measured by a clock is what was measured then.
        nodes = [node for node in needed.nodes if not any(name.startswith(ONCE) for name in node.outputs)]
        data: dict[str, Any] = {}
        kept: dict[str, Any] = {}
        for node in nodes:
            for name in node.inputs:
                if name not in data:
                    data[name] = self._input(name)
            made = node.run({name: data[name] for name in node.inputs})
            data |= made
            kept |= {name: made[name] for name in wanted if name in made}
        return kept

    def _input(self, name: str) -> Any:
        if name.startswith("params:"):
            return self._settings(name.removeprefix("params:"))
        if name.startswith("bronze_"):
            return self._bronze(name)
        special: dict[str, Callable[[], Any]] = {
            "clock": self._clock,
            "code_version": self._stored_version,
            "invocation": Invocation,
            "incumbent": self._incumbent,
            "trial_ledger": self._ledger,
            "promotion_log": self._log,
            "live_trials": self._live,
            "champion": lambda: load_bundle(self.snapshot.path("champion")),
        }
        return special[name]() if name in special else self._load(name)

    def _load(self, name: str) -> Any:
        return self._catalog.load(f"{self.market.name}.{name}")

    def _settings(self, stage: str) -> BaseModel:
        """The parameters that a stage was run with."""
        if not self.snapshot.has(f"settings_{stage}"):
            raise StoreError(
                f"The parameters of {stage} were not kept in {self.snapshot.id}; it was stored by an older version. "
                "Run it again to have a snapshot that can be made again."
            )
        return PARAMS[stage].model_validate(self._load(f"settings_{stage}"))

    def _bronze(self, name: str) -> pd.DataFrame:
        """The deliveries as they were when silver was made of them."""
        dataset = self._catalog.get(f"{self.market.name}.{name}")
        assert isinstance(dataset, BronzeDataset)
        table = name.removeprefix("bronze_")
        parents = self.snapshot.manifest.entries[f"silver_{table}"].parents
        now = dataset.current()
        if parents.get(name, now) == now:
            return dataset.load()
        return dataset.then(_when(dataset.store, parents[name], name))

    def _clock(self) -> pd.Timestamp:
        entries = self.snapshot.manifest.entries
        decision = self._load("promotion") if "promotion" in entries else None
        moment = (decision.at if decision is not None else "") or entries["silver_bars"].made_at
        return pd.Timestamp(moment).as_unit("us")

    def _stored_version(self) -> CodeVersion | None:
        if not self.snapshot.has("training_summary"):
            return None
        summary = self._load("training_summary")
        return CodeVersion(summary.code_hash, summary.git_commit, summary.packages)

    def _incumbent(self) -> Any:
        """The champion as it stood when it was decided."""
        holder = self._load("promotion").incumbent
        if holder is None:
            return None
        layout = Layout(self.snapshot.root)
        registry = ModelRegistry(
            self.market.name, tracking_uri_of(layout), layout.artifacts, layout.champion(self.market.name)
        )
        incumbent = registry.load_incumbent(holder.version)
        return None if incumbent is None else replace(incumbent, status=holder.status)

    def _ledger(self) -> TrialLedger:
        """What had been tried before."""
        ledger, at = self._load("trial_ledger"), self._clock()
        before = [entry for entry in ledger.entries if pd.Timestamp(entry.at) < at]
        return TrialLedger(tuple(before))

    def _log(self) -> PromotionLog:
        """What had been decided before."""
        log, head = self._load("promotion_log"), self._load("promotion").log_head
        before = [place for place, one in enumerate(log.records, start=1) if one.hash == head]
        return PromotionLog(log.records[: before[0]] if before else ())

    def _live(self) -> Any:
        """What was known of trials beside the champion; a report that was made later says nothing of it."""
        report = self._load("live_trials")
        return report if report is not None and pd.Timestamp(report.made_at) <= self._clock() else None


def _when(store: BronzeStore, content: str, name: str) -> pd.Timestamp:
    """The moment up to which deliveries have to be read to get those of a hash."""
    entries = store.entries()
    for count in range(len(entries), 0, -1):
        if store.hash_of(entries[:count]) == content:
            return entries[count - 1].noted_at
    raise StoreError(
        f"The deliveries of {name} that it was made from are not kept: none gives the hash {content[:16]}."
    )
