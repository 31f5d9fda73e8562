"""What a part of a table answers: the note that travels with it from its source to where it is kept."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

_ATTRIBUTE = "asked"


@dataclass(frozen=True)
class Asked:
    """The question to which a part of a table is the answer.

    Attributes:
        origin: Lineage of the source as a whole, ``kind:id``; the rows say who of several providers answered.
        keys: The instruments, series or feeds that were asked for.
        since: Begin of the window, UTC.
        until: Its end, which lies outside.
        identity: Columns that tell one row from another. A row that says what the last one with its identity said is
            not stored again; one that says something else is a revision and stays beside it.
    """

    origin: str
    keys: tuple[str, ...]
    since: pd.Timestamp
    until: pd.Timestamp
    identity: tuple[str, ...]


def answering(frame: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """The same rows, with a note of the question; the index and the values are shared."""
    noted = frame.copy(deep=False)
    noted.attrs = {_ATTRIBUTE: asked}
    return noted


def question_of(frame: pd.DataFrame) -> Asked | None:
    """The question a frame answers; None where a whole table was delivered."""
    asked = frame.attrs.get(_ATTRIBUTE)
    return asked if isinstance(asked, Asked) else None


def unnoted(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows without the note: what is stored holds what was delivered and nothing else."""
    bare = frame.copy(deep=False)
    bare.attrs = {}
    return bare
