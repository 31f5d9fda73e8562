"""Make the folder of all data before the tracking database is opened in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from kedro.framework.hooks import hook_impl


class DataRootHooks:
    """SQLite makes a database, but not the folder it lies in."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: Any) -> None:
        """Make the folder of the tracking database."""
        uri = urlparse(str(context.config_loader["mlflow"]["server"]["mlflow_tracking_uri"]))
        if uri.scheme == "sqlite":
            Path(uri.path).parent.mkdir(parents=True, exist_ok=True)
