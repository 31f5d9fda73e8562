"""What a single request may ask for beyond an instrument and a date, and the answers that no memory holds.

An answer from features that a client gave is computed apart from all that is remembered and says so in its flags, so
that nobody takes it for what the market's own bars say.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from finq_predictor.domain.columns import INSTRUMENT
from finq_predictor.domain.errors import PredictionRefusedError, UnknownNameError, closest
from finq_predictor.domain.modelling.prediction import predict_rows
from finq_predictor.serving.answers import Answer, Served
from finq_predictor.serving.caveats import OVERRIDDEN
from finq_predictor.serving.errors import InvalidRequestError
from finq_predictor.serving.resolution import Found
from finq_predictor.serving.schemas import Name, PredictRequest
from finq_predictor.serving.tracing import part

_LARGEST = float(np.finfo(np.float32).max)
FeatureValue = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False)]
_MOST_FEATURES = 1000
FEATURES = "features"


class SingleRequest(PredictRequest):
    """One prediction, with what only a request for a single one may say."""

    model: Name | None = Field(
        default=None, description="The model that shall answer, `name` or `name@version`; must be the served one."
    )
    horizon: int | None = Field(default=None, description="Horizon in bars; must be the served one.")
    user_id: Name | None = Field(default=None, description="A label of the caller's own; it changes nothing.")
    features: dict[str, FeatureValue | None] | None = Field(
        default=None,
        max_length=_MOST_FEATURES,
        description="Values to answer from instead of the market's own; null means missing. The answer is flagged "
        "`features_overridden` and remembered nowhere.",
    )
    include: Annotated[list[Literal["features"]], Field(max_length=4, fail_fast=True)] | None = Field(
        default=None, description="`features`: the values that were answered from, as `features_used`."
    )

    @property
    def special(self) -> bool:
        """Whether it asks for anything that the remembered answers do not say."""
        return not (
            self.features is None
            and self.include is None
            and self.model is None
            and self.horizon is None
            and self.user_id is None
        )


def require_served(asked: SingleRequest, served: Served) -> None:
    """Refuse a model or a horizon that is not served.

    Raises:
        UnknownNameError: If the model is another; says which one is served.
        InvalidRequestError: If the horizon is another; says which one is served.
    """
    bundle = served.predictor.bundle
    known = (bundle.name, f"{bundle.name}@{bundle.version}")
    if asked.model is not None and asked.model not in known:
        raise UnknownNameError("model", asked.model, known)
    if asked.horizon is not None and asked.horizon != bundle.horizon:
        raise InvalidRequestError(
            f"horizon {asked.horizon} is not served; {served.market.name} is answered over {bundle.horizon} bars."
        )


def features_of(asked: SingleRequest, found: Found) -> pd.DataFrame:
    """The features that answer, one row: the market's own, with what the client gave in their place.

    Raises:
        InvalidRequestError: If there is no such feature; near misses are suggested.
        PredictionRefusedError: If the instrument has no bar there.
    """
    names = found.served.predictor.bundle.feature_set.names
    for name in asked.features or ():
        if name not in names:
            raise InvalidRequestError(
                f"features: the model reads no feature {name[:60]!r}. {closest(name[:60], names)} "
                "GET /models lists them."
            )
    table = found.served.features_at(found.ts)
    row = table[table[INSTRUMENT] == found.instrument].reset_index(drop=True)
    if row.empty:
        raise PredictionRefusedError(
            f"{found.instrument} has no features at {found.ts.isoformat()}; ask for a date at which it has a bar."
        )
    given = {name: np.nan if value is None else float(value) for name, value in (asked.features or {}).items()}
    return row.assign(**given)


def answer_apart(found: Found, row: pd.DataFrame, *, overridden: bool) -> Answer:
    """The answer from one row of features, remembered nowhere.

    Args:
        found: What is asked about.
        row: Of :func:`features_of`.
        overridden: Whether the client gave any of them.
    """
    predictor = found.served.predictor
    with part("model"):
        answer = found.served.describe(predict_rows(predictor.bundle, row, predictor.rules))[found.instrument]
    return {**answer, "flags": [*answer["flags"], OVERRIDDEN]} if overridden else answer


def extended(asked: SingleRequest, found: Found, answers: dict[str, Answer]) -> Answer:
    """The answer to a request that asks for more than is remembered.

    Args:
        asked: The request.
        found: What it asks about.
        answers: The remembered answers at the bar.
    """
    require_served(asked, found.served)
    answer = answers[found.instrument]
    if asked.features is not None:
        answer = answer_apart(found, features_of(asked, found), overridden=True)
    more: Answer = {} if asked.user_id is None else {"user_id": asked.user_id}
    if FEATURES in (asked.include or ()):
        more["features_used"] = values_of(features_of(asked, found), found.served)
    return {**answer, **more}


def values_of(row: pd.DataFrame, served: Served) -> dict[str, float | None]:
    """One row of features as plain values, None where one is missing."""
    names = served.predictor.bundle.feature_set.names
    values = row[list(names)].to_numpy(dtype=np.float64)[0].tolist()
    return {name: None if value != value else value for name, value in zip(names, values, strict=True)}
