"""Which models can be told apart on a history, and how large a difference would have to be to show on it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Matrix, Vector
from finq_predictor.domain.evaluation.mean_test import POWER, mean_above_zero, two_sided_interval
from finq_predictor.domain.tables import MODEL_COMPARISONS

_FEWEST_DAYS = 20


class Verdict(StrEnum):
    """What is known of two models."""

    BETTER = "better"
    WORSE = "worse"
    UNKNOWN = "cannot be told apart"


def compare_models(
    skill: pd.DataFrame,
    naive: Sequence[str],
    days_of_label: int,
    *,
    level: float = 0.05,
    n_resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare every model with every other, day by day.

    Differences of the same days are tested by the test that promotions are judged by, two-sided, without a correction
    for how many pairs there are: a table to look things up in. Two tests are about all models at once and need no
    correction: whether the best of the candidates is better than the best naive rule (superior predictive ability),
    and which of them are (stepwise multiple testing, whose family-wise error is ``level``).

    Args:
        skill: Index: days; one column per model. A day on which a model ranks nothing counts as no skill.
        naive: Columns that are naive rules.
        days_of_label: Days over which a label reaches.
        level: Of the tests.
        n_resamples: Of the stationary bootstrap behind the two tests of all models.
        seed: Of the resampling.

    Returns:
        One row per ordered pair: ``model``, ``against``, ``difference`` (mean), ``error``, ``ci_low``, ``ci_high``,
        ``p_value`` (two-sided), ``detectable`` (the smallest difference that would show in four histories of five like
        this one), ``n_days``, ``verdict``; and, where ``against`` is the best naive rule and ``model`` a candidate,
        ``best_of_all_p`` (one figure for the whole race) and ``superior``; missing elsewhere. No row where there is no
        naive rule, or nothing but naive rules.

    Reference: Hansen (2005), A Test for Superior Predictive Ability; Romano and Wolf (2005), Stepwise Multiple Testing.
    """
    known = skill.dropna(how="all").fillna(0.0)
    rules, candidates = [name for name in known if name in naive], [name for name in known if name not in naive]
    if not rules or not candidates:
        return MODEL_COMPARISONS.empty()
    best = max(rules, key=lambda name: known[name].mean())
    overall, superior = _all_at_once(known, best, candidates, days_of_label, level, n_resamples, seed)
    rows = []
    for model in known:
        for against in known:
            if model == against:
                continue
            test = mean_above_zero(known[model] - known[against], days_of_label)
            low, high = two_sided_interval(test, level)
            # Where nothing varies there is nothing to test, and nothing is known.
            p_value = min(1.0, 2.0 * min(test.p_value, 1.0 - test.p_value)) if np.isfinite(test.error) else 1.0
            judged = against == best and model in candidates
            rows.append(
                {
                    "model": model,
                    "against": against,
                    "difference": test.mean,
                    "error": test.error,
                    "ci_low": low,
                    "ci_high": high,
                    "p_value": p_value,
                    "detectable": test.detectable(level / 2.0, POWER),
                    "n_days": test.n_days,
                    "verdict": _verdict(test.mean, p_value, level),
                    "best_of_all_p": overall if judged else np.nan,
                    "superior": (model in superior) if judged and np.isfinite(overall) else None,
                }
            )
    return MODEL_COMPARISONS.typed(pd.DataFrame(rows))


def _verdict(difference: float, p_value: float, level: float) -> str:
    if not p_value <= level:
        return Verdict.UNKNOWN.value
    return (Verdict.BETTER if difference > 0.0 else Verdict.WORSE).value


def _all_at_once(
    known: pd.DataFrame,
    best: str,
    candidates: Sequence[str],
    days_of_label: int,
    level: float,
    n_resamples: int,
    seed: int,
) -> tuple[float, frozenset[str]]:
    """Chance of the best candidate's lead if none leads, and those that do lead; NaN where nothing can be tested."""
    # One that says just what the rule says does not lead, and its difference has no variation to be scaled by.
    differing = [name for name in candidates if float((known[name] - known[best]).std()) > 1e-12]
    if not differing or len(known) < max(_FEWEST_DAYS, 4 * days_of_label):
        return float("nan"), frozenset()
    from arch.bootstrap import SPA, StepM

    losses: Matrix = -known[differing].to_numpy(float)
    rule: Vector = -known[best].to_numpy(float)
    block = 2 * days_of_label
    ability = SPA(rule, losses, block_size=block, reps=n_resamples, seed=seed)
    ability.compute()
    steps = StepM(rule, losses, size=level, block_size=block, reps=n_resamples, seed=seed)
    steps.compute()
    # Models without names are called by their place.
    leading = {str(place) for place in steps.superior_models}
    return float(ability.pvalues["consistent"]), frozenset(
        name for place, name in enumerate(differing) if str(place) in leading
    )
