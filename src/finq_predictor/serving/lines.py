"""What the service remembers of an answer, as one line of JSON, and the line read again.

A line has two parts. The *statement* is the same for everybody who asks the same and can be prepared once; in front of
it stand the prediction's id, the time, the request and who asked, which take a microsecond. Feedback is a line too, so
that it is as safe as a prediction while the store is away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.evaluation.sticky_arms import Arm

ARMS = tuple(Arm)
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+=-]{0,127}")
"""Ids of requests and predictions."""
_FLAG = re.compile("[a-z][a-z_]{0,39}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_LONGEST_US = 2**31 - 1
_LONGEST_NAME, _LONGEST_TEXT, _LONGEST_HORIZON = 80, 2_000, 1_000_000
_FEEDBACK, _FAILURE, _STATEMENT = b'{"feedback":', b'{"failure":', b',"arm":'


@dataclass(frozen=True)
class PredictionLine:
    """A prediction as it was given.

    Attributes:
        row: Values by the names of the columns of the store.
    """

    row: dict[str, Any]


@dataclass(frozen=True)
class FeedbackLine:
    """What somebody says has become of a prediction.

    Attributes:
        row: Values by the names of the columns of the store.
    """

    row: dict[str, Any]


@dataclass(frozen=True)
class FailureLine:
    """A model that is compared could not answer.

    Attributes:
        row: Values by the names of the columns of the store.
    """

    row: dict[str, Any]


def statement(
    *,
    market: str,
    instrument: str,
    feature_ts: str | None,
    newest_ts: str | None,
    horizon: int,
    model: str,
    version: str,
    snapshot: str | None,
    probability: float | None,
    decision: str,
    reason: str | None = None,
    score: float | None = None,
    arm: str = Arm.CHAMPION,
    flags: Iterable[str] = (),
    prediction_set: Any = None,
    took_us: int | None = None,
) -> bytes:
    """The part of a line that is the same for everybody who asks the same.

    Args:
        market: Name of the market.
        instrument: Name of the instrument.
        feature_ts: Close of the bar that the features were known at, ISO 8601 with zone; None where there was none.
        newest_ts: Close of the newest bar that the service had; what is asked of an older bar may be known already.
        horizon: Horizon in bars.
        model: Name of the model.
        version: Its version.
        snapshot: Id of the snapshot that answered.
        probability: Calibrated probability; None where nothing is known.
        decision: ``predict`` or ``abstain``.
        reason: Why it abstains: a code, or a sentence that begins with one and a colon.
        score: Before calibration, where it is known.
        arm: Which role the model played.
        flags: Those of the answer.
        prediction_set: The conformal set, such as ``[0, 1]``, where there is one.
        took_us: Microseconds that the model took for the bar, where that is known.
    """
    said = {
        "arm": arm,
        "market": market,
        "instrument": instrument,
        "ts": feature_ts,
        "newest": newest_ts,
        "horizon": horizon,
        "model": model,
        "version": version,
        "snapshot": snapshot,
        "score": score,
        "probability": probability,
        "decision": decision,
        "reason": reason.partition(":")[0] if reason else None,
        "flags": list(flags),
        "set": prediction_set,
        "took": took_us,
    }
    return orjson.dumps(said)[1:]


def prediction_line(
    prediction_id: bytes, request_id: bytes, microseconds: int, user: bytes, said: bytes, latency: int | None = None
) -> bytes:
    """The line of one prediction, ready to be recorded.

    Args:
        prediction_id: A new id, see ``Spool.new_id``.
        request_id: As :data:`ID` wants it; it is not escaped.
        microseconds: Time since 1970 in microseconds, such as ``time.time_ns() // 1000``.
        user: See :func:`user_in_json`.
        said: See :func:`statement`.
        latency: Microseconds from the request to this record; None where nobody waits for this one alone.
    """
    if latency is None:
        told: tuple[Any, ...] = (prediction_id, microseconds, request_id, user, said)
        return b'{"id":"%b","at":%d,"request":"%b","user":%b,%b\n' % told
    told = (prediction_id, microseconds, request_id, user, latency, said)
    return b'{"id":"%b","at":%d,"request":"%b","user":%b,"us":%d,%b\n' % told


@lru_cache(maxsize=4096)
def user_in_json(user: str | None) -> bytes:
    """Who asked, as a line holds it."""
    return orjson.dumps(user)


def feedback_line(row: dict[str, Any]) -> bytes:
    """The line of a feedback; moments are written with their zone."""
    return _FEEDBACK + orjson.dumps(row) + b"}\n"


def failure_line(failure_id: bytes, request_id: str, microseconds: int, row: dict[str, str]) -> bytes:
    """The line of a failure.

    Args:
        failure_id: A new id, see ``Spool.new_id``.
        request_id: Of the request.
        microseconds: Time since 1970 in microseconds.
        row: ``arm``, ``market``, ``model``, ``version``, ``kind``.
    """
    told = {"id": failure_id.decode(), "at": microseconds, "request": request_id, **row}
    return _FAILURE + orjson.dumps(told) + b"}\n"


def read_line(line: bytes) -> PredictionLine | FeedbackLine | FailureLine:
    """Read a line.

    Raises:
        DataError: If it is none, or holds something that no line of ours does.
    """
    try:
        if line.startswith(_FEEDBACK):
            return FeedbackLine(_feedback_row(orjson.loads(line)["feedback"]))
        if line.startswith(_FAILURE):
            return FailureLine(_failure_row(orjson.loads(line)["failure"]))
        # No text holds the mark: its quotation marks would be escaped.
        asked, mark, said = line.partition(_STATEMENT)
        return PredictionLine({**_asked_row(orjson.loads(asked + b"}")), **_said_row(b"{" + mark[1:] + said)})
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise DataError(f"A line of the spool cannot be read: {type(error).__name__}: {str(error)[:200]}") from None


def _asked_row(line: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": _id(line["id"]),
        "served_at": _moment_of(line["at"]),
        "request_id": _id(line["request"]),
        "asked_by": _maybe(_text, line["user"]),
        "latency_us": _maybe(_duration, line.get("us")),
    }


@lru_cache(maxsize=2048)
def _said_row(statement: bytes) -> dict[str, Any]:
    """Read once: thousands ask the same."""
    line = orjson.loads(statement)
    given = line["set"]
    return {
        "arm": _one_of(line["arm"], ARMS),
        "market": _name(line["market"]),
        "instrument": _name(line["instrument"]),
        "ts": _maybe(_moment, line["ts"]),
        "newest_ts": _maybe(_moment, line["newest"]),
        "horizon": _whole(line["horizon"], _LONGEST_HORIZON),
        "model": _name(line["model"]),
        "version": _name(line["version"]),
        "snapshot": _maybe(_name, line["snapshot"]),
        "score": _maybe(_number, line["score"]),
        "probability": _maybe(_share, line["probability"]),
        "decision": _name(line["decision"]),
        "reason": _maybe(_text, line["reason"]),
        "flags": ",".join(sorted(_flag(flag) for flag in line["flags"])),
        "prediction_set": None if given is None else _text(orjson.dumps(given).decode()),
        # Lines that were written before this was told lie in the spool of an upgraded service.
        "took_us": _maybe(_duration, line.get("took")),
    }


def _failure_row(line: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": _id(line["id"]),
        "at": _moment_of(line["at"]),
        "request_id": _id(line["request"]),
        "arm": _one_of(line["arm"], ARMS),
        **{name: _name(line[name]) for name in ("market", "model", "version", "kind")},
    }


def _feedback_row(given: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(given["outcome"], bool):
        raise ValueError(f"the outcome is {given['outcome']!r}")
    return {
        "id": _id(given["id"]),
        "given_at": _moment(given["given_at"]),
        "given_by": _maybe(_text, given["given_by"]),
        "request_id": _maybe(_id, given["request_id"]),
        "prediction_id": _maybe(_id, given["prediction_id"]),
        "market": _maybe(_name, given["market"]),
        "instrument": _maybe(_name, given["instrument"]),
        "ts": _maybe(_moment, given["ts"]),
        "outcome": given["outcome"],
        "forward_return": _maybe(_number, given["forward_return"]),
        "comment": _maybe(_text, given["comment"]),
    }


def _maybe(read: Any, value: Any) -> Any:
    return None if value is None else read(value)


def _flag(value: Any) -> str:
    if not isinstance(value, str) or not _FLAG.fullmatch(value):
        raise ValueError(f"{str(value)[:40]!r} is no flag")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise ValueError(f"{str(value)[:40]!r} is no text of at most {_LONGEST_TEXT} characters")
    # PostgreSQL keeps no such character.
    return value.replace("\x00", "")


def _name(value: Any) -> str:
    name = _text(value)
    if not 0 < len(name) <= _LONGEST_NAME:
        raise ValueError(f"{name[:40]!r} is no name of 1 to {_LONGEST_NAME} characters")
    return name


def _id(value: Any) -> str:
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise ValueError(f"{str(value)[:40]!r} is no id")
    return value


def _one_of(value: Any, known: Iterable[str]) -> str:
    if value not in known:
        raise ValueError(f"{str(value)[:40]!r} is none of {', '.join(sorted(known))}")
    return str(value)


def _whole(value: Any, most: int) -> int:
    if type(value) is not int or not 0 < value <= most:
        raise ValueError(f"{str(value)[:40]} is no whole number of 1 to {most}")
    return value


def _duration(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{str(value)[:40]!r} is no duration in microseconds")
    return min(value, _LONGEST_US)


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"{str(value)[:40]!r} is no number")
    return float(value)


def _share(value: Any) -> float:
    share = _number(value)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"{share} is no probability")
    return share


@lru_cache(maxsize=4096)
def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None or not _FIRST <= moment <= _LAST:
        raise ValueError(f"{value!r} is no moment with a zone, from 1970 to 2200")
    return moment.astimezone(UTC)


def _moment_of(microseconds: Any) -> datetime:
    if type(microseconds) is not int:
        raise ValueError(f"{str(microseconds)[:40]!r} is no time in microseconds")
    moment = _EPOCH + timedelta(microseconds=microseconds)
    if not _FIRST <= moment <= _LAST:
        raise ValueError(f"{moment} lies outside of 1970 to 2200")
    return moment
