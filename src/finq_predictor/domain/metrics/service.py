"""What the API says of itself at ``/metrics``."""

from __future__ import annotations

from finq_predictor.domain.metrics.base import Kind, Metric

REQUESTS = Metric("finq_prediction_requests", Kind.COUNTER, "Requests by route and status.", ("route", "status"))
DURATION = Metric(
    "finq_prediction_duration_seconds",
    Kind.HISTOGRAM,
    "Time from the first byte of a request to the last of its answer.",
    ("route",),
    "seconds",
)
ERRORS = Metric("finq_prediction_errors", Kind.COUNTER, "Requests that got an error, by its type.", ("route", "type"))
PREDICTIONS = Metric("finq_predictions", Kind.COUNTER, "Predictions given, by decision.", ("market", "decision"))
CONFIDENCE = Metric(
    "finq_prediction_confidence_ratio",
    Kind.HISTOGRAM,
    "How sure the predictions were that were given: twice the distance of the probability from a half.",
    ("market", "model"),
)
LOOKUPS = Metric(
    "finq_answer_lookups",
    Kind.COUNTER,
    "Times that the answers of a bar were looked for, by where they were: remembered, shared in Redis, or computed.",
    ("market", "found"),
)
FEATURE_LOOKUPS = Metric(
    "finq_feature_lookups",
    Kind.COUNTER,
    "Times that the features of a bar were looked for, by where they were: remembered, stored by a run, or computed.",
    ("market", "found"),
)
FALLBACKS = Metric(
    "finq_inference_fallbacks",
    Kind.COUNTER,
    "Requests scored in process because the inference service failed.",
    ("market",),
)
RETRIEVAL = Metric(
    "finq_feature_retrieval_duration_seconds",
    Kind.HISTOGRAM,
    "Time until the features of a bar were there that was not remembered.",
    ("market",),
    "seconds",
)
MODEL = Metric(
    "finq_model_info",
    Kind.GAUGE,
    "1 for the model that is served, of any worker.",
    ("market", "name", "version", "status", "simulated"),
)
MODEL_AGE = Metric(
    "finq_model_age_ratio",
    Kind.GAUGE,
    "Bars since the last one that the model was trained on, as a share of those after which it abstains.",
    ("market",),
)
NEWEST = Metric(
    "finq_newest_bar_timestamp_seconds",
    Kind.GAUGE,
    "Close of the newest bar, of the worker that is behind.",
    ("market",),
    "seconds since 1970",
)
WATCH_AGE = Metric(
    "finq_watch_age_seconds",
    Kind.GAUGE,
    "Time since new files were last looked for, of the worker that has not looked for longest.",
    (),
    "seconds",
)
READY = Metric("finq_ready", Kind.GAUGE, "1 when requests can be answered, by every worker.")
UNRECORDED = Metric("finq_served_unrecorded", Kind.COUNTER, "Answers and feedback that were not recorded.")
COMPARED_FAILURES = Metric(
    "finq_compared_failures",
    Kind.COUNTER,
    "Times that a model which is compared could not answer, by its role.",
    ("market", "arm"),
)
SPOOL_BYTES = Metric("finq_served_spool_bytes", Kind.GAUGE, "Bytes that lie in the spool.", (), "bytes")
WAITING = Metric("finq_served_waiting_lines", Kind.GAUGE, "Lines that wait to be stored.", (), "lines")
BEHIND = Metric("finq_served_behind_seconds", Kind.GAUGE, "Age of the moment until which all is stored.", (), "seconds")
SPOILT = Metric(
    "finq_served_spoilt_lines",
    Kind.GAUGE,
    "Lines that could not be read, since the keeper was started.",
    (),
    "lines",
)
STORE_PROBLEM = Metric("finq_served_store_problem", Kind.GAUGE, "1 when the store does not take what is recorded.")
OF_SERVICE = (
    *(
        REQUESTS,
        DURATION,
        ERRORS,
        PREDICTIONS,
        CONFIDENCE,
        LOOKUPS,
        FEATURE_LOOKUPS,
        FALLBACKS,
        RETRIEVAL,
        MODEL,
        MODEL_AGE,
        NEWEST,
        WATCH_AGE,
        READY,
    ),
    *(UNRECORDED, COMPARED_FAILURES, SPOOL_BYTES, WAITING, BEHIND, SPOILT, STORE_PROBLEM),
)
