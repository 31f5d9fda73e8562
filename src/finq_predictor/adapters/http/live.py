"""What sources with a network need beside the core of the product."""

from __future__ import annotations

from importlib.util import find_spec

from finq_predictor.domain.errors import ConfigurationError

LIBRARIES = ("httpx", "pybreaker", "pyrate_limiter", "tenacity")


def require_live(*more: str) -> None:
    """Make sure that the libraries of the extra `live` are here.

    Args:
        more: Those that one source needs beside the ones of all.

    Raises:
        ConfigurationError: If one is absent.
    """
    absent = [name for name in (*LIBRARIES, *more) if find_spec(name) is None]
    if absent:
        raise ConfigurationError(
            f"A source with a network needs {' and '.join(absent)}, which this environment lacks. "
            "Install them: pip install -e '.[live]'"
        )
