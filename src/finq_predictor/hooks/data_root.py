"""Make the tracking database before a library opens it."""

from __future__ import annotations

from typing import Any

from kedro.framework.hooks import hook_impl

from finq_predictor.adapters.tracking_database import prepare


class DataRootHooks:
    """The first to open the database is one that waits for others who do the same."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: Any) -> None:
        """Make the database and the folder it lies in."""
        prepare(str(context.config_loader["mlflow"]["server"]["mlflow_tracking_uri"]))
