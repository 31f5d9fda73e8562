"""What is asked, what is said, and what it would have earned."""

from __future__ import annotations

from finq_predictor.domain.dashboards.panel import Dashboard, Panel, Query, Shape, Unit
from finq_predictor.domain.metrics.service import NEWEST, PREDICTIONS, REQUESTS
from finq_predictor.domain.metrics.surroundings import PROMISED, REALISED

_SAID, _ASKED = PREDICTIONS.samples[0], REQUESTS.samples[0]
_CARD, _WHO = 'arm="champion"', "{{market}} {{model}} {{version}}"

BUSINESS = Dashboard(
    "business",
    "Signals and what they were worth",
    (
        Panel(
            "Signals an hour",
            "Predictions that say to act, of each market.",
            (Query(f'sum by (market) (rate({_SAID}{{decision="predict"}}[15m])) * 3600', "{{market}}"),),
            Unit.PER_HOUR,
            width=12,
        ),
        Panel(
            "Share of answers that abstain",
            "A model that abstains more than it did has too little confidence, old bars, or rows it has never seen.",
            (
                Query(
                    f'sum by (market) (rate({_SAID}{{decision="abstain"}}[15m]))'
                    f" / sum by (market) (rate({_SAID}[15m]))",
                    "{{market}}",
                ),
            ),
            Unit.SHARE,
            width=12,
        ),
        Panel(
            "What is said",
            "Predictions given since the service began, by decision.",
            (Query(f"sum by (market, decision) ({_SAID})", "{{market}} {{decision}}"),),
            shape=Shape.BARS,
            width=12,
        ),
        Panel(
            "Who is asked",
            "Requests an hour, by route.",
            (Query(f"sum by (route) (rate({_ASKED}[15m])) * 3600", "{{route}}"),),
            Unit.PER_HOUR,
            width=12,
        ),
        Panel(
            "Paper return a day",
            "Of acting upon what was said, after costs, beside what the backtest promised.",
            (
                Query(f'{REALISED.name}{{figure="paper_net_bp",{_CARD}}}', _WHO),
                Query(f'{PROMISED.name}{{figure="paper_net_bp",{_CARD}}}', f"{_WHO}, promised"),
            ),
            Unit.BASIS_POINTS,
            width=12,
        ),
        Panel(
            "Right answers",
            "Share of what matured that came true.",
            (Query(f'{REALISED.name}{{figure="hit_rate",{_CARD}}}', _WHO),),
            Unit.SHARE,
            Shape.NUMBERS,
            width=6,
        ),
        Panel(
            "Markets that are served",
            "Each with a bar.",
            (Query(f"count({NEWEST.name})", "markets"),),
            shape=Shape.NUMBERS,
            width=6,
        ),
    ),
)
