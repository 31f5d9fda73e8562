"""The BentoML services: `bentoml serve finq_predictor.serving.service:Api`.

`Inference` is the model's own service, scaled and placed by itself. `Api` is the ASGI application, which depends on it;
`FINQ_INFERENCE` says whether requests hop to it, and where they do not, `hosting` has it not started. The application
answers every request, those for `/livez`, `/readyz` and `/healthz` as well, so that BentoML's own routes tell nothing
else.
"""

from __future__ import annotations

import logging
from typing import Any, cast

import bentoml

from finq_predictor.domain.errors import FinqError
from finq_predictor.domain.modelling.models.base import Device
from finq_predictor.serving import hosting
from finq_predictor.serving.app import app
from finq_predictor.serving.connections import Connection
from finq_predictor.serving.inference import Models, Question, describe_device
from finq_predictor.serving.media_types import JsonOnly
from finq_predictor.serving.middleware import Whole
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.supervisor import end_with_supervisor

logger = logging.getLogger(__name__)
_QUIET = {"access": {"enabled": False}}
# Requests that are scored together at most, and how long they may wait for it; BentoML finds out what is best.
_TOGETHER, _LATEST_MS = 64, 1000
hosting.arrange()


@bentoml.service(
    name="finq-inference",
    workers=1,
    resources={"gpu": 1},
    metrics={"enabled": False},
    tracing={"sample_rate": 0.0},
    logging=_QUIET,
)
class Inference:
    """Scores feature rows with the promoted models; takes a GPU when there is one, and starts without."""

    def __init__(self) -> None:
        end_with_supervisor()
        try:
            settings = Settings.from_environment()
        except FinqError as error:
            logger.error("The inference service holds no model: %s", error)
            settings = Settings(markets=(), device=Device.CPU)
        self.where = describe_device(settings.device)
        logger.info("Inference runs on %s: %s", self.where["device"], self.where["reason"])
        self.models = Models(settings, Device(self.where["device"]))
        self.models.refresh()

    # BentoML is not typed.
    @bentoml.api(batchable=True, max_batch_size=_TOGETHER, max_latency_ms=_LATEST_MS)  # type: ignore[untyped-decorator]
    def score(self, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """An answer to each of the questions of requests that wait together, see :meth:`Models.score`."""
        return cast("list[dict[str, Any]]", self.models.score(cast("list[Question]", questions)))

    @bentoml.api  # type: ignore[untyped-decorator]
    def device(self) -> dict[str, str]:
        """The device the models run on and why."""
        return self.where


@bentoml.service(
    name="finq-api",
    workers=hosting.workers(),
    # A container, where nobody else is, says BENTOML_HOST=0.0.0.0.
    http=hosting.listening(),
    metrics={"enabled": False},
    tracing={"sample_rate": 0.0},
    logging=_QUIET,
)
@bentoml.asgi_app(app, path="/")
class Api:
    """The HTTP API."""

    inference = bentoml.depends(Inference)

    def __init__(self) -> None:
        app.state.remote = self.inference.to_async
        # BentoML would send pickles, and `Inference` would have to read them from anybody.
        app.state.remote.media_type = "application/json"
        # This is a worker of the API, and not one of `Inference`, whose requests BentoML has to take.
        Connection.straight_to = app


Api.add_asgi_middleware(Whole, ours=app)  # type: ignore[attr-defined]
Inference.add_asgi_middleware(JsonOnly)  # type: ignore[attr-defined]
