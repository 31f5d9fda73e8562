"""Tables as a page shows them: cells that are already text, and how a row or a cell stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from finq_predictor.domain.errors import ReportError
from finq_predictor.reports.style import Tone


class Look(StrEnum):
    """How a row stands among the others; the value is the class in the stylesheet."""

    PLAIN = ""
    STRONG = "strong"
    MUTED = "muted"
    ALARM = "alarm"


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: What it says.
        note: Shown small below, such as an interval.
        tone: Its colour.
    """

    text: str
    note: str = ""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Row:
    """One row, and how it stands among the others."""

    cells: Sequence[Cell | str]
    look: Look = Look.PLAIN


@dataclass(frozen=True)
class Table:
    """A table; its caption is in the template.

    Attributes:
        columns: Headings.
        rows: Each with as many cells as there are headings.
        text_columns: Places of the columns that hold text; the others hold numbers and are set to the right.

    Raises:
        ReportError: If a row has more or fewer cells than there are headings.
    """

    columns: Sequence[str]
    rows: Sequence[Row]
    text_columns: Sequence[int] = (0,)

    def __post_init__(self) -> None:
        """Refuse a row whose cells would stand below the wrong heading."""
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ReportError(
                    f"A row has {len(row.cells)} cells below {len(self.columns)} headings ({', '.join(self.columns)}); "
                    "give every row one cell per heading."
                )


def plain_rows(rows: Sequence[Sequence[Cell | str]]) -> list[Row]:
    """Rows none of which stands out."""
    return [Row(cells) for cells in rows]


def yes_no(met: bool) -> Cell:
    """``yes`` in the colour of what is good, or ``no`` in that of what is bad."""
    return Cell("yes", tone=Tone.GOOD) if met else Cell("no", tone=Tone.BAD)
