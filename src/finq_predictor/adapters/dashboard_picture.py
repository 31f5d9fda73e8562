"""A dashboard drawn from what Prometheus answers: for pages, mails, and wherever there is no Grafana."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

from finq_predictor.domain.dashboards import COLUMNS, Dashboard, Panel, Shape, Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 10
_INCHES, _ROW_INCHES, _HEAD_INCHES = 15.0, 2.9, 0.55
_LEFT_INCHES, _LOW_INCHES = 0.55, 0.4
_LONGEST = 44
_WRONG, _RIGHT = "#c03030", "#20603a"


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
    figure = Figure(figsize=(_INCHES, height))
    for panel, column, row in placed:
        left, wide = _INCHES * column / COLUMNS + _LEFT_INCHES, _INCHES * panel.width / COLUMNS - 1.5 * _LEFT_INCHES
        bottom = height - _HEAD_INCHES - _ROW_INCHES * (row + 1) + _LOW_INCHES
        high = _ROW_INCHES - _LOW_INCHES - _HEAD_INCHES
        axes = figure.add_axes((left / _INCHES, bottom / height, wide / _INCHES, high / height))
        _draw_panel(axes, panel, ask_panel(panel, ask, end - seconds, end))
    title = f"{dashboard.title}, the last {_duration(seconds)}"
    figure.text(_LEFT_INCHES / _INCHES, 1 - 0.5 * _HEAD_INCHES / height, title, fontsize=14, weight="bold", va="center")
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=80, metadata={"Software": None})
    return picture.getvalue()


def _draw_panel(axes: Axes, panel: Panel, found: list[Series]) -> None:
    axes.set_title(panel.title, fontsize=9, loc="left", weight="bold")
    axes.tick_params(labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if not found:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "nothing yet", ha="center", va="center", color="#777777", transform=axes.transAxes)
        return
    {Shape.LINES: _lines, Shape.NUMBERS: _numbers, Shape.BARS: _bars}[panel.shape](axes, panel, found)


def _lines(axes: Axes, panel: Panel, found: list[Series]) -> None:
    last = found[0].seconds[-1]
    for series in found[:_MOST]:
        minutes = [(at - last) / 60 for at in series.seconds]
        axes.plot(
            minutes,
            series.values,
            label=series.name[:_LONGEST],
            linewidth=1.3,
            marker="." if len(minutes) < 3 else None,
        )
    if panel.limit is not None:
        axes.axhline(panel.limit, color=_WRONG, linewidth=0.8, linestyle="--")
    axes.set_xlabel("minutes", fontsize=7)
    axes.yaxis.set_major_formatter(lambda value, _: _said(value, panel.unit))
    axes.legend(fontsize=6, frameon=False, loc="best")


def _numbers(axes: Axes, panel: Panel, found: list[Series]) -> None:
    axes.set_axis_off()
    shown = found[:_MOST]
    for place, series in enumerate(shown):
        height = 0.9 - (place + 0.5) * 0.9 / len(shown)
        value = series.values[-1]
        wrong = panel.limit is not None and value > panel.limit
        axes.text(0.0, height, series.name, fontsize=8, va="center", transform=axes.transAxes)
        axes.text(
            1.0, height, _said(value, panel.unit), fontsize=15 if len(shown) < 4 else 10, va="center", ha="right",
            color=_WRONG if wrong else _RIGHT, transform=axes.transAxes,
        )  # fmt: skip


def _bars(axes: Axes, panel: Panel, found: list[Series]) -> None:
    shown = sorted(found, key=lambda series: -abs(series.values[-1]))[:_MOST][::-1]
    values = [series.values[-1] for series in shown]
    axes.barh(range(len(shown)), values, color="#bcd3e8", height=0.8)
    axes.set_axis_off()
    axes.set_ylim(len(shown) - max(len(shown), 4) - 0.6, len(shown) - 0.4)
    for place, (series, value) in enumerate(zip(shown, values, strict=True)):
        by: dict[str, Any] = {"va": "center", "fontsize": 7, "transform": axes.get_yaxis_transform()}
        axes.text(0.01, place, series.name[:_LONGEST], **by)
        axes.text(0.99, place, _said(value, panel.unit), ha="right", weight="bold", **by)


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
            return f"{value:,.0f}/h"
        case Unit.BASIS_POINTS:
            return f"{value:,.1f} bp"
        case Unit.YES:
            return "yes" if value else "no"
        case Unit.BYTES | Unit.NUMBER:
            return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _duration(seconds: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            return f"{seconds / size:,.1f} {name}"
    return f"{1000 * seconds:,.1f} ms" if seconds else "0 s"
