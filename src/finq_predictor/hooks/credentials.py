"""Give the sources the keys of their user, whatever environment is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from kedro.config import MissingConfigException
from kedro.framework.hooks import hook_impl

from finq_predictor.domain.errors import ConfigurationError

PLACE = Path("conf/local/credentials.yml")
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
        loader["credentials"] = {**known, NAME: _read(Path(context.project_path) / PLACE)}


def _read(file: Path) -> dict[str, dict[str, Any]]:
    if not file.exists():
        return {}
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        # Its whole text may show a key.
        raise ConfigurationError(f"{PLACE} is no YAML: {getattr(error, 'problem', None) or 'unreadable'}.") from None
    if not isinstance(found, dict) or not all(isinstance(entry, dict) for entry in found.values()):
        raise ConfigurationError(f"{PLACE} has another form than `oanda: {{token: ...}}`, a mapping for each provider.")
    return found
