"""The page of a study, in the order of a reader's questions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.evaluation.study_figures import spread_of
from finq_predictor.domain.market.markets import Market
from finq_predictor.reports.figures import Image
from finq_predictor.reports.formatting import day, minute, number, thousands
from finq_predictor.reports.pages import Build, Frame, render_page
from finq_predictor.reports.study.plots import families_plot, gaps_plot, leaks_plot
from finq_predictor.reports.style import Tone
from finq_predictor.reports.tables import Cell, Row, Table

FIRST = "rank_ic"
MINUTES_OF_A_DAY = 1440
METRICS = (FIRST, "auc", "accuracy", "brier_skill", "log_loss", "ece")


@dataclass(frozen=True)
class StudyResults:
    """What the page is made from.

    Attributes:
        market: The market.
        study: The table ``study``.
        leaks: What a random split would have pretended, by horizon and seed.
        gaps: The gap arithmetic of every horizon.
        splits: What was trained and tested on, by split.
        protocol: How rows were divided, in words.
        looks_ahead: Whether models learned from what came after their tests.
        unseeded: Models that draw nothing at random and were run with one seed.
        tried: How many configurations the ledger knows on these rows by now.
        simulated: Whether the data are made up.
        preset: A sentence about how.
        origin: What identifies the result.
    """

    market: Market
    study: pd.DataFrame
    leaks: pd.DataFrame
    gaps: pd.DataFrame
    splits: pd.DataFrame
    protocol: str
    looks_ahead: bool
    unseeded: tuple[str, ...]
    tried: int
    simulated: bool
    preset: str
    origin: Mapping[str, str]


@dataclass(frozen=True)
class Head:
    """What was run."""

    market: str
    protocol: str
    looks_ahead: bool
    horizons: list[str]
    seeds: int
    paths: int
    unseeded: tuple[str, ...]
    tried: int
    tone: Tone


@dataclass(frozen=True)
class Families:
    """All families by horizon."""

    table: Table
    picture: Image
    paths: int


@dataclass(frozen=True)
class Leaks:
    """The gap between a random and a purged split."""

    table: Table
    picture: Image


@dataclass(frozen=True)
class Gaps:
    """The gap arithmetic, and the splits of the protocol."""

    table: Table
    picture: Image
    splits: Table
    looks_ahead: bool


def study_page(results: StudyResults) -> str:
    """The page of a study: one self-contained HTML page; the same content gives the same bytes."""
    frame = Frame(results.simulated, results.origin, results.preset)
    return render_page("study", _head(results), SECTIONS, results, frame)


def _head(results: StudyResults) -> Head:
    study, span = results.study, results.market.span
    return Head(
        market=results.market.title,
        protocol=results.protocol,
        looks_ahead=results.looks_ahead,
        horizons=[span(int(horizon)) for horizon in sorted(study["horizon"].unique())],
        seeds=int(study["seed"].nunique()),
        paths=int(study["path"].nunique()),
        unseeded=results.unseeded,
        tried=results.tried,
        tone=Tone.PLAIN,
    )


def _families(results: StudyResults) -> Families:
    spread = spread_of(results.study, METRICS)
    rows = []
    for (horizon, model), part in spread.groupby(["horizon", "model"], sort=False):
        found = part.set_index("metric")
        cells = [_figure(found.loc[metric]) if metric in found.index else Cell("") for metric in METRICS]
        rows.append(Row([results.market.span(int(horizon)), str(model), str(int(part["runs"].max())), *cells]))
    columns = ["Horizon", "Model", "Runs", *(metric.replace("_", " ") for metric in METRICS)]
    picture = Image.of(families_plot(spread, results.study, FIRST, results.market))
    return Families(Table(columns, rows, (0, 1)), picture, int(results.study["path"].nunique()))


def _figure(row: pd.Series) -> Cell:
    note = "" if math.isnan(row["spread"]) else f"± {number(row['spread'], 4)}"
    return Cell(number(row["mean"], 4), note)


def _leaks(results: StudyResults) -> Leaks:
    rows = []
    grouped = results.leaks.groupby(["horizon", "split"], sort=True)
    for (horizon, split), part in grouped:
        auc, right = part["auc"], part["accuracy"]
        spread = f"± {number(float(auc.std(ddof=1)), 4)}" if len(part) > 1 else ""
        said = "random rows (leaks)" if split == "random_rows" else "purged in time (honest)"
        cells: list[Cell | str] = [Cell(number(float(auc.mean()), 4), spread), number(float(right.mean()), 4)]
        rows.append(Row([results.market.span(int(horizon)), said, str(len(part)), *cells]))
    columns = ["Horizon", "Split", "Seeds", "AUC", "Accuracy"]
    return Leaks(Table(columns, rows, (0, 1)), Image.of(leaks_plot(results.leaks, results.market)))


def _gaps(results: StudyResults) -> Gaps:
    span = results.market.span
    shown = minute if results.market.bar_minutes < MINUTES_OF_A_DAY else day
    rows = [
        Row(
            [
                span(int(one.horizon)),
                f"{one.fold}{' (sealed)' if one.sealed else ''}",
                *(day(one.train_start), shown(one.train_end), shown(one.label_end_max)),
                *(str(int(one.purge_bars)), str(int(one.embargo_bars))),
                *(shown(one.test_start), thousands(one.n_train), thousands(one.n_purged), thousands(one.n_test)),
            ]
        )
        for one in results.gaps.itertuples()
    ]
    columns = ["Horizon", "Block", "Trained from", "Trained to", "Last label known", "Purge", "Embargo", "Test from"]
    columns += ["Trained on", "Left out", "Tested on"]
    splits = [
        Row(
            [
                span(int(one.horizon)),
                *(str(one.split), str(one.path), f"{day(one.test_start)} to {day(one.test_end)}"),
                *(thousands(one.train_rows), thousands(one.test_rows)),
            ]
        )
        for one in results.splits.itertuples()
    ]
    named = ["Horizon", "Split", "Path", "Tested", "Rows trained on", "Rows tested on"]
    return Gaps(
        Table(columns, rows, (0, 1)),
        Image.of(gaps_plot(results.gaps, results.market)),
        Table(named, splits, (0, 3)),
        results.looks_ahead,
    )


SECTIONS: Mapping[str, Build[StudyResults]] = {"families": _families, "leaks": _leaks, "gaps": _gaps}
