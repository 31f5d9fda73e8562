"""What the configuration says about alarms: `conf/base/alarms.yml`, and above it that of an environment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from finq_predictor.adapters.channels import CHANNEL_KINDS, Channel, ChannelOptions, Given
from finq_predictor.adapters.environment.declared import DECLARED
from finq_predictor.adapters.environment.reading import given, plainly
from finq_predictor.domain.alarms.policy import Policy, QuietHours
from finq_predictor.domain.alarms.rule import Audience, Rule
from finq_predictor.domain.alarms.rules import ALARM_RULES
from finq_predictor.domain.errors import ConfigurationError, FinqError, UnknownNameError, closest

FILE = "alarms.yml"
_BY_NAME = ("channels", "audiences", "limits")
_SLACK, _KIND = "FINQ_CHANNEL_SLACK", "slack"
_CERTIFICATES = "FINQ_CERTIFICATES"
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Quiet(BaseModel):
    """Hours in which only what is critical is told.

    Attributes:
        start: When they begin, such as ``"22:00"``.
        end: When they end.
        zone: Time zone, such as ``Europe/Berlin``.
    """

    model_config = _STRICT

    start: dt.time
    end: dt.time
    zone: str = "UTC"


class Target(BaseModel):
    """An API whose metrics are read.

    Attributes:
        url: Address of its metrics.
        job: Name that Prometheus knows it by.
        key: Whether it tells them to accounts only: the key of a viewer is then in ``FINQ_METRICS_KEY``.
    """

    model_config = _STRICT

    url: str
    job: str = "finq-api"
    key: bool = False


class AlarmSettings(BaseModel):
    """Who is told, by what, how often, and what is looked at.

    Attributes:
        channels: Each channel by its name: its ``kind`` and the options of that.
        audiences: Names of the channels through which each audience is told.
        per_hour: Messages that a channel gets in an hour at most; what is critical comes all the same.
        digest_above: More messages than this at once become one.
        resolved: Whether the end of an alarm is told.
        quiet: Hours in which only what is critical is told; None for none.
        limits: Limits of rules that differ from their own, by the name of the rule.
        silenced: Rules that tell nobody, by their names.
        targets: APIs whose metrics are read.
        files: Further files of metrics that are read, beside those that are gathered.
        certificates: Files of certificates, and ``HOST:PORT`` of servers, whose end is looked at.
        runbooks: Where the runbooks lie.
        alertmanager: HOST:PORT of the Alertmanager that Prometheus tells.
        node_exporter: HOST:PORT of the exporter that shows the files of metrics; None where there is none.
        push_gateway: HOST:PORT of the push gateway that runs tell of themselves; None where there is none.
        exporters: HOST:PORT of further exporters, such as those of Redis and PostgreSQL, by the name of their job.
    """

    model_config = _STRICT

    channels: dict[str, dict[str, Any]]
    audiences: dict[Audience, tuple[str, ...]]
    per_hour: int = Field(default=12, gt=0)
    digest_above: int = Field(default=4, gt=0)
    resolved: bool = True
    quiet: Quiet | None = None
    limits: dict[str, FiniteFloat] = Field(default_factory=dict)
    silenced: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    files: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    runbooks: str = "docs/runbooks"
    alertmanager: str = "127.0.0.1:9093"
    node_exporter: str | None = "127.0.0.1:9100"
    push_gateway: str | None = None
    exporters: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_exist(self) -> AlarmSettings:
        try:
            ALARM_RULES.require(*self.limits, *self.silenced)
            for name, given in self.channels.items():
                self._options(name, given)
            for audience in Audience:
                for name in self.audiences.get(audience, ()):
                    if name not in self.channels:
                        raise UnknownNameError("channel", name, self.channels)
            self._quiet()
        except FinqError as error:
            raise ValueError(str(error)) from error
        absent = [audience.value for audience in Audience if not self.audiences.get(audience)]
        if absent:
            raise ValueError(f"nobody is told of what is for {absent[0]}; name a channel for it below audiences")
        return self

    @property
    def rules(self) -> dict[str, Rule]:
        """The rules that hold, with their limits, by name."""
        return {
            name: rule.with_limit(self.limits.get(name))
            for name, rule in ALARM_RULES.items()
            if name not in self.silenced
        }

    @property
    def policy(self) -> Policy:
        """How much a channel takes."""
        return Policy(self.per_hour, self.digest_above, self._quiet(), self.resolved, self.rules)

    def channel(self, name: str, **more: Any) -> Channel:
        """Make a channel.

        Args:
            name: Its name.
            more: What else it is made of, see `Given`.

        Raises:
            UnknownNameError: If there is none of that name; near misses are suggested.
            ConfigurationError: If it lacks something.
        """
        if name not in self.channels:
            raise UnknownNameError("channel", name, self.channels)
        kind, options = self._options(name, self.channels[name])
        return kind(Given(name, options, **more))

    def with_given_channels(self, environment: Mapping[str, str] | None = None) -> AlarmSettings:
        """The same with a channel of Slack that tells everybody, where a webhook is given and no channel would use it.

        Args:
            environment: Variables by name; None for those of this process.
        """
        wanted = any(plainly(given(environment), one) for one in DECLARED[_SLACK].forms)
        if not wanted or any(one.get("kind") == _KIND for one in self.channels.values()):
            return self
        return AlarmSettings(
            **self.model_dump(exclude={"channels", "audiences"}),
            channels={**self.channels, _KIND: {"kind": _KIND}},
            audiences={audience: (*self.audiences[audience], _KIND) for audience in Audience},
        )

    def all_certificates(self, environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Those of the configuration, and those that the environment names beside them.

        Args:
            environment: Variables by name; None for those of this process.
        """
        named = plainly(given(environment), _CERTIFICATES).split(",")
        return tuple(dict.fromkeys([*self.certificates, *filter(None, map(str.strip, named))]))

    def audiences_of(self, channel: str) -> frozenset[Audience]:
        """Who is told through a channel."""
        return frozenset(audience for audience, names in self.audiences.items() if channel in names)

    def _quiet(self) -> QuietHours | None:
        return None if self.quiet is None else QuietHours(self.quiet.start, self.quiet.end, self.quiet.zone)

    @staticmethod
    def _options(name: str, given: Mapping[str, Any]) -> tuple[type[Channel], ChannelOptions]:
        options = dict(given)
        kind = options.pop("kind", None)
        if kind is None:
            raise ConfigurationError(f"The channel {name} has no kind; give one of {', '.join(CHANNEL_KINDS)}.")
        found = CHANNEL_KINDS[str(kind)]
        try:
            return found, found.options(**options)
        except ValidationError as error:
            raise ConfigurationError(f"The channel {name}: {said(error, found.options)}") from None


def read_settings(conf: Path, environment: str | None = None) -> AlarmSettings:
    """Read the settings.

    Args:
        conf: Folder of the configuration.
        environment: Whose file lies above that of the base; what it says of a key, of one channel, audience or limit
            replaces what the base says. None is ``local``, which need not have one.

    Raises:
        ConfigurationError: If a file cannot be read, or says what cannot be; names the file and the key.
    """
    files = [conf / "base" / FILE]
    above = conf / (environment or "local") / FILE
    if environment is not None and not above.parent.is_dir():
        raise ConfigurationError(f"There is no environment {environment!r} below {conf}; make the folder, or leave it.")
    if above.is_file():
        files.append(above)
    given: dict[str, Any] = {}
    for file in files:
        for key, value in _read(file).items():
            # By name: a channel or a limit of one's own takes none of the others away.
            both = key in _BY_NAME and isinstance(value, dict) and isinstance(given.get(key), dict)
            given[key] = {**given[key], **value} if both else value
    try:
        return AlarmSettings(**given)
    except ValidationError as error:
        raise ConfigurationError(
            f"{' and '.join(map(str, files))} cannot be used: {said(error, AlarmSettings)}"
        ) from None


def said(error: ValidationError, model: type[BaseModel]) -> str:
    """What is wrong with which key, without the values, which may be secret.

    Args:
        error: What was found.
        model: What it was held against.
    """
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'the file'}: {_in_words(one, model)}" for one in found)


def _in_words(one: Any, model: type[BaseModel]) -> str:
    if one["type"] != "extra_forbidden":
        return str(one["msg"]).removeprefix("Value error, ")
    parts: dict[str, type[BaseModel]] = {"quiet": Quiet, "targets": Target}
    known = model if len(one["loc"]) == 1 else parts[str(one["loc"][0])]
    return f"this key is not known. {closest(str(one['loc'][-1]), known.model_fields)}"


def _read(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}. It says who is told of alarms.") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file} is no YAML: {' '.join(str(error).split())}") from None
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise ConfigurationError(f"{file} holds {type(found).__name__}; expected keys, as docs/reference/alarms.md.")
    return found
