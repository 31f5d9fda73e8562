"""A dashboard drawn from what Prometheus answers: for pages, mails, and wherever there is no Grafana."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

from finq_predictor.domain.dashboards import COLUMNS, Dashboard, Panel, Shape, Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 10
_INCHES, _ROW_INCHES, _HEAD_INCHES = 16.0, 2.75, 0.6
_GAP, _PAD = 0.07, 0.14
_TITLE_INCHES, _TEXT_INCHES, _LOW_INCHES, _TICKS_INCHES = 0.22, 0.15, 0.24, 0.68
_SIGNS_AN_INCH, _WIDEST_NAME = 17.5, 0.46
_TALLEST_ROW_INCHES = 0.36
_WRONG, _RIGHT, _INK, _FAINT, _EDGE, _PAGE = "#b3261e", "#1c6b3c", "#1f2933", "#67737e", "#d9dfe5", "#f3f5f7"
_UP, _DOWN = "#7fb2dd", "#e9a17c"
_COLOURS = (
    "#2f6db3",
    "#d1732a",
    "#3d8f5a",
    "#8b5bb0",
    "#b3473f",
    "#4fa3b5",
    "#a08530",
    "#d46a9b",
    "#5d6b78",
    "#86a83d",
)


@dataclass(frozen=True)
class Series:
    """One answer to a query.

    Attributes:
        name: What its legend makes of its labels.
        seconds: Times, seconds since 1970, at least one.
        values: As many values.
    """

    name: str
    seconds: tuple[float, ...]
    values: tuple[float, ...]


class Asked(Protocol):
    """Answers questions about a time."""

    def __call__(self, promql: str, begin: float, end: float, step: float) -> list[Mapping[str, Any]]:
        """Rows as ``/api/v1/query_range`` gives them: ``metric`` and ``values``."""


def prometheus_at(address: str) -> Asked:
    """Ask a Prometheus.

    Args:
        address: Such as ``http://127.0.0.1:9090``.

    Returns:
        What asks; it raises SourceUnavailableError where nobody answers, and DataError for a refusal.
    """

    def ask(promql: str, begin: float, end: float, step: float) -> list[Mapping[str, Any]]:
        import httpx

        from finq_predictor.domain.errors import DataError, SourceUnavailableError

        given: dict[str, str | float] = {"query": promql, "start": begin, "end": end, "step": step}
        try:
            answer = httpx.get(f"{address.rstrip('/')}/api/v1/query_range", params=given, timeout=30)
            said = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise SourceUnavailableError(
                f"No Prometheus answers at {address}: {type(error).__name__}. Start it, or name another address."
            ) from None
        if said.get("status") != "success":
            raise DataError(f"Prometheus at {address} refuses {promql!r}: {said.get('error', answer.status_code)}")
        rows: list[Mapping[str, Any]] = said["data"]["result"]
        return rows

    return ask


def ask_panel(panel: Panel, ask: Asked, begin: float, end: float) -> list[Series]:
    """What the queries of a panel are answered with, in their order; values that are no number are left out."""
    step = max(1.0, (end - begin) / 240)
    found = []
    for query in panel.queries:
        for row in ask(query.promql, begin, end, step):
            pairs = [(float(at), float(value)) for at, value in row["values"] if value not in ("NaN", "+Inf", "-Inf")]
            if pairs:
                found.append(Series(_legend(query.legend, row["metric"]), *zip(*pairs, strict=True)))
    return found


def draw(dashboard: Dashboard, ask: Asked, end: float, seconds: float = 3600.0) -> bytes:
    """Draw a dashboard.

    Args:
        dashboard: Which.
        ask: Answers its questions, see :func:`prometheus_at`.
        end: Until when, seconds since 1970.
        seconds: How much of the time before.

    Returns:
        The picture, as PNG.
    """
    from matplotlib.figure import Figure

    placed = list(dashboard.placed())
    rows = placed[-1][2] + 1
    height = _ROW_INCHES * rows + _HEAD_INCHES
    figure = Figure(figsize=(_INCHES, height), facecolor=_PAGE)
    for panel, column, row in placed:
        place = _Place(
            _INCHES * column / COLUMNS + _GAP,
            height - _HEAD_INCHES - _ROW_INCHES * (row + 1) + _GAP,
            _INCHES * panel.width / COLUMNS - 2 * _GAP,
            _ROW_INCHES - 2 * _GAP,
        )
        _draw_panel(figure, place, panel, ask_panel(panel, ask, end - seconds, end))
    title = f"{dashboard.title}, the last {_duration(seconds)}"
    across, up = 2 * _GAP / _INCHES, 1 - 0.5 * _HEAD_INCHES / height
    figure.text(across, up, title, fontsize=15, weight="bold", va="center", color=_INK)
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=90, facecolor=_PAGE, metadata={"Software": None})
    return picture.getvalue()


@dataclass(frozen=True)
class _Place:
    """A rectangle on the page, in inches."""

    left: float
    bottom: float
    width: float
    height: float

    def axes(self, figure: Figure, left: float = 0.0, top: float = 0.0, right: float = 0.0, low: float = 0.0) -> Axes:
        """What is drawn into it, without margins."""
        wide, high = figure.get_size_inches()
        rectangle = (self.left + left, self.bottom + low, self.width - left - right, self.height - top - low)
        return figure.add_axes(tuple(one / of for one, of in zip(rectangle, (wide, high, wide, high), strict=True)))


def _draw_panel(figure: Figure, place: _Place, panel: Panel, found: list[Series]) -> None:
    card = place.axes(figure)
    card.set_facecolor("white")
    card.set_xticks([])
    card.set_yticks([])
    for spine in card.spines.values():
        spine.set_color(_EDGE)
    card.set_xlim(0.0, place.width)
    card.set_ylim(place.height, 0.0)
    card.text(_PAD, _PAD + 0.04, panel.title, fontsize=10, weight="bold", color=_INK, va="top")
    lines = textwrap.wrap(panel.text, int(_SIGNS_AN_INCH * (place.width - 2 * _PAD)))[:2]
    card.text(_PAD, _PAD + 0.26, "\n".join(lines), fontsize=7, color=_FAINT, va="top", linespacing=1.25)
    top = _PAD + _TITLE_INCHES + len(lines) * _TEXT_INCHES + 0.12
    if not found:
        card.text(place.width / 2, place.height / 2 + 0.15, "nothing yet", ha="center", color=_FAINT, fontsize=9)
        return
    if panel.shape is Shape.LINES:
        _lines(place.axes(figure, _TICKS_INCHES, top, _PAD, _LOW_INCHES + _legend_inches(panel, found)), panel, found)
        return
    axes = place.axes(figure, _PAD, top, _PAD, _PAD)
    axes.set_axis_off()
    {Shape.NUMBERS: _numbers, Shape.BARS: _bars, Shape.STEPS: _steps}[panel.shape](axes, panel, found)


def _legend_inches(panel: Panel, found: list[Series]) -> float:
    return 0.16 * _legend_rows(panel, found) + 0.06


def _legend_columns(panel: Panel, found: list[Series]) -> int:
    longest = max(len(series.name) for series in found[:_MOST]) + 6
    return max(1, int(_SIGNS_AN_INCH * _INCHES * panel.width / COLUMNS / longest))


def _legend_rows(panel: Panel, found: list[Series]) -> int:
    return -(-min(len(found), _MOST) // _legend_columns(panel, found))


def _lines(axes: Axes, panel: Panel, found: list[Series]) -> None:
    last = max(series.seconds[-1] for series in found)
    for number, series in enumerate(found[:_MOST]):
        minutes = [(at - last) / 60 for at in series.seconds]
        few = "o" if len(minutes) < 3 else None
        axes.plot(
            minutes, series.values, label=series.name, color=_COLOURS[number % len(_COLOURS)], linewidth=1.5,
            marker=few, markersize=4, linestyle="--" if series.name.endswith(("promised", "upper end")) else "-",
        )  # fmt: skip
    if panel.limit is not None:
        axes.axhline(panel.limit, color=_WRONG, linewidth=0.9, linestyle=":")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_EDGE)
    axes.tick_params(labelsize=7, colors=_FAINT, length=2)
    axes.grid(axis="y", color=_EDGE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.locator_params(axis="y", nbins=4)
    axes.locator_params(axis="x", nbins=6)
    axes.margins(y=0.12)
    axes.xaxis.set_major_formatter(lambda value, _: "now" if abs(value) < 1e-9 else f"{value:g} min")
    axes.yaxis.set_major_formatter(lambda value, _: _said(value, panel.unit))
    below = -(_LOW_INCHES - 0.02) / _inches_of(axes)[1]
    axes.legend(
        fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(-0.02, below), borderaxespad=0.0,
        ncols=_legend_columns(panel, found), labelcolor=_INK, handlelength=1.4, columnspacing=1.2, labelspacing=0.25,
    )  # fmt: skip


def _numbers(axes: Axes, panel: Panel, found: list[Series]) -> None:
    shown, high = found[:_MOST], _inches_of(axes)[1]
    size = min(_TALLEST_ROW_INCHES, high / len(shown))
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(high, 0.0)
    for place, series in enumerate(shown):
        middle, value = (place + 0.5) * size, series.values[-1]
        wrong = value > panel.limit if panel.limit is not None else panel.unit is Unit.DOLLARS and value < 0.0
        by: dict[str, Any] = {"fontsize": min(16.0, 38 * size), "color": _WRONG if wrong else _RIGHT}
        axes.text(0.0, middle, series.name, fontsize=8, va="center", color=_INK)
        axes.text(1.0, middle, _said(value, panel.unit), weight="bold", va="center", ha="right", **by)
        if place:
            axes.axhline(place * size, color=_EDGE, linewidth=0.6)


def _bars(axes: Axes, panel: Panel, found: list[Series]) -> None:
    """Names, then bars to both sides of where nothing is, then values."""
    shown = list({series.name: series for series in found}.values())
    shown = sorted(shown, key=lambda series: -abs(series.values[-1]))[:_MOST]
    if any(series.values[-1] < 0.0 for series in shown):
        shown.sort(key=lambda series: -series.values[-1])
    wide, high = _inches_of(axes)
    size = min(0.24, high / len(shown))
    name = min(_WIDEST_NAME * wide, max(len(series.name) for series in shown) / (_SIGNS_AN_INCH - 1.5) + 0.08)
    told = [_said(series.values[-1], panel.unit) for series in shown]
    value = max(map(len, told)) / (_SIGNS_AN_INCH - 2.5) + 0.08
    values = [series.values[-1] for series in shown]
    lowest, highest = min(0.0, *values), max(0.0, *values)
    scale = (wide - name - value) / ((highest - lowest) or 1.0)
    zero = name - lowest * scale
    axes.set_xlim(0.0, wide)
    axes.set_ylim(high, 0.0)
    for place, (series, said) in enumerate(zip(shown, told, strict=True)):
        middle, length = (place + 0.5) * size, series.values[-1] * scale
        wrong = panel.limit is not None and series.values[-1] > panel.limit
        colour = _WRONG if wrong else _DOWN if length < 0 else _UP
        axes.barh(middle, length, left=zero, height=0.72 * size, color=colour)
        axes.text(0.0, middle, _short(series.name, name), fontsize=7.5, va="center", color=_INK)
        axes.text(wide, middle, said, fontsize=7.5, va="center", ha="right", weight="bold", color=_INK)
    if lowest < 0.0:
        axes.plot([zero, zero], [0.0, len(shown) * size], color=_FAINT, linewidth=0.7)


def _steps(axes: Axes, panel: Panel, found: list[Series]) -> None:
    """Upright bars in the order of their names."""
    shown = sorted(found, key=lambda series: series.name)
    values = [series.values[-1] for series in shown]
    axes.bar(range(len(shown)), values, color=_UP, width=0.85)
    axes.set_ylim(-0.16 * max(values, default=1.0), 1.15 * (max(values, default=1.0) or 1.0))
    for place, (series, value) in enumerate(zip(shown, values, strict=True)):
        by: dict[str, Any] = {"ha": "center", "fontsize": 6.5}
        axes.text(place, value, _said(value, panel.unit), va="bottom", weight="bold", color=_INK, **by)
        axes.text(place, 0.0, series.name.partition("-")[0], va="top", color=_FAINT, **by)


def _inches_of(axes: Axes) -> tuple[float, float]:
    """Width and height of what is drawn into."""
    box = axes.get_window_extent()
    dpi = axes.get_figure(root=True).dpi  # type: ignore[union-attr]  # it is on one
    return float(box.width / dpi), float(box.height / dpi)


def _short(name: str, inches: float) -> str:
    most = int(inches * _SIGNS_AN_INCH)
    return name if len(name) <= most else name[: max(most - 1, 1)] + "…"


def _legend(legend: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), legend).strip() or "all"


def _said(value: float, unit: Unit) -> str:
    match unit:
        case Unit.SHARE:
            return f"{value:.1%}"
        case Unit.SECONDS:
            return _duration(value)
        case Unit.HOURS:
            return f"{value:,.1f} h"
        case Unit.PER_SECOND:
            return f"{value:,.2f}/s"
        case Unit.PER_HOUR:
            return f"{value:,.0f}/h" if abs(value) >= 10 or value == int(value) else f"{value:.2g}/h"
        case Unit.BASIS_POINTS:
            return f"{value:,.1f} bp"
        case Unit.DOLLARS:
            return f"{'-' if value < 0 else ''}${abs(value):,.0f}"
        case Unit.CELSIUS:
            return f"{value:,.0f} °C"
        case Unit.YES:
            return "yes" if value else "no"
        case Unit.BYTES | Unit.NUMBER:
            return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _duration(seconds: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            return f"{seconds / size:,.1f} {name}"
    return f"{1000 * seconds:,.1f} ms" if seconds else "0 s"
