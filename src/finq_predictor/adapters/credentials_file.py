"""The file of a person's keys, which belongs to no environment and is never committed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from finq_predictor.adapters.http.credentials import CREDENTIALS_FILE
from finq_predictor.domain.errors import ConfigurationError


def read_credentials(project: Path) -> dict[str, dict[str, Any]]:
    """What it says, by provider; nothing where it is not there.

    Args:
        project: Root of the project.

    Raises:
        ConfigurationError: If it cannot be read; what stands in it is not repeated.
    """
    file = project / CREDENTIALS_FILE
    if not file.exists():
        return {}
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        # Its whole text may show a key.
        problem = getattr(error, "problem", None) or "unreadable"
        raise ConfigurationError(f"{CREDENTIALS_FILE} is no YAML: {problem}.") from None
    if not isinstance(found, dict) or not all(isinstance(entry, dict) for entry in found.values()):
        raise ConfigurationError(
            f"{CREDENTIALS_FILE} has another form than `oanda: {{token: ...}}`, a mapping for each provider."
        )
    return found
