"""What a run stores of a market is published layer by layer, and by one run at a time."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from pydantic import BaseModel

from finq_predictor.adapters.datasets.bronze import BronzeDataset
from finq_predictor.adapters.datasets.code_version import code_hash
from finq_predictor.adapters.invocation import Invocation
from finq_predictor.adapters.layout import Folder, Layout, locate
from finq_predictor.adapters.search_store import SearchStore
from finq_predictor.adapters.snapshots.claims import Claims
from finq_predictor.adapters.snapshots.member import SnapshotMember
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.adapters.snapshots.writer import Writer, begin, end
from finq_predictor.adapters.snapshots.writer import store as keep
from finq_predictor.domain.tables import TRIALS

Market = tuple[Path, str]
SETTINGS = "settings_"


class SnapshotHooks:
    """Claims the stages that a run writes, notes what was made from what, and publishes a layer when it is complete.

    A layer is complete when every dataset of it was saved that this run makes: readers see the tone of articles beside
    the bars that came with them, and never the one before the other. What a failed run has not published, nobody sees.
    """

    def __init__(self) -> None:
        self._catalog: Any = None
        self._writers: dict[Market, Writer] = {}
        self._claims: list[Claims] = []
        self._searched: list[Market] = []
        # Dataset of the catalog -> stored datasets that it was made from, and their content then.
        self._origins: dict[str, dict[str, str]] = {}
        self._unsaved: dict[tuple[Market, Folder], set[str]] = {}

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any) -> None:
        """Wait for others that write the same, and begin."""
        self._catalog, self._origins, self._unsaved, self._searched = catalog, {}, defaultdict(set), []
        stages: dict[Market, set[str]] = defaultdict(set)
        for node in pipeline.nodes:
            for name in node.outputs:
                if (member := self._member(name)) is not None:
                    market = _market_of(member)
                    self._unsaved[market, member.where.layer].add(name)
                    if member.where.dataset == TRIALS.name and market not in self._searched:
                        self._searched.append(market)
                    stages[market].add((node.namespace or node.name).partition(".")[0])
        by = Invocation.of(run_params).command
        try:
            for market, names in sorted(stages.items()):
                store = SnapshotStore(*market)
                claims = Claims(store.folder / "claims", names, by)
                claims.take()
                self._claims.append(claims)
                self._writers[market] = begin(store, by, code_hash())
                for stage in sorted(names):
                    self._keep_settings(market, stage)
        except BaseException:
            # Kedro tells nobody that a run ended which had not begun.
            self._end()
            raise

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str) -> None:
        """Remember what an input is."""
        dataset = self._catalog.get(dataset_name)
        name = dataset_name.partition(".")[2]
        if isinstance(dataset, BronzeDataset):
            self._origins[dataset_name] = {name: dataset.current()}
        elif (member := self._member(dataset_name)) is not None:
            writer = self._writers.get(_market_of(member))
            entries = writer.view.manifest.entries if writer is not None else {}
            self._origins[dataset_name] = {name: entries[name].content} if name in entries else {}

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Note what it was made from, and publish its layer with the last of its datasets."""
        origins = self._inherited(node.inputs)
        member = self._member(dataset_name)
        if member is None:
            self._origins[dataset_name] = origins
            return
        where = member.where
        market = _market_of(member)
        writer = self._writers[market]
        writer.descend(where.dataset, origins)
        unsaved = self._unsaved[market, where.layer]
        unsaved.discard(dataset_name)
        if not unsaved:
            writer.publish([*_of_layer(writer, where.layer), *_settings(writer)])

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Publish what belongs to no layer of the run, clear away what nobody needs any more, and let others write."""
        try:
            for writer in self._writers.values():
                writer.publish()
                writer.store.prune()
            for root, market in self._searched:
                SearchStore.below(root, market).prune()
        finally:
            self._end()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Let others write; what was not published stays unseen."""
        self._end()

    def _keep_settings(self, market: Market, stage: str) -> None:
        """Keep the parameters of a stage, those that nobody gave as well, so that it can be run again."""
        root, name = market
        params = f"params:{name}.{stage}"
        if params not in self._catalog:
            return
        found = self._catalog.load(params)
        plain = found.model_dump(mode="json") if isinstance(found, BaseModel) else found
        # In their order: that of the models is the order of the race.
        text = json.dumps(plain, indent=2, default=str)
        place = locate(Layout(root).place(name, f"{SETTINGS}{stage}"))

        def write(path: Path) -> None:
            path.write_text(text, encoding="utf-8")

        keep(place, write)

    def _member(self, name: str) -> SnapshotMember | None:
        dataset = self._catalog.get(name)
        return dataset if isinstance(dataset, SnapshotMember) else None

    def _inherited(self, inputs: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in inputs:
            found |= self._origins.get(name, {})
        return found

    def _end(self) -> None:
        for writer in self._writers.values():
            end(writer)
        for claims in self._claims:
            claims.give_back()
        self._writers, self._claims = {}, []


def _market_of(member: SnapshotMember) -> Market:
    """The folder of the data and the market; a folder that is a link is the same by whichever name it is called."""
    return member.where.root.resolve(), member.where.market


def _settings(writer: Writer) -> list[str]:
    """The parameters that were kept; they belong to what was made with them, in whatever layer that lies."""
    return [name for name in writer.view.manifest.entries if name.startswith(SETTINGS)]


def _of_layer(writer: Writer, layer: Folder) -> list[str]:
    """The datasets of a layer that a market has."""
    entries = writer.view.manifest.entries
    return [name for name, entry in entries.items() if entry.file.startswith(f"{layer}/")]
