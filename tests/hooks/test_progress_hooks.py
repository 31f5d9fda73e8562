from __future__ import annotations

import re

import pandas as pd
import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner, ThreadRunner

from finq_predictor.hooks import progress
from finq_predictor.hooks.progress import ProgressHooks, duration


def make() -> pd.DataFrame:
    return pd.DataFrame({"x": range(1234)})


def split(frame: pd.DataFrame) -> tuple[dict, pd.DataFrame, pd.DataFrame]:
    return {"rows": len(frame)}, frame.head(1200), frame.tail(34)


def tell(about: dict) -> None:
    assert about


PIPELINE = Pipeline(
    [
        Pipeline([node(make, None, "frame", name="make")], namespace="gather", prefix_datasets_with_namespace=False),
        Pipeline(
            [node(split, "frame", ["about", "most", "rest"], name="split"), node(tell, "about", None, name="tell")],
            namespace="use",
            prefix_datasets_with_namespace=False,
        ),
    ]
)


@pytest.fixture
def lines(monkeypatch):
    """What the hook logs, whatever the logging of the process is set to."""
    found: list[str] = []
    monkeypatch.setattr(progress.logger, "info", lambda text, *values, **_: found.append(text % values))
    return found


def run(hooks: ProgressHooks, runner=SequentialRunner) -> None:
    manager = _create_hook_manager()
    manager.register(hooks)
    manager.hook.before_pipeline_run(run_params={}, pipeline=PIPELINE, catalog=None)
    names = ("frame", "about", "most", "rest")
    runner().run(PIPELINE, DataCatalog({name: MemoryDataset() for name in names}), manager)
    manager.hook.after_pipeline_run(run_params={}, run_result={}, pipeline=PIPELINE, catalog=None)


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner])
def test_each_node_is_one_short_line_with_number_name_seconds_and_rows(lines, runner):
    run(ProgressHooks(), runner)
    assert re.fullmatch(r"1 of 3  gather\.make +\d+\.\d s +1,234 rows", lines[0])
    shown = sorted(line[8:] for line in lines[1:3])
    assert re.fullmatch(r"use\.split +\d+\.\d s +1,200 rows", shown[0]), "the first frame of several outputs"
    assert re.fullmatch(r"use\.tell +\d+\.\d s", shown[1]), "no frame, no rows"
    assert len(lines) == 5
    assert all(len(line) < 100 for line in lines[:3])


def test_a_run_ends_with_where_the_time_went(lines, monkeypatch):
    # The start of the run; start and end of make, split and tell; the end of the run.
    moments = iter([0.0, 1.0, 1.5, 2.0, 72.0, 73.0, 74.0, 130.0])
    hooks = ProgressHooks()
    monkeypatch.setattr(progress, "perf_counter", lambda: next(moments))
    hooks.before_pipeline_run(run_params={}, pipeline=PIPELINE)
    for done in PIPELINE.nodes:
        hooks._started[done.name] = progress.perf_counter()
        hooks._finish(done)
    hooks.after_pipeline_run()
    assert lines[3] == "Done in 2 min 10 s: use 1 min 11 s, gather 0.5 s."
    assert lines[4] == "Slowest nodes: use.split 1 min 10 s, use.tell 1.0 s, gather.make 0.5 s."


def test_the_next_run_counts_anew(lines):
    hooks = ProgressHooks()
    run(hooks)
    run(hooks)
    assert [line[:6] for line in lines] == ["1 of 3", "2 of 3", "3 of 3", "Done i", "Slowes"] * 2


def test_a_run_without_nodes_says_nothing(lines):
    hooks = ProgressHooks()
    hooks.before_pipeline_run(run_params={}, pipeline=Pipeline([]))
    hooks.after_pipeline_run()
    assert not lines


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (125.9, "2 min 5 s")]
)
def test_durations_are_read_at_a_glance(seconds, words):
    assert duration(seconds) == words
