"""Tell the datasets that want to know how a run was started."""

from __future__ import annotations

from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from finq_predictor.adapters.datasets.invocation import InvocationDataset
from finq_predictor.adapters.invocation import Invocation


class InvocationHooks:
    """What was given on the command line, or to the session, reaches the nodes through the catalog."""

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any) -> None:
        """Tell every such dataset among the inputs of the run."""
        for name in pipeline.inputs():
            dataset = catalog.get(name)
            if isinstance(dataset, InvocationDataset):
                dataset.tell(Invocation.of(run_params))
