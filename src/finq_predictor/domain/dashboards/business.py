"""What is asked, what is said, and what it would have earned."""

from __future__ import annotations

from finq_predictor.domain.dashboards.panel import Dashboard, Panel, Query, Shape, Unit
from finq_predictor.domain.metrics.service import NEWEST, PREDICTIONS, REQUESTS
from finq_predictor.domain.metrics.signals import (
    ATTRIBUTION,
    BOOK_DAYS,
    CAPITAL,
    DRAWDOWN,
    PER_HOUR,
    PNL,
    SHARPE,
    SILENT_DAYS,
)
from finq_predictor.domain.metrics.surroundings import PROMISED, REALISED

_SAID, _ASKED = PREDICTIONS.samples[0], REQUESTS.samples[0]
# What nobody has said yet is 0 of what was said, and not unknown.
_RATE = 'sum by (market) (rate({said}{{decision="{decision}"}}[15m])) or 0 * sum by (market) (rate({said}[15m]))'
_CARD, _WHO = 'arm="champion"', "{{market}} {{model}} {{version}}"
_YEAR, _BOOK = 'window="365d"', "{{market}} {{source}}"


def _of_a_year(title: str, text: str, metric: str, unit: Unit, limit: float | None = None) -> Panel:
    query = Query(f"{metric}{{{_YEAR}}}", _BOOK)
    return Panel(title, text, (query,), unit, Shape.NUMBERS, 6, limit)


def _parts(title: str, text: str, dimension: str) -> Panel:
    """What each part of a dimension earned, of all markets and sources."""
    of = f'{{{_YEAR},dimension="{dimension}"}}'
    legend = "{{market}} {{source}} {{part}}"
    best = Query(f"topk(5, {ATTRIBUTION.name}{of})", legend)
    worst = Query(f"bottomk(5, {ATTRIBUTION.name}{of})", legend)
    return Panel(title, text, (best, worst), Unit.DOLLARS, Shape.BARS, 6)


BUSINESS = Dashboard(
    "business",
    "Signals and what they were worth",
    (
        _of_a_year(
            "Profit of the paper book, a year",
            "Of trading on signals, after costs, at known prices; not what anybody earned.",
            PNL.name,
            Unit.DOLLARS,
        ),
        _of_a_year(
            "Sharpe ratio, a year",
            "Annualised; above 3 look for a mistake before you believe it.",
            SHARPE.name,
            Unit.NUMBER,
        ),
        _of_a_year(
            "Largest fall, a year",
            "From a high, as a share of the capital; beyond the limit somebody is told.",
            DRAWDOWN.name,
            Unit.SHARE,
            0.15,
        ),
        Panel(
            "Days without a signal",
            "Trading days on which something was said, and nothing to be acted upon.",
            (Query(SILENT_DAYS.name, _BOOK),),
            shape=Shape.NUMBERS,
            width=6,
            limit=1.0,
        ),
        Panel(
            "Profit by window",
            "Where anything was held; batch is what the champion says by itself, served what callers were told.",
            (Query(f"sum by (source, window) ({PNL.name}) != 0", "{{source}} {{window}}"),),
            Unit.DOLLARS,
            Shape.BARS,
            width=8,
        ),
        Panel(
            "Paper return a day",
            "Of acting upon what was said, after costs, beside what the backtest promised.",
            (
                Query(f'{REALISED.name}{{figure="paper_net_bp",{_CARD}}}', _WHO),
                Query(f'{PROMISED.name}{{figure="paper_net_bp",{_CARD}}}', f"{_WHO}, promised"),
            ),
            Unit.BASIS_POINTS,
            width=8,
        ),
        Panel(
            "What the book rests on",
            "Its days within a year, and the capital that it is reckoned with.",
            (
                Query(f"{BOOK_DAYS.name}{{{_YEAR}}}", f"{_BOOK}, days"),
                Query(CAPITAL.name, f"{_BOOK}, dollars"),
            ),
            shape=Shape.NUMBERS,
            width=8,
        ),
        _parts("Profit by instrument", "Those that earned most and lost most within a year.", "instrument"),
        _parts("Profit by sector", "Of markets that have sectors; the hedge is a part of its own.", "sector"),
        _parts("Profit by side", "Bought, sold short, and the hedge with the benchmark.", "side"),
        _parts("Profit by hours of the day", "UTC; of markets whose bars are shorter than a day.", "hours"),
        Panel(
            "Signals an hour",
            "Bars and instruments with a signal, over the last week of bars.",
            (Query(f'{PER_HOUR.name}{{window="7d"}}', _BOOK),),
            Unit.PER_HOUR,
            Shape.NUMBERS,
            width=6,
        ),
        Panel(
            "Answers to act upon",
            "Predictions an hour that say to act, of each market, as callers ask for them.",
            (Query(f"({_RATE.format(said=_SAID, decision='predict')}) * 3600", "{{market}}"),),
            Unit.PER_HOUR,
            width=9,
        ),
        Panel(
            "Share of answers that abstain",
            "A model that abstains more than it did has too little confidence, old bars, or rows it has never seen.",
            (
                Query(
                    f"({_RATE.format(said=_SAID, decision='abstain')}) / sum by (market) (rate({_SAID}[15m]))",
                    "{{market}}",
                ),
            ),
            Unit.SHARE,
            width=9,
        ),
        Panel(
            "What is said",
            "Predictions given since the service began, by decision.",
            (Query(f"sum by (market, decision) ({_SAID})", "{{market}} {{decision}}"),),
            shape=Shape.BARS,
            width=8,
        ),
        Panel(
            "Who is asked",
            "Requests an hour, by route.",
            (Query(f"sum by (route) (rate({_ASKED}[15m])) * 3600", "{{route}}"),),
            Unit.PER_HOUR,
            Shape.BARS,
            width=8,
        ),
        Panel(
            "Right answers",
            "Share of what matured that came true, by version.",
            (Query(f'{REALISED.name}{{figure="hit_rate",{_CARD}}}', _WHO),),
            Unit.SHARE,
            Shape.NUMBERS,
            width=4,
        ),
        Panel(
            "Markets that are served",
            "Each with a bar.",
            (Query(f"count({NEWEST.name})", "markets"),),
            shape=Shape.NUMBERS,
            width=4,
        ),
    ),
)
