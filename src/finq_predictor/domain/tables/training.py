"""What training leaves behind: folds, trials, the leak meter and the walk-forward."""

from __future__ import annotations

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.tables.schema import COUNT, FLAG, NUMBER, TEXT, TIME, Column, Layer, Table

FOLDS = Table(
    "folds",
    Layer.MODELS,
    "training",
    "A fold of the walk-forward with the arithmetic of its gap.",
    (
        Column("fold", COUNT, "Its number, from 1.", low=1),
        Column("train_start", TIME, "First bar trained on.", "UTC"),
        Column("train_end", TIME, "Last bar trained on.", "UTC"),
        Column("label_end_max", TIME, "When the last training label was known.", "UTC"),
        Column("purge_bars", COUNT, "Bars left out because their labels reach into the test.", "bars", low=0),
        Column("embargo_bars", COUNT, "Bars left out besides.", "bars", low=0),
        Column("test_start", TIME, "First bar tested on.", "UTC"),
        Column("test_end", TIME, "Last bar tested on.", "UTC"),
        Column("n_train", COUNT, "Training rows.", "rows", low=1),
        Column("n_test", COUNT, "Test rows.", "rows", low=1),
        Column("n_purged", COUNT, "Rows before the test that are not trained on.", "rows", low=0),
        Column("sealed", FLAG, "Whether what happened in its test stays unknown until a candidate has passed."),
    ),
    key=("fold",),
    not_below=(("test_start", "label_end_max"), ("test_end", "test_start")),
)

TRIALS = Table(
    "trials",
    Layer.MODELS,
    "training",
    "A trial of the search for hyper-parameters.",
    (
        Column("trial", COUNT, "Its number within the model, from 0.", low=0),
        Column("model", TEXT, "Name of the model."),
        Column("objective", TEXT, "What was optimised."),
        Column(
            "value", NUMBER, "Mean of the objective over the inner folds it has seen.", "of the objective", known=0.0
        ),
        Column("duration_s", NUMBER, "How long it took.", "seconds", known=0.0, low=0.0),
        Column("state", TEXT, "How it ended."),
        Column("params", TEXT, "The values tried, as JSON."),
    ),
    key=("model", "trial"),
)

LEAK_METER = Table(
    "leak_meter",
    Layer.MODELS,
    "training",
    "What one model seems to be able to do under one way of splitting the rows.",
    (
        Column("model", TEXT, "Name of the model."),
        Column("split", TEXT, "`random_rows`, which leaks, or `purged`, which does not."),
        Column("accuracy", NUMBER, "Share of right answers.", "fraction", low=0.0, high=1.0),
        Column(
            "auc",
            NUMBER,
            "Area under the ROC curve; NaN with labels of one kind.",
            "fraction",
            known=0.0,
            low=0.0,
            high=1.0,
        ),
        Column("n", COUNT, "Rows tested.", "rows", low=0),
    ),
    key=("model", "split"),
)

STUDY = Table(
    "study",
    Layer.REPORTS,
    "training",
    "A figure of a model that a study found, with one seed on one path through the history.",
    (
        Column("market", TEXT, "Name of the market."),
        Column("protocol", TEXT, "How rows were divided: `expanding`, `rolling` or `combinatorial`."),
        Column("horizon", COUNT, "Bars over which a label reaches.", "bars", low=1),
        Column("seed", COUNT, "Seed of the training; models that draw nothing have the first one only.", low=0),
        Column("path", COUNT, "Path through the history, from 1; a walk-forward has one.", low=1),
        Column("model", TEXT, "Name of the model."),
        Column("metric", TEXT, "What was measured."),
        Column("value", NUMBER, "Its value; NaN where it is not defined.", "of the metric", known=0.0),
        Column("ci_low", NUMBER, "Lower end of its interval.", "of the metric", known=0.0),
        Column("ci_high", NUMBER, "Upper end of its interval.", "of the metric", known=0.0),
        Column("n_days", COUNT, "Days that it was measured on.", "days", low=0),
    ),
    key=("protocol", "horizon", "seed", "path", "model", "metric"),
)

_SAID = (
    Column(TS, TIME, "Close of the bar.", "UTC"),
    Column(INSTRUMENT, TEXT, "Name of the instrument."),
    Column("fold", COUNT, "The fold whose test the bar is in.", low=1),
    Column("model", TEXT, "Name of the model."),
    Column("kind", TEXT, "`naive` or `candidate`."),
    Column("score", NUMBER, "What the model gives before calibration.", "of the model"),
    Column("probability", NUMBER, "Calibrated probability that the label is 1.", "0 to 1", low=0.0, high=1.0),
)
_FITS = "Share of the held-out rows with the answer {}, this one among them, that looked no more like it."
_P_VALUES = tuple(
    Column(f"p_{answer}", NUMBER, _FITS.format(answer), "0 to 1", optional=True, low=0.0, high=1.0)
    for answer in ("yes", "no")
)

OOS_PREDICTIONS = Table(
    "oos_predictions",
    Layer.PREDICTIONS,
    "training",
    "What a model, fitted on what came before, said of a bar it had not seen, and what then happened, if anything.",
    (
        *_SAID,
        *_P_VALUES,
        Column("label", NUMBER, "What happened; none after a tie.", "0 or 1", known=0.0, choices=(0.0, 1.0)),
        Column("forward_return", NUMBER, "The return the label is about.", "fraction", known=0.0),
        Column("label_end", TIME, "When it was known.", "UTC", known=0.0),
    ),
    key=("model", TS, INSTRUMENT),
    not_below=(("label_end", TS),),
)

SEALED_PREDICTIONS = Table(
    "sealed_predictions",
    Layer.PREDICTIONS,
    "training",
    "What a model said of the last bars of the history, which no choice may look at; what happened is not told.",
    _SAID,
    key=("model", TS, INSTRUMENT),
)
