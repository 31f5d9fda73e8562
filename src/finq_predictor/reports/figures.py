"""Pictures as files: PNG and SVG whose bytes depend on nothing but what is drawn."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Protocol

DPI = 150


class Figure(Protocol):
    """A ``matplotlib.figure.Figure``; matplotlib is imported only where something is drawn."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Write the picture to a file or a buffer."""


@dataclass(frozen=True)
class Picture:
    """One picture of a report.

    Attributes:
        name: Its name.
        png: Its content.
        model: The one model it is about; None where it is about several, or about the test.
    """

    name: str
    png: bytes
    model: str | None = None


Pictures = tuple[Picture, ...]


def to_png(figure: Figure) -> bytes:
    """The picture at ``DPI`` dots per inch; the same picture has the same bytes."""
    buffer = io.BytesIO()
    # The software's name would change with its version.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
