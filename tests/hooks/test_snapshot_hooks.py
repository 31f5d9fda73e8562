"""A run publishes a layer when it is complete, says what was made from what, and leaves nothing of a failure."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner, ThreadRunner

from finq_predictor.adapters.datasets.snapshot import SnapshotDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.search_store import KEPT
from finq_predictor.adapters.snapshots.claims import Claims
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.hooks.snapshots import SnapshotHooks

STORED = ("silver_bars", "silver_articles", "silver_sentiment", "gold")
KNOWN = pd.Timestamp("2024-05-03 20:00", tz="UTC")
Seen = list[dict[str, float]]


def frame(value: float) -> pd.DataFrame:
    return pd.DataFrame({"known_at": [KNOWN], "value": [value]})


class Work:
    """Two stages that write silver and one that writes gold; what a reader sees is noted before every node."""

    def __init__(self, root: Path) -> None:
        self.root, self.value, self.fails_at = root, 0.0, ""
        # By another name of the same folder, some datasets.
        self.other_names: dict[str, Path] = {}
        self.seen: Seen = []

    def _step(self, name: str, **inputs: pd.DataFrame) -> pd.DataFrame:
        newest = SnapshotStore(self.root, "equity").newest()
        self.seen.append({each: value(self.root, each) for each in STORED if newest.has(each)})
        if name == self.fails_at:
            raise ValueError("as it was told")
        return frame(self.value)

    def pipeline(self) -> Pipeline:
        def bars() -> pd.DataFrame:
            return self._step("bars")

        def articles() -> pd.DataFrame:
            return self._step("articles")

        def scored(articles: pd.DataFrame) -> pd.DataFrame:
            return self._step("scored")

        def tone(scored: pd.DataFrame) -> pd.DataFrame:
            return self._step("tone")

        def gold(bars: pd.DataFrame, tone: pd.DataFrame) -> pd.DataFrame:
            return self._step("gold")

        def stage(name: str, *nodes) -> Pipeline:
            return Pipeline([*nodes], namespace=name, prefix_datasets_with_namespace=False)

        return Pipeline(
            [
                stage(
                    "ingestion.equity",
                    node(bars, None, "equity.silver_bars", name="bars"),
                    node(articles, None, "equity.silver_articles", name="articles"),
                ),
                stage(
                    "sentiment.equity",
                    node(scored, "equity.silver_articles", "equity.scored", name="scored"),
                    node(tone, "equity.scored", "equity.silver_sentiment", name="tone"),
                ),
                stage(
                    "features.equity",
                    node(gold, ["equity.silver_bars", "equity.silver_sentiment"], "equity.gold", name="gold"),
                ),
            ]
        )

    def catalog(self) -> DataCatalog:
        kept = {
            f"equity.{name}": SnapshotDataset(
                filepath=str(Layout(self.other_names.get(name, self.root)).place("equity", name)),
                dataset="pandas.ParquetDataset",
            )
            for name in STORED
        }
        return DataCatalog({**kept, "equity.scored": MemoryDataset()})

    def run(self, value: float, only: str | None = None, runner=SequentialRunner) -> None:
        self.value, self.seen = value, []
        pipeline = self.pipeline() if only is None else self.pipeline().only_nodes_with_namespaces([only])
        manager, catalog = _create_hook_manager(), self.catalog()
        manager.register(SnapshotHooks())
        manager.hook.before_pipeline_run(run_params={}, pipeline=pipeline, catalog=catalog)
        try:
            runner().run(pipeline, catalog, manager)
        except Exception as error:
            manager.hook.on_pipeline_error(error=error, run_params={}, pipeline=pipeline, catalog=catalog)
            raise
        manager.hook.after_pipeline_run(run_params={}, run_result={}, pipeline=pipeline, catalog=catalog)


def value(root: Path, name: str) -> float:
    return float(pd.read_parquet(path_of(root, "equity", name))["value"].iloc[0])


def values(root: Path) -> dict[str, float]:
    return {name: value(root, name) for name in STORED}


@pytest.fixture
def work(tmp_path) -> Work:
    return Work(tmp_path)


@pytest.mark.filterwarnings("ignore:.*dot characters? .*:UserWarning", "ignore:.*contains? '?\\.'?.*:UserWarning")
class TestRuns:
    """What readers see of runs."""

    @pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner])
    def test_a_layer_is_seen_whole_or_as_it_was(self, work, runner):
        work.run(1.0, runner=runner)
        work.run(2.0, runner=runner)
        for seen in work.seen:
            silver = {seen[name] for name in STORED[:3]}
            assert len(silver) == 1, f"tables of two deliveries beside each other: {seen}"
        assert values(work.root) == dict.fromkeys(STORED, 2.0)
        # Two layers, two runs.
        assert [name[:6] for name in SnapshotStore(work.root, "equity").ids()] == [
            "000001",
            "000002",
            "000003",
            "000004",
        ]

    def test_a_folder_that_is_a_link_is_one_folder_by_both_of_its_names(self, work, tmp_path, monkeypatch):
        """A run took what it had already for what another one has, and waited half an hour for itself."""
        monkeypatch.setattr(Claims.take, "__defaults__", (2.0,))
        (tmp_path / "real").mkdir()
        work.root = tmp_path / "link"
        work.root.symlink_to(tmp_path / "real")
        work.other_names = {"silver_articles": tmp_path / "real", "gold": tmp_path / "real"}
        work.run(1.0)
        assert values(work.root) == values(tmp_path / "real") == dict.fromkeys(STORED, 1.0)

    @pytest.mark.parametrize("place", ["bars", "articles", "scored", "tone"])
    def test_what_a_failed_run_has_not_published_nobody_sees(self, work, place):
        work.run(1.0)
        before = SnapshotStore(work.root, "equity").newest().id
        work.fails_at = place
        with pytest.raises(ValueError, match="as it was told"):
            work.run(2.0)
        assert SnapshotStore(work.root, "equity").newest().id == before
        assert values(work.root) == dict.fromkeys(STORED, 1.0)
        work.fails_at = ""
        work.run(2.0)
        assert values(work.root) == dict.fromkeys(STORED, 2.0)

    def test_a_failure_later_leaves_the_layer_that_was_complete(self, work):
        work.run(1.0)
        work.fails_at = "gold"
        with pytest.raises(ValueError, match="as it was told"):
            work.run(2.0)
        assert values(work.root) == {**dict.fromkeys(STORED[:3], 2.0), "gold": 1.0}
        assert SnapshotStore(work.root, "equity").newest().manifest.behind("gold") == {
            "silver_bars": "was replaced",
            "silver_sentiment": "was replaced",
        }

    def test_every_dataset_says_what_it_was_made_from_also_through_memory(self, work):
        work.run(1.0)
        entries = SnapshotStore(work.root, "equity").newest().manifest.entries
        assert dict(entries["silver_sentiment"].parents) == {"silver_articles": entries["silver_articles"].content}
        assert set(entries["gold"].parents) == {"silver_bars", "silver_sentiment"}
        assert entries["gold"].rows == 1
        assert entries["gold"].known_until == KNOWN.isoformat()
        assert len(entries["gold"].code) == 64

    def test_a_stage_alone_shows_what_is_behind(self, work):
        work.run(1.0)
        work.run(2.0, only="ingestion.equity")
        behind = SnapshotStore(work.root, "equity").newest().manifest.behind
        assert behind("silver_sentiment") == {"silver_articles": "was replaced"}
        assert behind("gold") == {
            "silver_bars": "was replaced",
            "silver_sentiment": "is itself older than silver_articles",
        }
        work.run(2.0, only="sentiment.equity")
        work.run(2.0, only="features.equity")
        behind = SnapshotStore(work.root, "equity").newest().manifest.behind
        assert behind("gold") == {}

    def test_the_same_data_publish_nothing(self, work):
        work.run(1.0)
        before = SnapshotStore(work.root, "equity").ids()
        work.run(1.0)
        assert SnapshotStore(work.root, "equity").ids() == before


@pytest.mark.parametrize("output", ["trials", "folds"])
def test_a_run_that_searched_removes_the_oldest_searches(tmp_path, output):
    folder = Layout(tmp_path).searches("equity")
    folder.mkdir(parents=True)
    for number in range(KEPT + 3):
        journal = folder / f"trees-{number:016x}.jsonl"
        journal.touch()
        os.utime(journal, (1e6 + number, 1e6 + number))
    place = str(Layout(tmp_path).place("equity", output))
    catalog = DataCatalog({f"equity.{output}": SnapshotDataset(filepath=place, dataset="pandas.ParquetDataset")})
    made = node(lambda: frame(1.0), None, f"equity.{output}", name=output)
    pipeline = Pipeline([made], namespace="training.equity", prefix_datasets_with_namespace=False)
    hooks, manager = SnapshotHooks(), _create_hook_manager()
    manager.register(hooks)
    for _ in range(2):
        manager.hook.before_pipeline_run(run_params={}, pipeline=pipeline, catalog=catalog)
        SequentialRunner().run(pipeline, catalog, manager)
        manager.hook.after_pipeline_run(run_params={}, run_result={}, pipeline=pipeline, catalog=catalog)
    assert len(list(folder.glob("*.jsonl"))) == (KEPT if output == "trials" else KEPT + 3)
