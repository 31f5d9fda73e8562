"""The log of decisions: who is champion of a market, since when, why, and who said so.

Every record holds the hash of the one before it and its own: SHA-256 of its canonical JSON (keys sorted, no spaces,
ASCII) without the field ``hash``. Whoever has the file can recompute them with any tool. What a later version adds to
records changes no hash of those that are there, as they are checked as they were written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.fingerprint import hash_content
from finq_predictor.domain.promotion.terms import Check

SHORT = 16
"""So many characters of a hash tell one from another."""


class Act(StrEnum):
    """What a record tells of."""

    PROMOTE = "promote"
    PROVISIONAL = "provisional"
    REJECT = "reject"
    AWAIT = "awaiting approval"
    APPROVE = "approve"
    REFUSE = "refuse"
    ROLL_BACK = "roll back"
    BEGIN_ANEW = "begin anew"


CHANGES = (Act.PROMOTE, Act.PROVISIONAL, Act.APPROVE, Act.ROLL_BACK)
"""After these another model is in use."""


@dataclass(frozen=True)
class LoggedModel:
    """A model as a record names it.

    Attributes:
        model: Its name.
        model_hash: Equal for equal models.
        version: Version in the registry; empty where it has none.
        status: Its standing at that moment; empty where it had none yet.
        figures: What was measured, by name; finite numbers.
    """

    model: str
    model_hash: str
    version: str = ""
    status: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LogRecord:
    """One decision, as it was carried out.

    Attributes:
        act: What was decided.
        at: When, ISO 8601 in UTC; never earlier than the record before.
        market: Name of the market.
        by: Who asked for it.
        run: How it was asked for: the command.
        reason: Why, in sentences.
        in_use: Version of the champion from now on; empty where there is none.
        standing: Standing of that champion from now on.
        candidate: The model that it is about; None where it is about none.
        champion: The champion before; None before the first.
        checks: Every check with its number and its limit.
        decided_as_of: Close of the last bar that was known.
        data_hash: Of the data that the candidate was trained on.
        feature_set_hash: Of its features.
        code_hash: Of the code that trained it.
        git_commit: The commit; empty outside git.
        seed: Of the training.
        run_id: Run of MLflow that the candidate came from.
        judged: Configurations that were ever judged on these days.
        approver: Who approved or refused it; empty where nobody was asked.
        aside: Name of the file that was set aside, where the log begins anew.
        aside_sha256: SHA-256 of that file.
        missed: Hashes of records that were known elsewhere and are in no file any more.
        number: Counts the records from 1. The log fills it in, and the hashes.
        previous: Hash of the record before; empty for the first.
        hash: Hash of this one.
    """

    act: Act
    at: str
    market: str
    by: str
    run: str
    reason: str
    in_use: str
    standing: str
    candidate: LoggedModel | None = None
    champion: LoggedModel | None = None
    checks: tuple[Check, ...] = ()
    decided_as_of: str = ""
    data_hash: str = ""
    feature_set_hash: str = ""
    code_hash: str = ""
    git_commit: str = ""
    seed: int | None = None
    run_id: str = ""
    judged: int | None = None
    approver: str = ""
    aside: str = ""
    aside_sha256: str = ""
    missed: tuple[str, ...] = ()
    number: int = 0
    previous: str = ""
    hash: str = ""

    @property
    def about(self) -> str:
        """Version in the registry that it is about; empty where it is about none."""
        return self.candidate.version if self.candidate else ""

    @property
    def changes_champion(self) -> bool:
        """Whether another model, or the same with another standing, is in use from now on."""
        before = ("", "") if self.champion is None else (self.champion.version, self.champion.status)
        return self.act is not Act.BEGIN_ANEW and (self.in_use, self.standing) != before

    @property
    def sentence(self) -> str:
        """What happened, in one line."""
        whose = f" {self.candidate.model}" if self.candidate else ""
        version = f" (version {self.about})" if self.about else ""
        return f"{self.market}: {self.act}{whose}{version}"


@dataclass(frozen=True)
class PromotionLog:
    """All records of a market, oldest first; the log is never changed, only continued.

    Attributes:
        records: Each is bound to the one before it.
    """

    records: tuple[LogRecord, ...] = ()

    @property
    def head(self) -> str:
        """Hash of the last record, which stands for the whole log; empty before the first."""
        return self.records[-1].hash if self.records else ""

    @property
    def last(self) -> LogRecord | None:
        """The last record; None before the first."""
        return self.records[-1] if self.records else None

    def until(self, moment: datetime | None) -> PromotionLog:
        """The log as it was at a moment; None is now."""
        if moment is None:
            return self
        return PromotionLog(tuple(one for one in self.records if datetime.fromisoformat(one.at) <= moment))

    def why_in_use(self) -> LogRecord | None:
        """The record by which the champion in use came into use; None where there is no champion, or no such record."""
        if self.last is None or not self.last.in_use:
            return None
        version = self.last.in_use
        return next(
            (one for one in reversed(self.records) if one.act in CHANGES and one.in_use == one.about == version), None
        )

    def waiting(self) -> LogRecord | None:
        """The candidate that waits for an approval; None where none does.

        A decision that put another model into use, or a newer candidate, ends the waiting.
        """
        for one in reversed(self.records):
            if one.act is Act.AWAIT:
                return one
            if one.act in CHANGES or one.act is Act.REFUSE:
                return None
        return None

    def refusal_of(self, model_hash: str) -> LogRecord | None:
        """The record by which a person refused this very model; None where nobody did."""
        found = [one for one in self.records if one.candidate is not None and one.candidate.model_hash == model_hash]
        told = [one for one in found if one.act in (Act.APPROVE, Act.REFUSE)]
        return told[-1] if told and told[-1].act is Act.REFUSE else None


def sealed(said: Mapping[str, Any]) -> dict[str, Any]:
    """A record as plain values, with its hash filled in."""
    return {**said, "hash": hash_of_record(said)}


def hash_of_record(said: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of a record without its own hash; 64 hexadecimal digits."""
    return hash_content({name: value for name, value in said.items() if name != "hash"})


def canonical(said: Mapping[str, Any]) -> str:
    """The line of a record.

    Raises:
        ValueError: If it holds a number that JSON cannot say.
    """
    return json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False)


def first_break(records: Iterable[Mapping[str, Any]], head: str = "") -> str:
    """Find where the chain breaks.

    Args:
        records: As they were written, in order.
        head: Hash of a record that is known to have been the last one once.

    Returns:
        A sentence that names the first record that is not what was written there; empty where all are.
    """
    previous, known, at = "", {""}, ""
    number = 0
    for number, said in enumerate(records, start=1):
        if said.get("hash") != hash_of_record(said):
            return f"Record {number} was edited: it does not have the hash that it says."
        if said.get("previous") != previous:
            before = f"record {number - 1}" if number > 1 else "the beginning"
            return (
                f"Record {number} does not follow from {before}: it was put there or moved, or what stood between "
                "them was edited or removed."
            )
        if said.get("number") != number:
            return f"Record {number} says that it is number {said.get('number')!r}: records before it were removed."
        if str(said.get("at")) < at:
            return f"Record {number} is older than the one before it."
        previous, at = str(said["hash"]), str(said["at"])
        known.add(previous)
    if head not in known:
        what = f"Records after number {number} were removed" if number else "All records were removed"
        return f"{what}, or everything was written anew: none has the hash {head[:SHORT]}, which the last one had."
    return ""


@dataclass(frozen=True)
class Anchor:
    """A hash of the log that was noted elsewhere.

    Attributes:
        hash: Hash of the record that was the last one then.
        place: Where it was noted.
    """

    hash: str
    place: str


def unmet(anchors: Sequence[Anchor], log: PromotionLog, aside: str = "") -> tuple[Anchor, ...]:
    """Anchors that no record has: the log was cut at its end, or written anew as a whole.

    Args:
        anchors: What was noted elsewhere.
        log: The log as it is.
        aside: Text of logs that were set aside when a person had dealt with them.
    """
    known = {one.hash for one in log.records} | {missed for one in log.records for missed in one.missed}
    return tuple(one for one in anchors if one.hash not in known and one.hash not in aside)


def in_words(missing: Anchor) -> str:
    """What it means that no record has a hash that was noted elsewhere."""
    return (
        f"No record has the hash {missing.hash[:SHORT]}, which was noted in {missing.place}: the log was cut at its "
        "end, or written anew."
    )


def require_whole(problem: str, place: object, market: str) -> None:
    """Refuse a log that is broken.

    Raises:
        StoreError: If there is a problem; says what to do.
    """
    if problem:
        raise StoreError(
            f"The log of decisions {place} is broken. {problem} Nothing is promoted, approved or rolled back until a "
            f"person has dealt with it: finq verify-log {market}; see docs/runbooks/broken-promotion-log.md."
        )
