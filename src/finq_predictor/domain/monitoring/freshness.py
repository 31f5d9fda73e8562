"""How fresh, complete and valid the data are, and the same as Prometheus text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS, UTC_MICROSECONDS
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.monitoring.drift import Subject, measuring

FRESHNESS_COLUMNS = ("layer", "pipeline", "latest", "hours", "open_hours", "limit_hours", "stale", "valid", "problem")
MISSING_COLUMNS = ("feature", "missing_ratio", "reference_ratio", "alert")
_FX_WEEKEND = (pd.Timedelta(days=4, hours=22), pd.Timedelta(days=6, hours=22))  # Friday to Sunday 22:00, from Monday
_EQUITY_WEEKEND = (pd.Timedelta(days=5), pd.Timedelta(days=7))


def resolve_as_of(as_of: str, bars: pd.DataFrame) -> pd.Timestamp:
    """Turn the as-of parameter into a time.

    Args:
        as_of: ``"latest"`` for the last bar, or an ISO time; without zone it is UTC.
        bars: Bars with ``ts``.

    Raises:
        ConfigurationError: If it is neither, or there is no bar to be the latest.
    """
    if as_of == "latest":
        if bars.empty:
            raise ConfigurationError("as_of is 'latest' but there are no bars; run ingestion or give an ISO time.")
        return pd.Timestamp(bars[TS].max())
    try:
        time = pd.Timestamp(as_of)
    except ValueError:
        time = pd.NaT
    if time is pd.NaT:
        raise ConfigurationError(f"as_of is {as_of!r}; give 'latest' or an ISO time such as 2024-05-31T21:00:00Z.")
    return time.tz_localize("UTC") if time.tz is None else time.tz_convert("UTC")


def open_hours_between(start: pd.Timestamp, end: pd.Timestamp, market: Market) -> float:
    """Count the hours between two times that are not in a week-end of the market.

    Args:
        start: Earlier time, UTC.
        end: Later time, UTC; before ``start`` the result is negative clock time.
        market: An FX week-end lasts from Friday to Sunday 22:00 UTC, an equity week-end Saturday and Sunday.

    Returns:
        Hours. Holidays count as open.
    """
    if end <= start:
        return float((end - start) / pd.Timedelta(hours=1))
    opens, closes = _FX_WEEKEND if market.calendar == "24/5" else _EQUITY_WEEKEND
    monday = start.normalize() - pd.Timedelta(days=start.weekday())
    closed = pd.Timedelta(0)
    while monday < end:
        overlap = min(end, monday + closes) - max(start, monday + opens)
        closed += max(overlap, pd.Timedelta(0))
        monday += pd.Timedelta(days=7)
    return float((end - start - closed) / pd.Timedelta(hours=1))


@dataclass(frozen=True)
class Layer:
    """A table whose freshness is watched.

    Attributes:
        name: Layer, such as ``"silver"``.
        pipeline: The pipeline that writes it.
        table: Rows with ``ts`` and ``instrument``.
    """

    name: str
    pipeline: str
    table: pd.DataFrame


def measure_layers(layers: Iterable[Layer], as_of: pd.Timestamp, market: Market, limit_hours: float) -> pd.DataFrame:
    """Measure age and validity of each layer.

    Args:
        layers: The tables.
        as_of: The time at which age is measured.
        market: Its week-ends do not age data.
        limit_hours: Above so many hours outside week-ends a layer is stale.

    Returns:
        One row per layer, see ``FRESHNESS_COLUMNS``. An empty layer has NaN hours, is stale and not valid.
    """
    rows = []
    for layer in layers:
        problem = _problem(layer.table, as_of)
        latest = layer.table[TS].max() if len(layer.table) else pd.NaT
        known = latest is not pd.NaT
        open_hours = open_hours_between(latest, as_of, market) if known else np.nan
        rows.append(
            {
                "layer": layer.name,
                "pipeline": layer.pipeline,
                "latest": latest,
                "hours": (as_of - latest) / pd.Timedelta(hours=1) if known else np.nan,
                "open_hours": open_hours,
                "limit_hours": limit_hours,
                "stale": not open_hours <= limit_hours,
                "valid": problem == "",
                "problem": problem,
            }
        )
    table = pd.DataFrame(rows, columns=list(FRESHNESS_COLUMNS))
    latest = pd.to_datetime(table["latest"], utc=True).astype(UTC_MICROSECONDS)
    return table.assign(latest=latest).astype({"stale": "bool", "valid": "bool"})


def _problem(table: pd.DataFrame, as_of: pd.Timestamp) -> str:
    if table.empty:
        return "no rows"
    doubles = int(table.duplicated([TS, INSTRUMENT]).sum())
    if doubles:
        return f"{doubles} rows repeat a time and instrument"
    future = int((table[TS] > as_of).sum())
    return f"{future} rows are later than {as_of.isoformat()}" if future else ""


def measure_missing_rates(
    current: pd.DataFrame, names: Sequence[str], reference: Mapping[str, float], tolerance: float
) -> pd.DataFrame:
    """Measure which share of each feature is missing now and was in training.

    Args:
        current: Current rows.
        names: Features; one that is no column of ``current`` is missing altogether.
        reference: Missing share in training, by feature; absent means unknown.
        tolerance: An alert is raised when the share exceeds the one in training by more than this.

    Returns:
        One row per feature, see ``MISSING_COLUMNS``; ratios in [0, 1], NaN where unknown.
    """
    ratios = [float(current[name].isna().mean()) if name in current and len(current) else 1.0 for name in names]
    before = [float(reference.get(name, np.nan)) for name in names]
    table = pd.DataFrame({"feature": list(names), "missing_ratio": ratios, "reference_ratio": before})
    allowed = table["reference_ratio"].fillna(0.0) + tolerance
    return table.assign(alert=table["missing_ratio"] > allowed).astype({"missing_ratio": "float64"})


@dataclass(frozen=True)
class Gauge:
    """A Prometheus gauge.

    Attributes:
        name: Metric name, ``finq_<noun>_<unit>``.
        text: What it measures, one line.
        samples: Labels and value of each sample; NaN is allowed.
    """

    name: str
    text: str
    samples: Sequence[tuple[Mapping[str, str], float]] = field(default_factory=tuple)


def prometheus_text(gauges: Iterable[Gauge]) -> str:
    """Write gauges in the Prometheus text exposition format 0.0.4.

    Args:
        gauges: The gauges; one without samples is left out.

    Returns:
        Text that ends with a line break, samples in the order given.
    """
    lines = []
    for gauge in gauges:
        if not gauge.samples:
            continue
        lines += [f"# HELP {gauge.name} {_escaped_help(gauge.text)}", f"# TYPE {gauge.name} gauge"]
        for labels, value in gauge.samples:
            inside = ",".join(f'{name}="{_escaped_label(text)}"' for name, text in labels.items())
            lines.append(f"{gauge.name}{{{inside}}} {_number(value)}" if inside else f"{gauge.name} {_number(value)}")
    return "\n".join(lines) + "\n" if lines else ""


def _escaped_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _escaped_label(text: str) -> str:
    return _escaped_help(text).replace('"', '\\"')


def _number(value: float) -> str:
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))


def monitoring_gauges(
    market: str, freshness: pd.DataFrame, missing_rates: pd.DataFrame, drift: pd.DataFrame
) -> list[Gauge]:
    """Turn the three monitoring tables into gauges.

    Args:
        market: Value of the ``market`` label.
        freshness: See ``measure_layers``.
        missing_rates: See ``measure_missing_rates``.
        drift: See ``drift.feature_drift`` and ``drift.prediction_drift``, one below the other.
    """
    base = {"market": market}
    features = drift[drift["kind"] == "feature"]
    predictions = drift[drift["kind"] == "prediction"]

    def per_layer(column: str) -> list[tuple[dict[str, str], float]]:
        rows = zip(freshness["layer"], freshness["pipeline"], freshness[column], strict=True)
        return [({**base, "layer": layer, "pipeline": pipeline}, float(value)) for layer, pipeline, value in rows]

    def per_feature(table: pd.DataFrame, key: str, column: str) -> list[tuple[dict[str, str], float]]:
        return [
            ({**base, "feature": name}, float(value)) for name, value in zip(table[key], table[column], strict=True)
        ]

    return [
        Gauge("finq_data_freshness_hours", "Hours since the newest row of a layer", per_layer("hours")),
        Gauge("finq_data_stale_status", "1 when a layer is older than its limit outside week-ends", per_layer("stale")),
        Gauge("finq_validation_status", "1 when a layer passes its checks", per_layer("valid")),
        Gauge(
            "finq_feature_missing_ratio",
            "Share of current rows without a value",
            per_feature(missing_rates, "feature", "missing_ratio"),
        ),
        *(
            Gauge(
                f"finq_feature_drift_{test.name}",
                f"{test.meaning} of current values from training",
                per_feature(features, "name", test.name),
            )
            for test in measuring(Subject.FEATURE)
        ),
        Gauge("finq_feature_drift_status", "1 when a feature drifted", per_feature(features, "name", "drifted")),
        *(
            Gauge(
                f"finq_prediction_drift_{test.name}",
                f"{test.meaning} of current predictions from training",
                [(base, float(value)) for value in predictions[test.name]],
            )
            for test in measuring(Subject.PREDICTION)
        ),
        Gauge(
            "finq_prediction_drift_status",
            "1 when the predictions drifted",
            [(base, float(value)) for value in predictions["drifted"]],
        ),
    ]
