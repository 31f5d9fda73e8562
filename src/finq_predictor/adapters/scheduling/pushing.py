"""What became of a job, for a push gateway: for jobs that no scheduler of ours runs, and that are gone when asked.

A gateway keeps what it is told last. What only grows cannot be counted through it, so that it is told of gauges only:
when the job last ended well, how long it took, and whether it failed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from finq_predictor.adapters.environment.reading import value_of
from finq_predictor.adapters.scheduling.journal import JOB
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.metrics.jobs import FAILED, LAST_DURATION, LAST_SUCCESS
from finq_predictor.domain.monitoring.gauges import Gauge

GATEWAY, NAME = "FINQ_PUSH_GATEWAY", "FINQ_PUSH_JOB"
_PATIENCE_S = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gateway:
    """A push gateway.

    Attributes:
        url: Its address, without a user; nothing else of it is ever shown.
        user: Whom it lets in; None where it lets everybody in.
        password: By what.
    """

    url: str
    user: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"Gateway({self.url!r})"


UNTOLD = dict.fromkeys((GATEWAY, f"{GATEWAY}_FILE", f"{GATEWAY}_VAULT"), "")
"""Variables of a run that tells no gateway: our scheduler tells of its runs itself."""


def gateway_of(environment: Mapping[str, str] | None = None) -> Gateway | None:
    """The gateway that is to be told; None where there is none.

    Args:
        environment: Variables by name; None for those of this process.

    Raises:
        ConfigurationError: If its address is none.
    """
    given = read_secret(GATEWAY, "the address of the push gateway", environment)
    if given is None:
        return None
    parts = urlsplit(given.decode("utf-8", errors="replace"))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"{GATEWAY} holds no address; expected http://HOST:9091, with user and password where it asks."
        )
    url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    return Gateway(url, unquote(parts.username) if parts.username else None, unquote(parts.password or ""))


def name_of(asked: str, environment: Mapping[str, str] | None = None) -> str:
    """Under which name a run tells of itself.

    Args:
        asked: What was asked for, such as a pipeline.
        environment: Variables by name; None for those of this process.

    Returns:
        The name that it was given; else that of the job of which it is a part, and the part; else what was asked for.
    """
    job = value_of(JOB, environment)
    return value_of(NAME, environment) or (asked if job in ("", asked) else f"{job}_{asked}")


def job_gauges(job: str, seconds: float, ended: datetime, failed: bool) -> list[Gauge]:
    """What became of a run.

    Args:
        job: Its name.
        seconds: How long it took.
        ended: When it ended.
        failed: Whether it failed; it then leaves when it last ended well as it was.
    """
    of = {"job": job}
    gauges = [Gauge.of(LAST_DURATION, [(of, seconds)]), Gauge.of(FAILED, [(of, float(failed))])]
    return gauges if failed else [*gauges, Gauge.of(LAST_SUCCESS, [(of, ended.timestamp())])]


def push(gateway: Gateway, job: str, gauges: list[Gauge]) -> bool:
    """Tell a gateway; one that does not answer stops nothing and is told in the log.

    Returns:
        Whether it took what it was told.
    """
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import basic_auth_handler, default_handler, pushadd_to_gateway

    from finq_predictor.adapters.prometheus_text import Measured

    def handler(url: str, method: str, timeout: float | None, headers: Any, data: bytes) -> Any:
        if gateway.user is None:
            return default_handler(url, method, timeout, headers, data)
        return basic_auth_handler(url, method, timeout, headers, data, gateway.user, gateway.password)

    registry = CollectorRegistry()
    registry.register(Measured(tuple(gauges)))
    try:
        pushadd_to_gateway(gateway.url, job, registry, timeout=_PATIENCE_S, handler=handler)
    except (OSError, ValueError) as error:
        logger.warning("The push gateway at %s was not told of %s: %s", gateway.url, job, error)
        return False
    return True
