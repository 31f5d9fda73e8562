"""Whether a stored value and the same value made again are one, and where they first differ."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.tables import get_table
from finq_predictor.replay.differences import TOLERANCE, first_difference

DURATIONS = {"trials": ("duration_s",)}
"""Columns that say how long something took."""
_ROUNDING = "but for rounding, at most 1e-9 of a value"


class Outcome(StrEnum):
    """What came of making a dataset again."""

    IDENTICAL = "identical"
    """The same bytes."""
    EQUAL = "equal"
    """The same values, but for rounding; other bytes, as another version of a library writes them."""
    DIFFERS = "differs"
    CLOCK = "goes by the clock"
    """It says how old something was when it was made, which another moment answers differently."""
    OPEN = "open"
    """It could not be compared."""


@dataclass(frozen=True)
class Found:
    """What came of one dataset.

    Attributes:
        layer: Layer that it was compared in.
        dataset: Its name.
        outcome: Whether it is the same.
        said: Where it first differs, or why it was not compared; empty where it is identical.
    """

    layer: str
    dataset: str
    outcome: Outcome
    said: str = ""

    @property
    def sentence(self) -> str:
        """It in one line."""
        return f"{self.layer}: {self.dataset} {self.outcome}" + (f": {self.said}" if self.said else "")


def compare(layer: str, dataset: str, stored: Path, again: Path) -> Found:
    """Compare two files, or folders of files, of a dataset whose bytes are not the same.

    Args:
        layer: Layer of the dataset.
        dataset: Its name.
        stored: What was stored.
        again: What was made again.
    """
    if stored.is_dir() and again.is_dir():
        said = _folders(dataset, stored, again)
    elif stored.suffix == ".parquet":
        said = frames(dataset, pd.read_parquet(stored), pd.read_parquet(again))
    elif stored.suffix == ".json":
        said = values(json.loads(stored.read_bytes()), json.loads(again.read_bytes()))
    else:
        said = "its bytes are others"
    timed = ", ".join(DURATIONS.get(dataset, ()))
    equal = f"but for {timed}, which is how long it took" if timed else _ROUNDING
    return Found(layer, dataset, Outcome.DIFFERS if said else Outcome.EQUAL, said or equal)


def frames(dataset: str, stored: pd.DataFrame, again: pd.DataFrame) -> str:
    """Where two tables first differ: column, instrument and time; empty where they do not."""
    timed = DURATIONS.get(dataset, ())
    stored, again = stored.drop(columns=[*timed], errors="ignore"), again.drop(columns=[*timed], errors="ignore")
    found = first_difference(again, stored, _keys(dataset, stored), layer="", table=dataset, bar=pd.Timestamp(0))
    if found is None:
        return ""
    where = ", ".join(
        f"{name} {value}"
        for name, value in (("column", found.column), ("instrument", found.instrument), ("at", found.ts))
        if value
    )
    return f"first at {where or 'its columns'}: {found.batch} is stored, {found.live} comes out again"


def values(stored: Any, again: Any, place: str = "") -> str:
    """Where two values of JSON first differ; empty where they do not."""
    if isinstance(stored, Mapping) and isinstance(again, Mapping):
        if set(stored) != set(again):
            name = min(set(stored) ^ set(again))
            side = "what is stored" if name in stored else "what comes out again"
            return f"first at {place}{name}: only {side} has it"
        return next(filter(None, (values(stored[name], again[name], f"{place}{name}.") for name in stored)), "")
    if isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        pairs = enumerate(zip(stored, again, strict=True))
        return next(filter(None, (values(one, other, f"{place}{at}.") for at, (one, other) in pairs)), "")
    if stored == again or _near(stored, again):
        return ""
    return f"first at {place.rstrip('.') or 'the value'}: {_short(stored)} is stored, {_short(again)} comes out again"


def _folders(dataset: str, stored: Path, again: Path) -> str:
    names = [
        sorted(file.relative_to(one).as_posix() for file in one.rglob("*") if file.is_file()) for one in (stored, again)
    ]
    if names[0] != names[1]:
        return f"first at {min(set(names[0]) ^ set(names[1]))}, which is on one side only"
    for name in names[0]:
        one, other = stored / name, again / name
        if one.read_bytes() == other.read_bytes() or name.endswith("checksums.json"):
            continue
        if said := compare("", dataset, one, other).said.replace(_ROUNDING, ""):
            return f"{name} {said}"
    return ""


def _names(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def _keys(dataset: str, frame: pd.DataFrame) -> Sequence[str]:
    try:
        key = [name for name in get_table(dataset).key if name in frame]
    except UnknownNameError:
        key = []
    named = [name for name in (TS, "day", "time", INSTRUMENT) if name in frame]
    # The first one names the time of a difference.
    return key or named or [str(frame.columns[0])]


def _near(stored: Any, again: Any) -> bool:
    numbers = all(isinstance(one, float | int) and not isinstance(one, bool) for one in (stored, again))
    return numbers and math.isclose(stored, again, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
