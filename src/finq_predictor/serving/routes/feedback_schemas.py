"""What a client sends to POST /feedback, and what it gets."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from finq_predictor.serving.lines import ID
from finq_predictor.serving.schemas import Name, Request, When

Id = Annotated[str, StringConstraints(pattern=f"^{ID.pattern}$")]
_MOST_COMMENT = 1_000


class FeedbackRequest(Request):
    """What has become of a prediction, in the eyes of a client."""

    prediction_id: Id | None = Field(default=None, description="The prediction, as its answer named it.")
    request_id: Id | None = Field(
        default=None, description="The request, instead; of a batch, say which `instrument` is meant."
    )
    instrument: Name | None = Field(default=None, description="The instrument, with `feature_ts` instead of an id.")
    feature_ts: When | None = Field(default=None, description="Close of the bar that the prediction was made at.")
    market: Name | None = Field(default=None, description="Found from the instrument when left out.")
    outcome: bool = Field(description="Whether the question is answered with yes by what happened.")
    forward_return: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="The return that was seen, beyond the benchmark if any.",
    )
    comment: str | None = Field(default=None, max_length=_MOST_COMMENT, description="Anything to be read by people.")


class FeedbackAnswer(BaseModel):
    """The answer to POST /feedback."""

    feedback_id: str = Field(description="The same when the same is given again.")
    recorded: bool
    request_id: str
