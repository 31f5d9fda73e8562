"""What a table is: its columns with type, unit and meaning, its key, and what must hold in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from finq_predictor.domain.columns import UTC_MICROSECONDS, WALL_MICROSECONDS
from finq_predictor.domain.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TIME = UTC_MICROSECONDS
DATE = WALL_MICROSECONDS
TEXT = "str"
NUMBER = "float64"
NARROW = "float32"
COUNT = "int64"
FLAG = "bool"
MAYBE = "boolean"
ANY = "any"


class Layer(StrEnum):
    """The layers of the data, in the order in which they are filled."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    MODELS = "models"
    PREDICTIONS = "predictions"
    REPORTS = "reports"


@dataclass(frozen=True)
class Column:
    """One column, or every column whose name fits a pattern.

    Attributes:
        name: Its name; a star stands for any text, and the longest pattern that fits a name is meant.
        dtype: Type of pandas; ``ANY`` is whatever was delivered.
        meaning: What a value says, for the reference page.
        unit: What it is counted in; empty where it is text.
        known: Smallest share of rows with a value, in [0, 1]; 0 where values may be missing throughout.
        optional: Whether the column itself may be absent.
        low: Smallest value.
        high: Largest value.
        above: A value must be larger than this, not equal.
        choices: The only values.
    """

    name: str
    dtype: str
    meaning: str
    unit: str = ""
    known: float = 1.0
    optional: bool = False
    low: float | None = None
    high: float | None = None
    above: float | None = None
    choices: tuple[float | str, ...] = ()

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for several columns."""
        return "*" in self.name


@dataclass(frozen=True)
class Within:
    """Columns that must lie between two others, but for a small part of the limit.

    Attributes:
        columns: Names of the columns.
        low: Name of the lower limit.
        high: Name of the upper limit.
        tolerance: By how much of the limit they may lie beyond it.
    """

    columns: tuple[str, ...]
    low: str
    high: str
    tolerance: float


@dataclass(frozen=True)
class Table:
    """The declaration of one table, from which empty frames, types, suites and the reference page follow.

    Attributes:
        name: Its name in the catalog after the market; a star stands for any name.
        layer: The layer it lies in.
        writer: The pipeline that writes it.
        meaning: What a row is.
        columns: Its columns in order. Where some are patterns, their columns may stand anywhere.
        key: Columns that together occur once; empty where nothing is promised.
        ascending: Column that never falls from row to row.
        not_below: Pairs of columns; the first is never below the second.
        within: Columns between others.
        min_rows: Fewest rows.
        min_columns: Fewest columns, where they are not all declared.
    """

    name: str
    layer: Layer
    writer: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    ascending: str | None = None
    not_below: tuple[tuple[str, str], ...] = ()
    within: tuple[Within, ...] = ()
    min_rows: int = 0
    min_columns: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that are always there, in order."""
        return tuple(column.name for column in self.columns if not (column.is_pattern or column.optional))

    def column(self, name: str) -> Column | None:
        """The declaration that a column of a frame belongs to; None when there is none."""
        fitting = [column for column in self.columns if fnmatchcase(name, column.name)]
        return max(fitting, key=lambda column: (not column.is_pattern, len(column.name)), default=None)

    def restricted(self, required: Collection[str], optional: Collection[str] = ()) -> Table:
        """The same table where only some of its optional columns occur.

        Args:
            required: Optional columns that are always there.
            optional: Optional columns that may be there; all others are left out.
        """
        columns = tuple(
            replace(column, optional=column.optional and column.name not in required)
            for column in self.columns
            if not column.optional or column.name in {*required, *optional}
        )
        kept = {column.name for column in columns}
        return replace(self, columns=columns, not_below=tuple(pair for pair in self.not_below if kept.issuperset(pair)))

    def part(self) -> Table:
        """What holds in some rows of the table: a share of all of them may lie elsewhere, and so may all rows."""
        columns = tuple(column if column.known == 1.0 else replace(column, known=0.0) for column in self.columns)
        return replace(self, columns=columns, min_rows=0)

    def empty(self) -> pd.DataFrame:
        """A frame without rows, with the columns that are always there."""
        import pandas as pd

        types = {column.name: column.dtype for column in self.columns if column.name in self.names}
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in types.items()})

    def typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The declared columns of a frame, in order and with their types.

        Args:
            frame: With all columns that are always there; what is not declared is left out.

        Raises:
            DataError: If a column is missing or its values are not of its type.
        """
        if absent := [name for name in self.names if name not in frame.columns]:
            raise DataError(
                f"A table {self.name!r} has no column {', '.join(absent)}; it was given {', '.join(frame.columns)}."
            )
        names = self._in_order(frame.columns)
        types = {name: column.dtype for name in names if (column := self.column(name)) and column.dtype != ANY}
        try:
            return frame[names].astype(types)
        except (TypeError, ValueError) as error:
            wanted = ", ".join(f"{name} as {dtype}" for name, dtype in types.items() if str(frame[name].dtype) != dtype)
            raise DataError(f"A table {self.name!r} cannot be written, it needs {wanted}: {error}") from error

    def misfits(self, frame: pd.DataFrame) -> list[tuple[str, str]]:
        """Where the columns of a frame are not as declared: name and what is wrong; values are not looked at."""
        given = [str(name) for name in frame.columns]
        wrong = [(name, "the column is missing") for name in self.names if name not in given]
        wrong += [(name, "is not a declared column") for name in given if self.column(name) is None]
        if not wrong and given != (order := self._in_order(given)):
            wrong.append((next(a for a, b in zip(given, order, strict=True) if a != b), f"expected the order {order}"))
        for name in given:
            column = self.column(name)
            if column and column.dtype not in (ANY, found := str(frame[name].dtype)):
                wrong.append((name, f"is {found}, not {column.dtype}"))
        return wrong

    def _in_order(self, given: Iterable[str]) -> list[str]:
        """Declared columns among those given: as declared, or as they stand where patterns let them stand anywhere."""
        known = [name for name in given if self.column(name)]
        if any(column.is_pattern for column in self.columns):
            return known
        return [column.name for column in self.columns if column.name in known]
