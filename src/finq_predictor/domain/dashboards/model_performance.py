"""Is the model as right as it was said to be, and is the world still the one that it learned?"""

from __future__ import annotations

from finq_predictor.domain.dashboards.panel import Dashboard, Panel, Query, Shape, Unit
from finq_predictor.domain.metrics.service import CONFIDENCE, MODEL, MODEL_AGE
from finq_predictor.domain.metrics.signals import ACCURACY, BATCH_CONFIDENCE, BRIER, HIT_RATE, OUTCOMES
from finq_predictor.domain.metrics.surroundings import PROMISED, REALISED, REALISED_HIGH
from finq_predictor.domain.monitoring.gauges import FEATURE_DRIFT, PREDICTION_DRIFT

_WHO = "{{market}} {{model}} {{version}}"


def _figure(title: str, text: str, figure: str, unit: Unit = Unit.SHARE) -> Panel:
    """A figure of the score-cards beside what was promised of it."""
    of = f'{{figure="{figure}",arm="champion"}}'
    queries = (
        Query(f"{REALISED.name}{of}", _WHO),
        Query(f"{REALISED_HIGH.name}{of}", f"{_WHO}, upper end"),
        Query(f"{PROMISED.name}{of}", f"{_WHO}, promised"),
    )
    return Panel(title, text, queries, unit, width=12)


MODEL_PERFORMANCE = Dashboard(
    "model-performance",
    "Model performance",
    (
        Panel(
            "Who answers",
            "The model of each market; provisional is said of one that the gate has not promoted.",
            (Query(MODEL.name, "{{market}}: {{name}} {{version}}, {{status}}"),),
            shape=Shape.NUMBERS,
            width=8,
        ),
        Panel(
            "Age of the model",
            "Bars since the last one that it learned from, as a share of those after which it abstains.",
            (Query(MODEL_AGE.name, "{{market}}"),),
            Unit.SHARE,
            Shape.NUMBERS,
            width=8,
            limit=0.9,
        ),
        Panel(
            "Features that drifted",
            "Against the training, with the false alarms of all tests together held to one in twenty runs.",
            (Query(f"sum by (market) ({FEATURE_DRIFT.name})", "{{market}}"),),
            shape=Shape.NUMBERS,
            width=8,
            limit=0.5,
        ),
        Panel(
            "Right by window, in batch",
            "Of bars that the champion had not seen; a window without 100 known outcomes is left out.",
            (Query(f'{ACCURACY.name}{{source="batch"}}', "{{market}} {{window}}"),),
            Unit.SHARE,
            Shape.BARS,
            width=8,
        ),
        Panel(
            "Right by window, as served",
            "The same of what callers were told before anybody could know.",
            (Query(f'{ACCURACY.name}{{source="served"}}', "{{market}} {{window}}"),),
            Unit.SHARE,
            Shape.BARS,
            width=8,
        ),
        Panel(
            "Signals that came true, a year",
            "By what they said; a model that is right on one side only has learned the market.",
            (Query(f'{HIT_RATE.name}{{window="365d"}}', "{{market}} {{source}} {{side}}"),),
            Unit.SHARE,
            Shape.BARS,
            width=8,
        ),
        Panel(
            "Brier score, a year",
            "Mean square of probability less outcome; .25 is what a coin gets.",
            (Query(f'{BRIER.name}{{window="365d"}}', "{{market}} {{source}}"),),
            shape=Shape.NUMBERS,
            width=6,
            limit=0.25,
        ),
        Panel(
            "Outcomes known, a year",
            "What these figures rest on.",
            (Query(f'{OUTCOMES.name}{{window="365d"}}', "{{market}} {{source}}"),),
            shape=Shape.NUMBERS,
            width=6,
        ),
        Panel(
            "How sure the last batch is",
            "Predictions by confidence; all at the left is a model that knows nothing.",
            (Query(f"sum by (confidence) ({BATCH_CONFIDENCE.name})", "{{confidence}}"),),
            shape=Shape.STEPS,
            width=6,
        ),
        Panel(
            "How sure answers are",
            "Half of all answers of a model are surer than its middle line, one in ten than its upper one.",
            tuple(
                Query(
                    f"histogram_quantile({share:g}, sum by (market, model, le) (rate({CONFIDENCE.name}_bucket[1h])))",
                    f"{{{{market}}}} {{{{model}}}} {share:.0%}",
                )
                for share in (0.5, 0.9)
            ),
            Unit.SHARE,
            width=6,
        ),
        _figure("Hit rate", "Where the upper end lies below what was promised, it is no bad week.", "hit_rate"),
        _figure(
            "Rank correlation",
            "Of the probability with the return, among the instruments of a bar.",
            "rank_ic",
            Unit.NUMBER,
        ),
        _figure(
            "Brier score", "Mean square of probability less outcome; .25 is what a coin gets.", "brier", Unit.NUMBER
        ),
        _figure("Calibration error", "How far probabilities are from what came true.", "ece"),
        Panel(
            "Features that moved most",
            "Population stability index of current values against the training, ten features of all markets.",
            (Query("topk(10, finq_feature_drift_psi)", "{{market}} {{feature}}"),),
            shape=Shape.BARS,
            width=12,
        ),
        Panel(
            "Predictions that moved",
            "The same of the probabilities, and 1 where they drifted.",
            (
                Query("finq_prediction_drift_psi", "{{market}}"),
                Query(PREDICTION_DRIFT.name, "{{market}} drifted"),
            ),
            shape=Shape.BARS,
            width=12,
        ),
    ),
)
