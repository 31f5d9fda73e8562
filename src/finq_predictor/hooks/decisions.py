"""A run tells of what it decided about a champion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from finq_predictor.adapters.alarms.decisions import tell_by_configuration, worth_telling
from finq_predictor.adapters.datasets.registry import ChampionDataset
from finq_predictor.adapters.promotion_log import PromotionLogFile


class DecisionHooks:
    """Tells, when a champion was saved, of the records that came to the log meanwhile."""

    def __init__(self) -> None:
        self._conf, self._env = Path("conf"), ""
        self._catalog: Any = None
        self._known: dict[str, int] = {}

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Remember where it stands who is told."""
        self._conf, self._env = Path(context.project_path) / "conf", str(context.env or "")

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        """Remember which records there are."""
        self._catalog, self._known = catalog, {}
        for name in pipeline.all_outputs():
            if name.endswith(".champion") and (log := self._log(name)) is not None:
                # A broken log stops the run by itself, with all that is to be said of it.
                self._known[name] = len(log.inspect().log.records)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Tell of the new records."""
        if dataset_name not in self._known or (log := self._log(dataset_name)) is None:
            return
        records = log.inspect().log.records
        for record in filter(worth_telling, records[self._known[dataset_name] :]):
            # An environment of runs need not say who is told.
            env = self._env if (self._conf / self._env).is_dir() else ""
            tell_by_configuration(record, self._conf, env or None)
        self._known[dataset_name] = len(records)

    def _log(self, name: str) -> PromotionLogFile | None:
        dataset = self._catalog.get(name)
        return dataset.registry.log if isinstance(dataset, ChampionDataset) else None
