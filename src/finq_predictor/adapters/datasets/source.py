"""One table of a source as a read-only dataset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from finq_predictor.adapters.bronze.call_notes import note_calls, note_outages
from finq_predictor.adapters.bronze.coverage import Coverage
from finq_predictor.adapters.secrets import masked
from finq_predictor.adapters.sources.catching_up import Plan, catch_up, take_new
from finq_predictor.adapters.sources.making import make_source
from finq_predictor.adapters.sources.protocol import GrowingSource, WholeSource, WindowSource, lineage
from finq_predictor.domain.columns import SOURCE
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.ingestion.times import as_moment


class Asking(BaseModel):
    """How a source that delivers windows is asked.

    Attributes:
        held: Folder of what it has delivered before.
        since: Begin of the history that is wanted, ISO 8601, or how far it reaches back from the run, as ``730D``;
            empty only for a source that is not asked for windows.
        until: Its end; None takes the moment of the run. A later one fills the history up to here and no further.
        again: How far back it is asked anew each time, because it may revise what it said, and
            because what belongs to a day may come after it: ``5D``, ``12h``.
        step: The end of the window is a multiple of this, so that nothing is asked before something can be new.
        required: Whether a run can do without the table: then it goes on if nobody ever answered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    held: Path
    since: str = ""
    until: str | None = None
    again: str = "2D"
    step: str = "1min"
    required: bool = True

    @field_validator("again", "step")
    @classmethod
    def _length(cls, value: str) -> str:
        if pd.Timedelta(value) < pd.Timedelta(0):
            raise ValueError("a length of time cannot be negative")
        return value

    def plan(self, now: pd.Timestamp) -> Plan:
        """What a run at a moment wants."""
        since, until = _begin(self.since, now), as_moment(self.until, "until")
        end = now if until is None else min(until, now)
        if since >= end:
            raise ConfigurationError(
                f"`since` is {since}, which does not lie before the end of what is asked for, {end}: nothing would be "
                "asked. Correct the one or the other."
            )
        return Plan(since, end.floor(self.step), pd.Timedelta(self.again), self.required)


def _begin(text: str, now: pd.Timestamp) -> pd.Timestamp:
    """A moment, or one that lies so far back, at the begin of its day: the same all day long."""
    if re.fullmatch(r"\d+ ?D", text):
        return (now - pd.Timedelta(text)).floor("D")
    begin = as_moment(text, "since")
    if begin is None:
        raise ConfigurationError("`since` is empty; expected the begin of the history, such as 2015-01-01 or 730D.")
    return begin


class SourceDataset(AbstractDataset[None, pd.DataFrame | Iterator[pd.DataFrame]]):
    """Reads one table from a source and notes the source in every row.

    Args:
        source: ``class`` is the path of a class that satisfies `WholeSource`, `WindowSource` or `GrowingSource`; the
            rest are its constructor's arguments.
        asking: How a `WindowSource` is asked, see :class:`Asking`; of it a `GrowingSource` needs ``held`` only.
        credentials: Keys of providers by their names, as ``conf/local/credentials.yml`` has them.
        metadata: For other tools, such as kedro-viz.
    """

    def __init__(
        self,
        source: dict[str, Any],
        asking: dict[str, Any] | None = None,
        credentials: dict[str, dict[str, Any]] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if "class" not in source:
            raise DatasetError(f"A source needs a `class`; found only {sorted(source)}.")
        self._source, self._credentials = dict(source), credentials
        try:
            self._asking = None if asking is None else Asking(**asking)
        except ValidationError as error:
            raise DatasetError(f"The `asking` of a source is wrong: {error}") from None
        self.metadata = metadata

    def load(self) -> pd.DataFrame | Iterator[pd.DataFrame]:
        """Ask the source.

        Returns:
            The table as delivered plus the column ``_source``: ``simulated:<id>`` or ``own:<id>``. A source that
            delivers windows or parts is asked while they are taken, one after the other, so that each can be kept
            before the next is asked for; there are none where nothing is new.
        """
        source = make_source(self._source, self._credentials)
        if isinstance(source, WholeSource):
            frame = source.read()
            return frame.assign(**{SOURCE: pd.Series(lineage(source), index=frame.index, dtype="str")})
        if isinstance(source, GrowingSource):
            if self._asking is None:
                raise DatasetError(f"{self._name} delivers parts and needs `asking: {{held: ...}}`.")
            return _taken(source, self._asking.held)
        if not isinstance(source, WindowSource):
            raise DatasetError(f"{self._name} is no source: it has neither `read` nor `fetch`, `keys` and `identity`.")
        if self._asking is None:
            raise DatasetError(f"{self._name} delivers windows of time and needs `asking: {{held: ..., since: ...}}`.")
        plan = self._asking.plan(pd.Timestamp.now("UTC").as_unit("us"))
        return _noted(source, plan, self._asking.held)

    def save(self, data: None) -> None:  # noqa: ARG002 - the signature is Kedro's
        """Refuse: a source is not written by a pipeline."""
        raise DatasetError("A source is read-only; remove it from the outputs of the node.")

    def _describe(self) -> dict[str, Any]:
        about = {name: value for name, value in self._source.items() if name != "class"}
        return masked({"source": self._name, **about})

    @property
    def _name(self) -> str:
        return str(self._source["class"])


def _taken(source: GrowingSource, folder: Path) -> Iterator[pd.DataFrame]:
    """Take what is new, and note what could not be had."""
    outages: list[str] = []
    try:
        yield from take_new(source, Coverage.read(folder), outages)
    finally:
        note_outages(folder, outages)


def _noted(source: WindowSource, plan: Plan, folder: Path) -> Iterator[pd.DataFrame]:
    """Ask, and note every call that was made and what could not be had, whatever becomes of the rest."""
    outages: list[str] = []
    try:
        yield from catch_up(source, Coverage.read(folder), plan, outages)
    finally:
        note_calls(folder, getattr(source, "calls", None))
        note_outages(folder, outages)
