"""Requests and answers of the API: they check what comes in and document what goes out."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from finq_predictor.domain.errors import closest
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.decisions import Action
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.serving.errors import InvalidRequestError, MalformedBodyError, TooLargeError

MARKET_NAMES = " or ".join(f"`{name}`" for name in MARKETS)
_MOST_FIELDS = 16
_MOST_VALUES = 10_000
_SHOWN_ERRORS = 5
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def parse_date(given: str) -> dt.date | dt.datetime:
    """Read a date (``2024-01-31``) or a time (``2024-01-31T14:00:00Z``; UTC when it has no zone).

    Raises:
        ValueError: If it is neither, or lies outside of what can be compared in UTC.
    """
    text = given.strip()
    try:
        if _DAY.fullmatch(text):
            return dt.date.fromisoformat(text)
        moment = dt.datetime.fromisoformat(text)
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{given[:60]!r} is not a date; give one like '2024-01-31' or '2024-01-31T14:00:00Z'"
        ) from None


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; give a name")
    return text.strip()


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Name = Annotated[str, Field(max_length=64), AfterValidator(_not_blank)]
When = Annotated[str, Field(max_length=64), AfterValidator(lambda text: parse_date(text) and text)]
# Lists are read up to the first thing that is wrong with them: a client could fill half a gigabyte with such things.
Names = Annotated[list[Name], Field(min_length=1, fail_fast=True), BeforeValidator(_one_or_many)]
Dates = Annotated[list[When], Field(min_length=1, fail_fast=True), BeforeValidator(_one_or_many)]


class Request(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, strict=True)
    example: ClassVar[str] = '{"instrument": "AAPL"}'


RequestT = TypeVar("RequestT", bound=Request)


class PredictRequest(Request):
    """One prediction. `ticker` and `symbol` mean the same as `instrument`."""

    instrument: Name = Field(
        validation_alias=AliasChoices("instrument", "ticker", "symbol"),
        description="A stock symbol or an FX pair; case and separators do not matter.",
    )
    prediction_date: When | None = Field(
        default=None,
        validation_alias=AliasChoices("prediction_date", "timestamp"),
        description="A date means the last bar closed by the end of that UTC day, a time the last bar closed by then; "
        "left out, the newest bar.",
    )
    market: Name | None = Field(default=None, description=f"{MARKET_NAMES}; found from the instrument when left out.")


class BatchRequest(Request):
    """Many predictions: every instrument at every date, or a list of single requests."""

    example: ClassVar[str] = '{"instruments": ["AAPL", "MSFT"], "prediction_dates": ["2024-01-31"]}'

    instruments: Names | None = Field(
        default=None,
        validation_alias=AliasChoices("instruments", "instrument", "tickers", "symbols"),
        description="Instruments; left out, all of `market`.",
    )
    prediction_dates: Dates | None = Field(
        default=None,
        validation_alias=AliasChoices("prediction_dates", "prediction_date", "timestamps"),
        description="Dates or times; left out, the newest bar.",
    )
    market: Name | None = Field(default=None, description=f"{MARKET_NAMES}; needed when `instruments` is left out.")
    requests: Annotated[list[PredictRequest], Field(fail_fast=True)] | None = Field(
        default=None, min_length=1, description="Single requests, instead of the other fields."
    )


class ModelInfo(BaseModel):
    """The model that answered."""

    name: str
    version: str
    status: Literal[ModelStatus.PROMOTED, ModelStatus.PROVISIONAL] = Field(
        description="`provisional`: the best candidate, but it has not passed every check of the promotion gate."
    )
    provisional: bool


class LabelWindow(BaseModel):
    """The bars between which the answer comes true or not, counted from `feature_ts`."""

    entry_bar: int
    exit_bar: int
    entry_ts: dt.datetime | None = Field(description="Close of the entry bar; null while it lies ahead.")
    exit_ts: dt.datetime | None = Field(description="Close of the exit bar; null while it lies ahead.")


class Prediction(BaseModel):
    """The answer for one instrument at one bar."""

    instrument: str
    market: str
    question: str
    prediction: bool | None = Field(
        description="Whether the question is answered with yes; null when nothing is known."
    )
    direction: Literal["outperform", "underperform", "up", "down"] | None
    probability: float | None = Field(ge=0, le=1, description="Calibrated probability of yes.")
    confidence: float | None = Field(ge=0, le=1, description="2 |probability - 0.5|.")
    decision: Literal[Action.PREDICT, Action.ABSTAIN]
    reason: str | None = Field(description="Why the service abstains.")
    prediction_set: list[Literal["yes", "no"]] | None = Field(
        description="The answers that cannot be ruled out; null when nothing is known."
    )
    coverage: float = Field(description="How often such sets hold the truth.")
    conformal_decision: Literal["yes", "no", "undecided"] | None = Field(
        description="The one answer in the set, or `undecided`."
    )
    p_yes: float | None = Field(
        ge=0, le=1, description="How well yes fits to what was held out; in the set where it is above 1 - coverage."
    )
    p_no: float | None = Field(ge=0, le=1, description="The same of no.")
    flags: list[str] = Field(description="All that speaks against acting upon it, or is to be known before.")
    model_age_days: float = Field(
        description="Days from the last bar the model was trained on to the bar answered from."
    )
    feature_ts: dt.datetime | None = Field(description="Close of the bar the features were known at, UTC.")
    feature_age_hours: float | None = Field(
        description="Hours from that bar to now; of simulated data to the newest bar."
    )
    horizon_bars: int
    label_window: LabelWindow
    model: ModelInfo
    simulated: bool = Field(description="True when the model and the bars come from the market simulator.")
    preset: str | None = Field(description="How kind the simulated market is; null where there is no preset.")
    snapshot: str | None = Field(description="The state of the stored data that answered.")


class RecordedPrediction(Prediction):
    """A prediction as it is remembered."""

    arm: Literal["champion", "challenger"] | None = Field(
        default=None, description="Whose answer it is; left out where callers are not divided."
    )
    prediction_id: str | None = Field(description="Under which it is remembered; null where nothing is recorded.")


class PredictAnswer(RecordedPrediction):
    """The answer to POST /predict."""

    recorded: bool = Field(description="Whether it will be in the store, whatever happens to the service.")
    user_id: str | None = Field(default=None, description="The label of the request; left out where it had none.")
    features_used: dict[str, float | None] | None = Field(
        default=None, description="The values that were answered from; left out unless asked for."
    )
    request_id: str


class ItemError(BaseModel):
    """One prediction of a batch that could not be given."""

    instrument: str | None
    prediction_date: str | None
    type: str
    status: int = Field(description="The HTTP status that POST /predict would have given.")
    message: str


class BatchAnswer(BaseModel):
    """The answer to POST /batch_predict."""

    count: int
    predictions: list[RecordedPrediction]
    errors: list[ItemError] = Field(description="What could not be answered; the rest is.")
    recorded: bool = Field(description="Whether all will be in the store, whatever happens to the service.")
    request_id: str


class RankingAnswer(BaseModel):
    """All instruments of a market at one bar, the most probable first."""

    market: str
    feature_ts: dt.datetime
    model: ModelInfo
    simulated: bool
    ranking: list[Prediction]
    request_id: str


class MarketState(BaseModel):
    """The state of one market."""

    status: Literal["ok", "degraded", "loading", "absent", "failed"] = Field(
        description="`degraded`: the newest files cannot be read, the former ones are served; or a challenger cannot "
        "be tried."
    )
    model: ModelInfo | None
    newest_bar: dt.datetime | None
    snapshot: str | None
    reason: str | None


class Standing(BaseModel):
    """The state of the service."""

    status: Literal["ok", "degraded", "loading", "unavailable"]
    reason: str | None
    markets: dict[str, MarketState]
    dependencies: dict[str, str | None] = Field(
        description="What the service leans on and can do without for a while, and what is wrong with it."
    )
    request_id: str


class ChallengerInfo(BaseModel):
    """A model that is tried beside the champion."""

    name: str
    experiment: str
    model: str
    version: str
    mode: Literal["shadow", "ab"] = Field(description="`ab`: it answers a share of the callers itself.")
    share: float = Field(ge=0, le=1, description="Share of the callers that it answers now.")
    problem: str | None = Field(description="Why it is not tried; null where it is.")


class ModelDetails(ModelInfo):
    """A served model with its origin."""

    market: str
    question: str
    horizon_bars: int
    simulated: bool
    preset: str | None
    snapshot: str | None
    trained_from: str | None
    trained_to: str | None
    features: int
    feature_names: list[str]
    feature_set_hash: str
    data_hash: str | None
    code_hash: str | None
    source: str | None
    run_id: str | None
    instruments: int
    loaded_at: dt.datetime = Field(description="When this process began to serve it.")
    oldest_bar: dt.datetime
    newest_bar: dt.datetime
    challengers: list[ChallengerInfo] = Field(description="What is tried beside it.")


class ModelsAnswer(BaseModel):
    """The answer to GET /models."""

    models: list[ModelDetails]
    request_id: str


class ErrorDetail(BaseModel):
    """What went wrong and what to do."""

    type: str
    message: str
    request_id: str


class ErrorAnswer(BaseModel):
    """Every error has this shape."""

    error: ErrorDetail


def parse_body(body: bytes, schema: type[RequestT], most: int = _MOST_VALUES) -> RequestT:
    """Read a request body; what it holds is counted before it is looked at.

    Args:
        body: What the client sent.
        schema: What is expected.
        most: Most values in a list.

    Raises:
        MalformedBodyError: If it is not a JSON object.
        TooLargeError: If a list is too long.
        InvalidRequestError: If a field is absent, unknown or wrong; says which and what was expected.
    """
    _count_raw(body, most)
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        given = "is empty" if not body.strip() else f"is not JSON ({error})"
        raise MalformedBodyError(f"The body {given}; send an object like {schema.example}.") from None
    if not isinstance(content, dict):
        raise MalformedBodyError(f"The body is a JSON {_kind(content)}; send an object like {schema.example}.")
    _count(content, most)
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        more = f" And {len(found) - _SHOWN_ERRORS} more." if len(found) > _SHOWN_ERRORS else ""
        raise InvalidRequestError(" ".join(_sentence(one, schema) for one in found[:_SHOWN_ERRORS]) + more) from None


def _count_raw(body: bytes, most: int) -> None:
    """Refuse what cannot be within the limits before it is read, which nothing else can be done beside."""
    for mark, what, highest in ((b"{", "objects", most + 1), (b":", "fields", 4 * most), (b",", "values", 5 * most)):
        if (found := body.count(mark)) > highest:
            raise TooLargeError(
                f"The body holds about {found:,} {what}; at most {most:,} predictions are asked for at a time."
            )


def _count(content: dict[str, Any], most: int) -> None:
    _few_fields(content, "The body")
    for name, value in content.items():
        if not isinstance(value, list):
            continue
        if len(value) > most:
            raise TooLargeError(
                f"Field {name[:60]!r} holds {len(value):,} values; at most {most:,} are read at a time."
            )
        for position, one in enumerate(value):
            if isinstance(one, dict):
                _few_fields(one, f"{name[:60]!r}[{position}]")


def _few_fields(given: dict[str, Any], what: str) -> None:
    if len(given) > _MOST_FIELDS:
        raise InvalidRequestError(f"{what} has {len(given):,} fields; no request has more than {_MOST_FIELDS}.")


def _sentence(error: Any, schema: type[Request]) -> str:
    field = ".".join(map(str, error["loc"])) or "body"
    if error["type"] == "extra_forbidden":
        known = PredictRequest.model_fields if error["loc"][0] == "requests" else schema.model_fields
        return f"Unknown field {field[:60]!r}. {closest(str(error['loc'][-1])[:60], known)}"
    if error["type"] == "missing":
        return f"Field {field!r} is missing; send an object like {schema.example}."
    return f"Field {field!r}: {error['msg'].removeprefix('Value error, ')}."


def _kind(content: Any) -> str:
    kinds = {list: "array", str: "string", bool: "boolean", type(None): "null"}
    return kinds.get(type(content), "number")
