"""What is tried is written down before it is measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.adapters.invocation import Invocation
from finq_predictor.domain import columns
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.evaluation.data_sketch import DataSketch
from finq_predictor.domain.evaluation.trial_ledger import Kind, LedgerEntry, TrialLedger, configuration_hash
from finq_predictor.domain.modelling.models.base import ModelKind
from finq_predictor.domain.modelling.origin import TrainingSummary
from finq_predictor.domain.modelling.splits import fold_masks
from finq_predictor.pipelines.evaluation.params import EvaluationParams


@dataclass(frozen=True)
class JudgedRows:
    """What a run looks at, known by what it holds.

    Attributes:
        models: The candidates, sorted.
        tested: The rows on which they are judged.
        searched: The rows of the training window on which the search judged.
        at: Moment of the run, ISO 8601 in UTC.
        by: Who started it.
        run: The command.
    """

    models: tuple[str, ...]
    tested: DataSketch
    searched: DataSketch
    at: str
    by: str
    run: str


def identify_rows(
    oos_predictions: pd.DataFrame,
    gold: pd.DataFrame,
    folds: pd.DataFrame,
    training_summary: TrainingSummary,
    clock: pd.Timestamp,
    invocation: Invocation,
) -> JudgedRows:
    """Say which rows this run looks at, and who looks.

    Raises:
        DataError: If no prediction of a candidate has a known outcome.
    """
    known = oos_predictions.dropna(subset=["label", "forward_return"])
    candidates = known[known["kind"] == ModelKind.CANDIDATE]
    if candidates.empty:
        raise DataError("No out-of-sample prediction has a known outcome; train on a longer history.")
    train, _ = fold_masks(folds.iloc[0], gold[TS], gold[columns.label_end(training_summary.horizon)])
    return JudgedRows(
        models=tuple(sorted(map(str, candidates["model"].unique()))),
        tested=rows_of(gold, candidates[TS]),
        searched=rows_of(gold, gold.loc[train, TS]),
        at=clock.isoformat(),
        by=invocation.user,
        run=invocation.command,
    )


def enter_trials(
    judged_rows: JudgedRows, trials: pd.DataFrame, training_summary: TrainingSummary, trial_ledger: TrialLedger
) -> TrialLedger:
    """Write down what this run tries, before anything of it is measured.

    Returns:
        The ledger with every configuration of the race, on the rows it is about to be judged on, and every trial of
        the search, on the rows of the training window that it was judged on.
    """
    rows, summary = judged_rows, training_summary

    def entry(kind: Kind, model: str, configuration: str, result: Mapping[str, float]) -> LedgerEntry:
        data = rows.tested if kind is Kind.JUDGED else rows.searched
        return LedgerEntry(
            kind, model, configuration, summary.horizon, summary.seed, data, rows.at, rows.by, rows.run, result=result
        )

    entries = [entry(Kind.JUDGED, name, summary.configurations.get(name, name), {}) for name in rows.models]
    for trial in trials.itertuples():
        content = {"of": summary.configurations.get(trial.model, trial.model), "params": json.loads(trial.params)}
        value = {trial.objective: float(trial.value)} if np.isfinite(trial.value) else {}
        entries.append(entry(Kind.SEARCH, trial.model, configuration_hash(content), value))
    return trial_ledger.add(entries)[0]


def count_judged(judged_rows: JudgedRows, tried: TrialLedger, params: EvaluationParams) -> int:
    """The true number of configurations whose result on these days was ever seen, by anybody who shares the ledger.

    Trials of the search are not among them: they were judged before these days, and none was chosen by them.
    """
    return max(1, tried.judged_on(judged_rows.tested)) + params.extra_trials


def rows_of(gold: pd.DataFrame, ts: pd.Series) -> DataSketch:
    """Identity of the rows of gold at some times, by their return over the shortest horizon.

    Whoever tries another horizon on the same bars looks at the same data.
    """
    shortest = min(int(name.rpartition("_")[2]) for name in gold if name.startswith("forward_return_"))
    rows = gold.loc[gold[TS].isin(ts.unique()), [TS, INSTRUMENT, columns.forward_return(shortest)]]
    return DataSketch.of(rows.set_axis([TS, INSTRUMENT, "forward_return"], axis=1))
