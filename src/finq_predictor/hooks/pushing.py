"""A run tells a push gateway what became of it, where the environment names one."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from kedro.framework.hooks import hook_impl

from finq_predictor.adapters.scheduling.pushing import Gateway, gateway_of, job_gauges, name_of, push


class PushHooks:
    """Tells how long a run took and how it ended, under the name of its job."""

    def __init__(self) -> None:
        self._gateway: Gateway | None = None
        self._job, self._start = "", perf_counter()

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Find out whom to tell; an address that is none stops the run before it begins."""
        self._gateway, self._start = gateway_of(), perf_counter()
        self._job = name_of(_asked(run_params))

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """It ended well."""
        self._tell(failed=False)

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """It failed."""
        self._tell(failed=True)

    def _tell(self, *, failed: bool) -> None:
        if self._gateway is not None:
            seconds = perf_counter() - self._start
            push(self._gateway, self._job, job_gauges(self._job, seconds, datetime.now(UTC), failed))


def _asked(run_params: dict[str, Any]) -> str:
    """What was asked for, in the words of the command: namespaces, else pipelines, else everything."""
    for asked in ("namespaces", "pipeline_names"):
        if found := run_params.get(asked):
            return "_".join(map(str, found))
    return str(run_params.get("pipeline_name") or "__default__")
