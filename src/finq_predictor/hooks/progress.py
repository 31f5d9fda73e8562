"""One line for each node that is done, and at the end where the time went."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import pandas as pd
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from finq_predictor.adapters.log_lines import begin_run

logger = logging.getLogger(__name__)
_SHOWN = 6


class ProgressHooks:
    """Counts and times the nodes of a run, loading, checking and saving included."""

    def __init__(self) -> None:
        self._start = perf_counter()
        self._run: dict[str, Any] = {}
        self._started: dict[str, float] = {}
        self._unsaved: dict[str, set[str]] = {}
        self._rows: dict[str, int] = {}
        self._seconds: dict[str, float] = {}
        self._stages: dict[str, float] = defaultdict(float)

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Begin to count; a run that nobody has given an id has that of its session."""
        if run_params.get("run_id"):
            begin_run(str(run_params["run_id"]))
        self._run = {name: run_params.get(name) for name in ("env", "pipeline_names", "namespaces")}
        logger.debug("A run begins.", extra={"told": {"event": "run_began", **self._run}})
        self._start = perf_counter()
        self._started, self._rows, self._seconds, self._stages = {}, {}, {}, defaultdict(float)
        self._unsaved = {node.name: set(node.outputs) for node in pipeline.nodes}

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """A node's time begins with the first of its inputs."""
        self._started.setdefault(node.name, perf_counter())

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """A node without inputs begins here."""
        self._started.setdefault(node.name, perf_counter())

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """A node without outputs is done here."""
        if not node.outputs:
            self._finish(node)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """A node is done with the last of its outputs; the first frame among them is the one that counts."""
        if isinstance(data, pd.DataFrame):
            self._rows.setdefault(node.name, len(data))
        unsaved = self._unsaved[node.name]
        unsaved.discard(dataset_name)
        if not unsaved and node.name not in self._seconds:
            self._finish(node)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Say where the time went."""
        if not self._seconds:
            return
        seconds = perf_counter() - self._start
        ended = {"event": "run_ended", "seconds": round(seconds, 3), "nodes": len(self._seconds), **self._run}
        logger.info("Done in %s: %s.", duration(seconds), _slowest(self._stages), extra={"told": ended})
        logger.info("Slowest nodes: %s.", _slowest(self._seconds))

    def _finish(self, node: Node) -> None:
        seconds = perf_counter() - self._started.get(node.name, self._start)
        self._seconds[node.name] = seconds
        self._stages[(node.namespace or node.name).split(".")[0]] += seconds
        total, width = len(self._unsaved), max(map(len, self._unsaved))
        rows = f"  {self._rows[node.name]:>11,} rows" if node.name in self._rows else ""
        done = {"event": "node", "node": node.name, "seconds": round(seconds, 3), "rows": self._rows.get(node.name)}
        shown = (len(str(total)), len(self._seconds), total, width, node.name, seconds, rows)
        logger.info("%*d of %d  %-*s  %7.1f s%s", *shown, extra={"told": done})


def duration(seconds: float) -> str:
    """A time in words, such as ``2 min 5 s`` or ``0.4 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def _slowest(times: Mapping[str, float]) -> str:
    shown = sorted(times, key=lambda name: -times[name])[:_SHOWN]
    return ", ".join(f"{name} {duration(times[name])}" for name in shown)
