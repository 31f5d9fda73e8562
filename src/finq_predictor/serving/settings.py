"""Settings of the API: one variable of the environment for each, read once, at start.

The table of the variables in docs/reference/environment.md is written from the fields below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from annotated_types import Ge, Le
from pydantic import Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from finq_predictor.adapters.environment.declared import DECLARED
from finq_predictor.adapters.environment.reading import given, plainly, require_known
from finq_predictor.adapters.environment.variable import PREFIX, Reader, Variable
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.models.base import Device
from finq_predictor.domain.modelling.refusals import AbstentionRules, ConformalUse

_PLAIN = {"api_host": ("API_HOST",), "api_port": ("API_PORT",)}
"""Well-known names that mean the same as the variable of a field, which goes before them."""
_READERS = {"state_root": (Reader.API, Reader.COMMANDS)}


class InferenceMode(StrEnum):
    """Where the API gets its probabilities from."""

    IN_PROCESS = "in_process"
    SERVICE = "service"


class AuthMode(StrEnum):
    """Who is asked who they are."""

    ON = "on"
    OFF = "off"
    AUTO = "auto"


class Settings(BaseSettings):
    """What an operator can set; the description of a field says what it means.

    Values given by name are taken as they are, without a look at the environment; :meth:`from_environment` reads it.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, allow_inf_nan=False, env_ignore_empty=True)

    data_root: Path = Field(default=Path("data"), description="Folder of the data, as `kedro run` leaves it")
    state_root: Path | None = Field(
        default=None,
        description="Folder that the service writes into: accounts, what it said and what came of it; else that of the "
        "data, which may be read-only where this one is named",
    )
    markets: Annotated[tuple[str, ...], NoDecode] = Field(
        default_factory=lambda: tuple(MARKETS), description="Markets to serve, separated by commas"
    )
    inference: InferenceMode = Field(
        default=InferenceMode.IN_PROCESS,
        description="`in_process`: bars are scored in the API; `service`: by Inference, a process beside it",
    )
    inference_timeout_seconds: float = Field(
        default=5.0, ge=0.001, description="Longest wait for the inference service before the API scores in process"
    )
    device: Literal["auto"] | Device = Field(
        default="auto", description="Device of the inference service: `auto`, `cpu` or `cuda`"
    )
    predict_min_confidence: float = Field(
        default=0.0, ge=0.0, le=1.0, description="Abstain below this confidence, 0 to 1"
    )
    predict_max_missing: float = Field(
        default=0.5, ge=0.0, le=1.0, description="Abstain when more than this share of the features is missing, 0 to 1"
    )
    conformal: ConformalUse = Field(
        default=ConformalUse.REPORT,
        description="`report`: a prediction set that does not hold one answer is only told; `act`: it abstains",
    )
    coverage: float = Field(
        default=0.9, ge=0.01, le=0.999, description="Share of the outcomes that prediction sets shall hold"
    )
    guard_false_alarms: float = Field(
        default=0.01,
        ge=0.0,
        le=0.5,
        description="Share of rows like those of the training that the domain guard may refuse; 0 switches it off",
    )
    max_model_age_bars: int | None = Field(
        default=None,
        ge=1,
        description="Abstain when so many bars closed since the last one the model was trained on; else the market's "
        "limit, half a year",
    )
    fresh_hours: float | None = Field(
        default=None,
        gt=0,
        description="Abstain when the newest bar is older, counted while the market is open; else the market's limit",
    )
    poll_seconds: float = Field(
        default=1.0, ge=0.01, description="Pause between two looks for a new champion or new silver data"
    )
    retry_seconds: float = Field(
        default=30.0, ge=0.01, description="Longest pause before files that could not be read are tried again"
    )
    watch_polls: int = Field(
        default=10,
        ge=1,
        description="Pauses, at least 5 seconds, without a completed look after which the service is `degraded`",
    )
    cache_bars: int = Field(default=64, ge=1, description="Bars per market whose answers are remembered")
    warm_bars: int = Field(
        default=8, ge=0, description="Bars asked for lately that are answered once when a new champion or bars come"
    )
    shared_seconds: float = Field(
        default=900.0, ge=1.0, description="How long answers are kept in Redis for other processes, where one is named"
    )
    batch_limit: int = Field(default=10_000, ge=1, description="Most predictions in one batch")
    batch_bars: int = Field(default=400, ge=1, description="Most different bars in one batch")
    body_limit: int = Field(default=1_048_576, ge=64, description="Largest request body in bytes")
    work_threads: int = Field(
        default=2, ge=1, description="Requests that are worked on at a time; those for remembered bars do not wait"
    )
    work_waiting: int = Field(
        default=64, ge=0, description="Requests that may wait for that; beyond, they get 503 and Retry-After"
    )
    work_wait_seconds: float = Field(
        default=1.0, ge=0.01, description="Longest wait of a piece of work for its turn; beyond, 503 and Retry-After"
    )
    answer_seconds: float = Field(
        default=60.0, ge=0.01, description="Longest time for an answer; what takes longer is given up with 503"
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Names the service may be called by (`Host`), separated by commas, `*.example.com` for all below; "
        "empty: any",
    )
    trial_seconds: float = Field(
        default=60.0, ge=1.0, description="Longest trial of a model that is new to the service, in a process of its own"
    )

    record: bool = Field(default=True, description="Whether answered predictions are recorded")
    record_required: bool = Field(
        default=False, description="Whether a prediction that cannot be recorded is refused with 503"
    )
    record_fsync: bool = Field(
        default=False,
        description="Whether each record is forced to the disk before the answer, against a power cut; takes "
        "milliseconds",
    )
    record_limit_mb: int = Field(
        default=1024, ge=1, description="Most megabytes of records that wait to be stored; beyond, nothing is recorded"
    )
    keeper: bool = Field(
        default=True, description="Whether the service starts the process that stores what was recorded"
    )
    keeper_seconds: float = Field(default=1.0, ge=0.05, description="Pause between two looks of that process")
    keep_predictions_days: int = Field(
        default=1096, ge=31, description="Days after which stored predictions are removed, by whole months"
    )
    keep_users_days: int = Field(
        default=731, ge=31, description="Days after which it is forgotten who asked, by whole months"
    )

    api_host: str = Field(
        default="127.0.0.1",
        pattern=r"^[\w.:\-\[\]]+$",
        description="Address at which `bentoml serve` listens, where neither `--host` nor `BENTOML_HOST` says so",
    )
    api_port: int = Field(
        default=8000, ge=1, le=65_535, description="Its port, where neither `--port` nor `BENTOML_PORT` says so"
    )
    workers: int = Field(default=1, ge=1, le=256, description="Processes of the API that `bentoml serve` starts")
    auth: AuthMode = Field(
        default=AuthMode.AUTO,
        description="Who is asked who they are: `on` everybody; `auto` everybody as soon as there are accounts, and "
        "before that only whoever is on this machine may ask; `off` nobody",
    )
    token_seconds: int = Field(default=900, ge=10, le=86_400, description="How long an access token is valid")
    refresh_seconds: int = Field(
        default=1_209_600, ge=60, description="How long a refresh token is valid, which can be used once"
    )
    session_seconds: int = Field(default=43_200, ge=60, description="How long somebody stays signed in on the page")
    caller_rate: int = Field(default=0, ge=0, description="Most requests of one caller in a minute; 0: any number")
    caller_concurrency: int = Field(
        default=16,
        ge=0,
        description="Most requests of one account that a process works on at a time, but for those that are answered "
        "from memory; beyond, they get 429 and Retry-After; 0: any number",
    )
    total_rate: int = Field(
        default=0,
        ge=0,
        description="Most requests of all callers in a minute to one process, or to all that share a Redis; 0: any "
        "number",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins whose pages may ask with a key or token, such as `https://app.example.com`, separated by "
        "commas; empty: none",
    )
    oidc_issuer: str = Field(
        default="", description="Address of an OpenID Connect issuer whose users may ask and sign in; empty: none"
    )
    oidc_client_id: str = Field(default="", description="What the issuer calls this service")
    oidc_audience: str = Field(
        default="", description="Audience of the access tokens of the issuer; empty: `FINQ_OIDC_CLIENT_ID`"
    )
    oidc_claim: str = Field(
        default="roles", description="Claim that lists what a user is, dots for depth, such as `realm_access.roles`"
    )
    oidc_roles: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="What each value of that claim may do here, such as `traders=predictor`, separated by commas; "
        "others may nothing",
    )
    header_limit: int = Field(
        default=16_384, ge=1024, description="Longest headers of a request in bytes, URL included"
    )
    header_seconds: float = Field(default=10.0, ge=0.1, description="Longest wait for the headers of a request")
    body_seconds: float = Field(default=30.0, ge=0.1, description="Longest wait for the body of a request")
    connections: int = Field(default=500, ge=1, description="Most connections at a time that a process holds")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the interface of pydantic
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - read by `from_environment` only
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given by name and nothing else."""
        return (init_settings,)

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings from the variables of this process; one without a value counts as not given.

        Raises:
            ConfigurationError: If a variable has a value that cannot work, or one that begins with ``FINQ_`` is
                unknown; names the variable.
            UnknownNameError: If a market does not exist; near misses are suggested.
        """
        require_known(every_variable)
        told = {name: str(value).strip() for name, value in EnvSettingsSource(cls)().items()}
        told |= {name: given_for(name) for name in _PLAIN}
        try:
            return cls.model_validate({name: value for name, value in told.items() if value})
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            raise ConfigurationError(
                f"{_given_as(name)} is {told[name]!r}; expected {_expected(cls.model_fields[name])}."
            ) from None

    @field_validator("markets", mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        names = given.split(",") if isinstance(given, str) else given
        known = tuple(name.strip() for name in names if name.strip())
        MARKETS.require(*known)
        return known

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _pairs(cls, given: Any) -> Any:
        pairs = given.split(",") if isinstance(given, str) else given
        return tuple(pair.strip() for pair in pairs if pair.strip())

    @field_validator("allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _lower(cls, given: Any) -> Any:
        names = given.split(",") if isinstance(given, str) else given
        return tuple(name.strip().lower() for name in names if name.strip())

    @property
    def state(self) -> Path:
        """The folder that is written into."""
        return self.state_root or self.data_root

    @property
    def rules(self) -> AbstentionRules:
        """When a probability is shown but not acted upon."""
        return AbstentionRules(
            min_confidence=self.predict_min_confidence,
            max_missing_share=self.predict_max_missing,
            coverage=self.coverage,
            conformal=self.conformal,
            guard_false_alarms=self.guard_false_alarms,
            max_model_age_bars=self.max_model_age_bars,
        )


def variable(name: str) -> str:
    """The variable of the environment that sets a field."""
    return f"{PREFIX}{name.upper()}"


def given_for(name: str) -> str:
    """What the environment says of a field, as text; empty where it says nothing."""
    return plainly(given(), _given_as(name))


def _given_as(name: str) -> str:
    names: tuple[str, ...] = (variable(name), *_PLAIN.get(name, ()))
    return next((one for one in names if plainly(given(), one)), names[0])


def every_variable() -> Mapping[str, Variable]:
    """All variables of the environment by name: those of the API, which are the fields above, then all others."""
    return {one.name: one for one in map(_declared, Settings.model_fields)} | dict(DECLARED)


def _declared(name: str) -> Variable:
    field = Settings.model_fields[name]
    return Variable(
        variable(name),
        str(field.description),
        _READERS.get(name, (Reader.API,)),
        "all" if field.default_factory else _written(field.default),
        plain=_PLAIN.get(name, ()),
    )


def _written(value: Any) -> str:
    if value in (None, "", ()):
        return ""
    return f"`{float(value):g}`" if isinstance(value, float) else f"`{value!s}`"


def _expected(field: FieldInfo) -> str:
    """What a field takes, in words."""
    if choices := list(_choices(field.annotation)):
        return f"one of {', '.join(choices)}"
    if field.annotation is bool:
        return "true or false"
    if field.annotation is str:
        return "the name or address of a host"
    kind = "a whole number" if field.annotation is int else "a number"
    bounds = {type(bound): bound for bound in field.metadata}
    least = f" from {bounds[Ge].ge:g}" if Ge in bounds else ""
    most = f" to {bounds[Le].le:g}" if Le in bounds else ""
    return f"{kind}{least}{most}"


def _choices(annotation: Any) -> Iterator[str]:
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        yield from annotation
    elif isinstance(annotation, str):
        yield annotation
    else:
        for inner in get_args(annotation):
            yield from _choices(inner)
