"""The BentoML services: `bentoml serve finq_predictor.serving.service:Api`.

`Inference` is the model's own service, scaled and placed by itself. `Api` is the ASGI application, which depends on it;
`FINQ_INFERENCE` says whether requests hop to it. The application answers every request, those for `/livez`, `/readyz`
and `/healthz` as well, so that BentoML's own routes tell nothing else.
"""

from __future__ import annotations

import logging

import bentoml

from finq_predictor.domain.errors import FinqError
from finq_predictor.domain.modelling.models.base import Device
from finq_predictor.serving import hosting
from finq_predictor.serving.app import app
from finq_predictor.serving.inference import Models, describe_device
from finq_predictor.serving.media_types import JsonOnly
from finq_predictor.serving.middleware import Whole
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.supervisor import end_with_supervisor

logger = logging.getLogger(__name__)
_QUIET = {"access": {"enabled": False}}
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

    @bentoml.api  # type: ignore[untyped-decorator]
    def score(self, market: str, model: dict[str, str], rows: list[list[float | None]]) -> list[list[float]]:
        """Scores and calibrated probabilities of feature rows, see :meth:`Models.score`."""
        return self.models.score(market, model, rows)

    @bentoml.api  # type: ignore[untyped-decorator]
    def device(self) -> dict[str, str]:
        """The device the models run on and why."""
        return self.where


@bentoml.service(
    name="finq-api",
    workers=hosting.workers(),
    # A container, where nobody else is, says BENTOML_HOST=0.0.0.0.
    http={"host": "127.0.0.1", "port": 8000},
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


Api.add_asgi_middleware(Whole, ours=app)  # type: ignore[attr-defined]
Inference.add_asgi_middleware(JsonOnly)  # type: ignore[attr-defined]
