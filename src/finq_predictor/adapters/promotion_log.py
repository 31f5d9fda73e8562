"""The log of decisions of a market on the disk: one file of JSON lines that only ever grows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from finq_predictor.adapters.atomic_file import flush
from finq_predictor.adapters.chained_file import ChainedFile, Content, Writing
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.typed_json import from_json, plain
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.promotion.log import (
    Act,
    Anchor,
    LogRecord,
    PromotionLog,
    canonical,
    first_break,
    require_whole,
    sealed,
)

ASIDE = "promotions.*.aside"


@dataclass(frozen=True)
class Condition:
    """What is known of the file.

    Attributes:
        log: The records that can be read; up to the break where there is one.
        problem: Where it is broken; empty where it is whole.
        torn: Whether a killed process left a torn line, which the next record replaces.
    """

    log: PromotionLog
    problem: str
    torn: bool


class PromotionLogFile:
    """The log of one market.

    Args:
        root: Folder of the data.
        market: Name of the market.
    """

    def __init__(self, root: Path, market: str) -> None:
        self.path, self.market = Layout(root).place(market, "promotion_log"), market
        self._file = ChainedFile(self.path)

    def read(self) -> PromotionLog:
        """All records.

        Raises:
            StoreError: If the log is broken; names the record where, and what to do.
        """
        return self._whole(self._file.read()).log

    def inspect(self) -> Condition:
        """What is known of the file, broken or not."""
        return self._condition(self._file.read())

    def append(self, record: LogRecord, *, now: datetime) -> LogRecord:
        """Add a record.

        A decision that a killed process had entered already, and then begun to carry out, is not entered twice: the
        same act about the same version of the same run, as the last record, is that record.

        Args:
            record: Without time, number and hashes.
            now: The time.

        Returns:
            The record as it stands in the log.

        Raises:
            StoreError: If the log is broken, or the record holds what JSON cannot say; nothing is written.
        """
        with self._file.writing() as writing:
            found = self._whole(writing.content)
            last = found.log.last
            if last is not None and _same(last, record):
                return last
            return self._add(writing, found, record, now)

    def begin_anew(self, record: LogRecord, *, now: datetime) -> LogRecord:
        """Set the file aside as it is, and begin a log that says so.

        Args:
            record: Who decided that and why.
            now: The time.
        """
        with self._file.writing() as writing:
            content = self.path.read_bytes() if self.path.exists() else b""
            aside = self.path.with_name(f"promotions.{now.astimezone(UTC):%Y%m%dT%H%M%S%f}.aside")
            about = replace(record, aside=aside.name if content else "", aside_sha256=sha256(content).hexdigest())
            if content:
                # A second name first, so that there is no moment at which the content has none.
                aside.hardlink_to(self.path)
                self.path.unlink()
                flush(self.path.parent)
            nothing = Writing(self.path, writing.lock, Content((), b"", ""))
            return self._add(nothing, Condition(PromotionLog(), "", torn=False), about, now)

    def text_aside(self) -> str:
        """What stood in the files that were set aside."""
        files = sorted(self.path.parent.glob(ASIDE))
        return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)

    def own_anchor(self) -> list[Anchor]:
        """The hash that the lock file holds; none before the first record."""
        head = self._file.read().head
        return [Anchor(head, str(self._file.lock))] if head else []

    def _add(self, writing: Writing, found: Condition, record: LogRecord, now: datetime) -> LogRecord:
        last = found.log.last
        at = now.astimezone(UTC).isoformat(timespec="microseconds")
        numbered = replace(
            record,
            # A clock that was set back must not turn the order round.
            at=max(at, last.at) if last else at,
            market=self.market,
            number=len(found.log.records) + 1,
            previous=found.log.head,
            hash="",
        )
        said = sealed(plain(numbered))
        try:
            line = canonical(said)
        except ValueError as error:
            raise StoreError(f"A record of {self.market} holds a number that JSON cannot say: {error}.") from error
        writing.append([line], said["hash"], torn=found.torn)
        return replace(numbered, hash=said["hash"])

    def _whole(self, content: Content) -> Condition:
        found = self._condition(content)
        require_whole(found.problem, self.path, self.market)
        return found

    def _condition(self, content: Content) -> Condition:
        lines, torn = [*content.lines], bool(content.rest)
        if content.rest and _parsed(content.rest) is not None:
            # Only the end of the line is missing.
            lines.append(content.rest)
            torn = False
        said: list[Mapping[str, Any]] = []
        problem = ""
        for number, line in enumerate(lines, start=1):
            one = _parsed(line)
            if one is None or canonical(one).encode() != line:
                problem = f"Record {number} was edited: its line is no JSON object as the log writes it."
                break
            said.append(one)
        problem = first_break(said, "" if problem else content.head) or problem
        records: list[LogRecord] = []
        for number, told in enumerate(said, start=1):
            try:
                records.append(from_json(LogRecord, json.dumps(told), f"Record {number} of {self.path}", ""))
            except StoreError as error:
                problem = problem or str(error)
                break
        return Condition(PromotionLog(tuple(records)), problem, torn)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
        canonical(said)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _same(last: LogRecord, record: LogRecord) -> bool:
    """Whether a decision is the one that was entered last; one that keeps the champion may be made again."""
    if record.act in (Act.REJECT, Act.BEGIN_ANEW) or not record.about:
        return False
    return (last.act, last.about, last.run_id, last.in_use) == (
        record.act,
        record.about,
        record.run_id,
        record.in_use,
    )
