"""How a picture is set, and pictures as files whose bytes depend on nothing but what is drawn.

Figures are made without pyplot, so that drawing leaves no global state behind.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from finq_predictor.reports.style import FAINT, INK, LINE, MUTED

Axes = Any
"""A ``matplotlib.axes.Axes``; matplotlib is imported only where something is drawn."""

DPI = 150
SHOWN_DPI = 96
"""Pictures are drawn finer than they are shown, and stay sharp on fine screens."""


class Figure(Protocol):
    """A ``matplotlib.figure.Figure``; matplotlib is imported only where something is drawn."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Write the picture to a file or a buffer."""

    def get_size_inches(self) -> Any:
        """Width and height."""

    def legend(self, *drawn: Any, **options: Any) -> Any:
        """Name what is drawn, outside the panels."""

    def colorbar(self, mappable: Any, **options: Any) -> Any:
        """Say what the colours mean."""

    def supxlabel(self, t: str, **options: Any) -> Any:
        """Name the horizontal axis of all panels."""


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


@dataclass(frozen=True)
class Image:
    """A picture within a page.

    Attributes:
        uri: Its content as a data URI, so that the page needs nothing from elsewhere.
        width: At which it is shown, in pixels; on a narrow screen it shrinks.
        height: The same.
    """

    uri: str
    width: int
    height: int

    @classmethod
    def from_png(cls, content: bytes, dpi: int = DPI) -> Self:
        """Embed a PNG that was drawn at ``dpi`` dots per inch."""
        width, height = (int.from_bytes(content[at : at + 4], "big") * SHOWN_DPI / dpi for at in (16, 20))
        return cls(_uri("image/png", content), round(width), round(height))

    @classmethod
    def of(cls, figure: Figure) -> Self:
        """Embed a figure as SVG."""
        width, height = figure.get_size_inches() * SHOWN_DPI
        return cls(_uri("image/svg+xml", to_svg(figure).encode()), round(width), round(height))


def new_figure(
    rows: int = 1,
    columns: int = 1,
    *,
    size: tuple[float, float],
    heights: Sequence[float] | None = None,
    share_x: bool = False,
) -> tuple[Figure, list[Axes]]:
    """An empty figure and its panels, row by row.

    Args:
        rows: Panels above each other.
        columns: Panels beside each other.
        size: Width and height in inches.
        heights: Relative heights of the rows; equal by default.
        share_x: Whether panels above each other share their horizontal axis.
    """
    from matplotlib.figure import Figure as MatplotlibFigure

    figure: Any = MatplotlibFigure(figsize=size, layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=share_x, height_ratios=heights)
    return figure, list(axes.ravel())


def finish(axes: Axes, title: str | None = None, x_label: str | None = None, y_label: str | None = None) -> None:
    """Give a panel its words and its frame: no box, a quiet grid behind what is drawn."""
    if title:
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=10)
    axes.set_xlabel(x_label or "", color=INK, fontsize=9)
    axes.set_ylabel(y_label or "", color=INK, fontsize=9)
    axes.tick_params(colors=INK, labelsize=8.5, length=0)
    axes.grid(visible=True, color=LINE, lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(LINE)


def add_legend(axes: Axes) -> None:
    """Name what is drawn where there is room for it."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8.5, loc="best")


def add_note(axes: Axes, text: str, x: float, y: float, **alignment: Any) -> None:
    """How to read the panel, small within it; ``x`` and ``y`` are fractions of the panel."""
    axes.text(x, y, text, transform=axes.transAxes, color=MUTED, size=8, **alignment)


def say_instead(axes: Axes, text: str) -> None:
    """Say why a panel is empty, rather than show empty axes."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED, size=10, wrap=True)


def patch(colour: str, name: str) -> Any:
    """An entry of a legend for an area."""
    from matplotlib.patches import Patch

    return Patch(color=colour, label=name)


def dashed(colour: str, name: str) -> Any:
    """An entry of a legend for a dashed line."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, lw=1.2, ls="--", label=name)


def draw_zero(axes: Axes) -> None:
    """The line of no effect."""
    axes.axhline(0.0, color=FAINT, lw=0.8)


def to_png(figure: Figure) -> bytes:
    """The picture at ``DPI`` dots per inch; the same picture has the same bytes."""
    buffer = io.BytesIO()
    # The software's name would change with its version.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def to_svg(figure: Figure) -> str:
    """The picture as SVG, its words as text; the same picture has the same text."""
    import matplotlib as mpl

    target = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "finq", "svg.fonttype": "none"}):
        figure.savefig(target, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = target.getvalue()
    return text[text.index("<svg") :]


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
