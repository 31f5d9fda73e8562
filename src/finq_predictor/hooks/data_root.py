"""Make the tracking database before a library opens it, and keep account of who writes into it."""

from __future__ import annotations

from typing import Any

from kedro.framework.hooks import hook_impl

from finq_predictor.adapters.tracking import sign_active_run
from finq_predictor.adapters.tracking_database import prepare


class DataRootHooks:
    """The first to open the database is one that waits for others who do the same."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: Any) -> None:
        """Make the database and the folder it lies in."""
        prepare(str(context.config_loader["mlflow"]["server"]["mlflow_tracking_uri"]))

    @hook_impl(trylast=True)
    def before_pipeline_run(self) -> None:
        """Sign the run that kedro-mlflow has begun by now, and close those whose processes were killed."""
        sign_active_run()
