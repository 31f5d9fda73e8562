"""The monitoring page: verdict first, then tables, then pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.training_profile import ColumnProfile
from finq_predictor.domain.monitoring.drift import DRIFT_TESTS, Subject, limits, measuring
from finq_predictor.domain.monitoring.drift.base import shares_in_training, shares_now
from finq_predictor.domain.monitoring.drift.features import DISTANCE, USUAL

_CALM, _ALARM, _PAST = "#4c78a8", "#c44e52", "#b8bec9"
_MOST_BARS, _MOST_PANELS = 20, 6


@dataclass(frozen=True)
class Page:
    """What the page shows; the tables are those of ``domain.monitoring``."""

    market: Market
    freshness: pd.DataFrame
    missing_rates: pd.DataFrame
    drift: pd.DataFrame
    current: pd.DataFrame
    champion: ModelBundle
    provenance: Provenance
    window_days: int
    thresholds: Mapping[str, float]


@dataclass(frozen=True)
class Verdict:
    """One sentence of the page's head: whether all is well, and what was found."""

    well: bool
    text: str


def verdicts(page: Page) -> list[Verdict]:
    """Say in plain words what was found: age, validity, completeness, features, predictions."""
    stale = page.freshness[page.freshness["stale"]]
    broken = page.freshness[~page.freshness["valid"]]
    missing = page.missing_rates[page.missing_rates["alert"]]
    features = page.drift[page.drift["kind"] == "feature"]
    drifted = features[features["drifted"]]
    prediction = page.drift[page.drift["kind"] == "prediction"].iloc[0]
    limit = f"{page.freshness['limit_hours'].iloc[0]:g} h"
    return [
        Verdict(
            stale.empty,
            f"All layers are fresh: none is older than {limit} while the market is open."
            if stale.empty
            else f"Stale data: {_listed(stale['layer'])} older than {limit} while the market is open.",
        ),
        Verdict(
            broken.empty,
            "All layers pass their checks."
            if broken.empty
            else "Checks failed: " + "; ".join(f"{row.layer}: {row.problem}" for row in broken.itertuples()) + ".",
        ),
        Verdict(
            missing.empty,
            "No feature misses more values than in training."
            if missing.empty
            else f"More values are missing than in training: {_listed(missing['feature'])}.",
        ),
        Verdict(
            drifted.empty,
            f"No feature drifted over the last {page.window_days} dates ({len(features)} looked at)."
            if drifted.empty
            else f"{len(drifted)} of {len(features)} features drifted: {_listed(drifted['name'])}.",
        ),
        prediction_verdict(prediction, page.thresholds),
    ]


def prediction_verdict(row: pd.Series, thresholds: Mapping[str, float]) -> Verdict:
    """Say whether predictions moved.

    Args:
        row: The drift row of the predictions; a NaN distance means that there are none.
        thresholds: What the parameters say instead of the tests' own thresholds.
    """
    if np.isnan(row[DISTANCE.name]):
        return Verdict(False, "There are no current predictions to compare with training.")
    bounds = limits(Subject.PREDICTION, thresholds)
    found = {name: f"{DRIFT_TESTS[name].title} {row[name]:.3f}" for name in bounds}
    said = "; ".join(f"{found[name]}, alarm above {bound:g}" for name, bound in bounds.items())
    if row["drifted"]:
        return Verdict(False, f"Predictions drifted away from training ({said}).")
    if large := [found[name] for name, bound in bounds.items() if row[name] > bound]:
        return Verdict(True, f"Predictions look like training: {large[0]} is large, but usual for a window.")
    return Verdict(True, f"Predictions look like training ({said}).")


def _listed(names: pd.Series, most: int = 8) -> str:
    shown = [str(name) for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")


def render_page(page: Page) -> str:
    """Render the page as one HTML document without any outside reference."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("finq_predictor.reports", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    found = verdicts(page)
    features = page.drift[page.drift["kind"] == "feature"]
    loudest = list(limits(Subject.FEATURE, {}))
    features = features.sort_values(
        ["drifted", "p_value", *loudest], ascending=[False, True, *(False for _ in loudest)], kind="stable"
    )
    missing = page.missing_rates.sort_values(["alert", "missing_ratio"], ascending=False, kind="stable")
    return environment.get_template("monitoring.html.j2").render(
        market=page.market.name,
        verdicts=found,
        well=all(verdict.well for verdict in found),
        simulated=page.provenance.simulated or page.champion.origin.simulated,
        provenance=page.provenance,
        champion=page.champion,
        freshness=page.freshness.to_dict("records"),
        missing=missing.head(_MOST_BARS).to_dict("records"),
        features=features.to_dict("records"),
        measures={test.name: test.title for test in measuring(Subject.FEATURE)},
        distance=DISTANCE,
        usual=USUAL,
        window_days=page.window_days,
        first=page.current["ts"].min(),
        last=page.current["ts"].max(),
        moved_plot=moved_plot(features),
        shares_plot=shares_plot(features, page.champion.profile.features, page.current),
    )


def moved_plot(features: pd.DataFrame) -> str:
    """Draw how far features lie from training beside how far windows of that length usually do, as inline SVG.

    Args:
        features: Drift rows of features, the most unusual first.
    """
    from matplotlib.figure import Figure

    shown = features.head(_MOST_BARS).iloc[::-1]
    figure = Figure(figsize=(9, 1.0 + 0.26 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(shown))
    colours = [_ALARM if drifted else _CALM for drifted in shown["drifted"]]
    axes.barh(places, shown[DISTANCE.name].fillna(0.0), color=colours, height=0.7, label="now (red: drifted)")
    axes.plot(shown[USUAL], places, "|", color="#333333", markersize=11, markeredgewidth=2, label="usual")
    axes.set_yticks(places, shown["name"], fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"{DISTANCE.meaning} from training (0: the same, 1: no overlap)", fontsize=9)
    figure.legend(loc="outside upper right", ncols=2, fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def shares_plot(features: pd.DataFrame, reference: Mapping[str, ColumnProfile], current: pd.DataFrame) -> str:
    """Draw, for the features with the largest index, the share of rows per training bin then and now, as inline SVG."""
    from matplotlib.figure import Figure

    names = [name for name in features["name"].head(_MOST_PANELS) if name in current]
    if not names:
        return ""
    figure = Figure(figsize=(9, 2.1 * -(-len(names) // 3)), layout="constrained")
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(-(-len(names) // 3), 3, place)
        column = reference[name]
        then = shares_in_training(column)
        now = shares_now(column, current[name].to_numpy(dtype="float64"))
        bins = np.append(np.arange(len(then) - 1), len(then))  # a gap before the missing ones
        axes.bar(bins - 0.2, 100 * then, width=0.4, color=_PAST, label="training")
        axes.bar(bins + 0.2, 100 * now, width=0.4, color=_CALM, label="now")
        axes.set_title(name, fontsize=9)
        axes.set_xticks([bins[0], bins[-2], bins[-1]], ["low", "high", "none"], fontsize=8)
        axes.tick_params(axis="y", labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        if place % 3 == 1:
            axes.set_ylabel("rows, %", fontsize=8)
        if place == 1:
            figure.legend(loc="outside upper right", ncols=2, fontsize=8, frameon=False)
    figure.supxlabel("training quantile bin of the feature's value (none = missing)", fontsize=9)
    return _svg(figure)


def _svg(figure: Any) -> str:
    """Return a figure as SVG that is the same for the same data."""
    import matplotlib as mpl

    target = StringIO()
    with mpl.rc_context({"svg.hashsalt": "finq", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    text = target.getvalue()
    return text[text.index("<svg") :]
