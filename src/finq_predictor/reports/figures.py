"""Pictures as files: PNG and SVG whose bytes depend on nothing but what is drawn."""

from __future__ import annotations

import io
from typing import Any

Figure = Any
"""A ``matplotlib.figure.Figure``; matplotlib is imported only where something is drawn."""
DPI = 150


def to_png(figure: Figure) -> bytes:
    """The picture at ``DPI`` dots per inch; the same picture has the same bytes."""
    buffer = io.BytesIO()
    # The software's name would change with its version.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
