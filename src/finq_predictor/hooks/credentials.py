"""Give the sources the keys of their user, whatever environment is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.config import MissingConfigException
from kedro.framework.hooks import hook_impl

from finq_predictor.adapters.credentials_file import read_credentials

NAME = "providers"


class CredentialsHooks:
    """Kedro reads ``conf/local`` only where no environment is named; keys belong to a person, not to an environment."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Add the entries of the file, by provider; what is not there is an empty mapping."""
        loader = context.config_loader
        try:
            known = dict(loader["credentials"])
        except MissingConfigException:
            known = {}
        loader["credentials"] = {**known, NAME: read_credentials(Path(context.project_path))}
