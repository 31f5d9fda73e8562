"""Is a challenger better than the champion? Both are judged by the same outcomes, bar by bar.

Rows of one bar share their weather and labels over several bars overlap, so that nothing here counts rows as witnesses:
each bar has one value, the mean over its rows. Who may stop is said by the bet that stays right however often one looks
(:mod:`~finq_predictor.domain.evaluation.always_valid`); Welch's test and the bootstrap describe, and hold only for a
length that was chosen before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, Vector
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.evaluation import metrics
from finq_predictor.domain.evaluation.always_valid import Evidence, bet_on
from finq_predictor.domain.evaluation.bootstrap import bootstrap_mean
from finq_predictor.domain.modelling.decisions import Action

FEWEST_BARS = 20
"""Below these no figure is given; the bet needs no such limit."""
LARGE_ENOUGH = 0.2
"""Cohen's d from which a difference is worth telling (Cohen, 1988)."""
_LEVEL = 0.05
_POWERFUL = 1.959964 + 0.841621
"""Standard errors between nothing and what a test at 5 % finds four times in five."""


class Verdict(StrEnum):
    """What can be said by now."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "cannot be told apart"


@dataclass(frozen=True)
class ArmFigures:
    """How one model did on what both said; None where there is too little or it is not defined.

    Attributes:
        accuracy: Share of all rows on the right side of a half.
        hit_rate: The same of those that were to be acted upon.
        acted: Share of the rows that were.
        brier: Mean squared error of the probability.
        log_loss: Mean logarithmic loss.
        paper: Measures of trading on paper, such as ``sharpe``, ``max_drawdown`` and ``profit_factor``, after costs.
        rmse: Root of the Brier score, in units of the probability.
    """

    accuracy: float | None
    hit_rate: float | None
    acted: float | None
    brier: float | None
    log_loss: float | None
    paper: Mapping[str, float | None]
    rmse: float | None = None


@dataclass(frozen=True)
class Welch:
    """Welch's test of the means of two series, one value a bar.

    Attributes:
        p_value: Two-sided.
        cohens_d: The difference in standard deviations; above zero where the challenger errs less.
        notable: Whether p < 0.05 and |d| > 0.2.
    """

    p_value: float | None
    cohens_d: float | None
    notable: bool


@dataclass(frozen=True)
class ArmComparison:
    """A challenger beside the champion.

    Attributes:
        pairs: Rows that both answered and whose outcome is known.
        bars: Bars of them.
        unpaired: Matured rows of the champion without one of the challenger.
        champion: How the champion did on the pairs.
        challenger: How the challenger did.
        gain: Mean over bars by which the Brier score of the challenger is lower.
        low: Lower end of its interval, blocks of bars resampled in pairs; None below ``FEWEST_BARS``.
        high: Upper end.
        welch: Test of the Brier scores by bar.
        better: Evidence that the challenger is better, valid at any time.
        worse: Evidence that it is worse.
        decided_at: Close of the bar after whose outcome one could have stopped, ISO 8601; None where one may not yet.
        detectable: Smallest gain that as many bars show four times in five, by a test of fixed length.
        verdict: What can be said.
    """

    pairs: int
    bars: int
    unpaired: int
    champion: ArmFigures
    challenger: ArmFigures
    gain: float | None
    low: float | None
    high: float | None
    welch: Welch
    better: Evidence
    worse: Evidence
    decided_at: str | None
    detectable: float | None
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """What can be said, for people."""
        if self.verdict is not Verdict.UNDECIDED:
            return f"The challenger is {self.verdict}; one could have stopped after {self.decided_at}."
        if self.detectable is None:
            return f"They cannot be told apart: {self.bars:,} bars have matured; expected {FEWEST_BARS} or more."
        return (
            f"They cannot be told apart on {self.bars:,} bars, which would show a difference of {self.detectable:.4f} "
            "in the Brier score four times in five."
        )


def pair_arms(champion: pd.DataFrame, challenger: pd.DataFrame) -> pd.DataFrame:
    """Put what both said of the same bar and instrument side by side.

    Args:
        champion: Matured statements: ``ts``, ``instrument``, ``probability``, ``decision``, ``label``, ``served_at``.
        challenger: The same.

    Returns:
        One row for each bar and instrument of both, sorted by them: ``label`` and, with ``_champion`` and
        ``_challenger`` behind them, probability and decision; of several statements the first.
    """
    columns = [TS, INSTRUMENT, "probability", "decision", "label"]

    def first(rows: pd.DataFrame) -> pd.DataFrame:
        ordered = rows.sort_values("served_at", kind="stable").drop_duplicates([TS, INSTRUMENT])
        return ordered.loc[ordered["probability"].notna() & ordered["label"].notna(), columns]

    other = first(challenger).drop(columns="label")
    paired = first(champion).merge(other, on=[TS, INSTRUMENT], suffixes=("_champion", "_challenger"))
    return paired.sort_values([TS, INSTRUMENT], ignore_index=True)


def compare_arms(
    pairs: pd.DataFrame,
    known_after: int,
    *,
    unpaired: int = 0,
    paper: Mapping[str, Mapping[str, float]] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> ArmComparison:
    """Compare two models on what both said.

    Args:
        pairs: Of :func:`pair_arms`.
        known_after: Bars after a bar at which its outcome is known: those of the label and of the entry.
        unpaired: Matured rows that only the champion has.
        paper: Measures of trading on paper, of ``champion`` and ``challenger``.
        n_resamples: Resamples behind the interval.
        seed: Of the resampling.

    Raises:
        DataError: If the outcome is known before it can be.
    """
    if known_after < 1:
        raise DataError(f"An outcome cannot be known {known_after} bars after its bar; expected 1 or more.")
    y = pairs["label"].to_numpy(np.float64)
    squared = {arm: _squared(pairs, arm, y) for arm in ("champion", "challenger")}
    frame = pd.DataFrame({TS: pairs[TS], **squared})
    by_bar = frame.groupby(TS, sort=True).mean()
    difference = (by_bar["champion"] - by_bar["challenger"]).to_numpy(np.float64)
    most = most_difference(pairs["probability_champion"], pairs["probability_challenger"])
    bound = pd.Series(most).groupby(pairs[TS].to_numpy(), sort=True).mean().to_numpy()
    better, worse, verdict, decided = decide(difference, bound, known_after)
    enough = len(difference) >= FEWEST_BARS
    found = bootstrap_mean(
        difference if enough else difference[:0], min_block=2.0 * known_after, n_resamples=n_resamples, seed=seed
    )
    error = (found.high - found.low) / (2.0 * 1.959964)
    told = paper or {}
    return ArmComparison(
        pairs=len(pairs),
        bars=len(difference),
        unpaired=unpaired,
        champion=_figures(pairs, "champion", y, told.get("champion", {}), enough),
        challenger=_figures(pairs, "challenger", y, told.get("challenger", {}), enough),
        gain=_finite(found.value),
        low=_finite(found.low),
        high=_finite(found.high),
        welch=_welch(by_bar["champion"].to_numpy(), by_bar["challenger"].to_numpy(), enough),
        better=better,
        worse=worse,
        decided_at=None if decided is None else by_bar.index[decided].isoformat(),
        detectable=_finite(_POWERFUL * error),
        verdict=verdict,
    )


def most_difference(champion: Array | pd.Series, challenger: Array | pd.Series) -> Vector:
    """By how much the squared errors of two probabilities differ at most, whatever happens; any shape."""
    p, q = np.asarray(champion, dtype=np.float64), np.asarray(challenger, dtype=np.float64)
    most: Vector = np.abs(p - q) * (1.0 + np.abs(1.0 - p - q))
    return most


def decide(differences: Vector, most: Vector, known_after: int) -> tuple[Evidence, Evidence, Verdict, int | None]:
    """What betting on a difference and against it has shown; each is wrong at most once in twenty, whenever one looks.

    The bets are on shares of the largest difference that there could be. That is known when both models have spoken
    and nothing has happened yet, so that the bets stay fair; models that say nearly the same differ by thousandths, on
    which no bettor could ever win.

    Args:
        differences: How much less the challenger erred, a value for each bar in the order of time (n).
        most: The same, had it all happened as the one of them says (n); see :func:`most_difference`.
        known_after: Bars after a bar at which its outcome is known.

    Returns:
        Evidence that the challenger is better, that it is worse, which was shown first, and at which bar.
    """
    shares = np.clip(np.divide(differences, most, out=np.zeros(len(most)), where=most > 0.0), -1.0, 1.0)
    better, worse = bet_on(shares, known_after, _LEVEL), bet_on(-shares, known_after, _LEVEL)
    won = [(one.decided_at, verdict) for one, verdict in ((better, Verdict.BETTER), (worse, Verdict.WORSE))]
    decided = [(at, verdict) for at, verdict in won if at is not None]
    at, verdict = min(decided, default=(None, Verdict.UNDECIDED))
    return better, worse, verdict, at


def _squared(pairs: pd.DataFrame, arm: str, y: Vector) -> Vector:
    squared: Vector = (pairs[f"probability_{arm}"].to_numpy(np.float64) - y) ** 2
    return squared


def _figures(pairs: pd.DataFrame, arm: str, y: Vector, paper: Mapping[str, float], enough: bool) -> ArmFigures:
    if not enough:
        return ArmFigures(None, None, None, None, None, dict.fromkeys(paper))
    p = pairs[f"probability_{arm}"].to_numpy(np.float64)
    acted = (pairs[f"decision_{arm}"] == Action.PREDICT.value).to_numpy()
    return ArmFigures(
        accuracy=_finite(metrics.accuracy(y, p)),
        hit_rate=_finite(metrics.accuracy(y[acted], p[acted])) if acted.any() else None,
        acted=float(acted.mean()),
        brier=_finite(metrics.brier(y, p)),
        log_loss=_finite(metrics.log_loss(y, p)),
        paper={name: _finite(value) for name, value in paper.items()},
        rmse=_finite(float(np.sqrt(metrics.brier(y, p)))),
    )


def _welch(champion: Vector, challenger: Vector, enough: bool) -> Welch:
    """Welch (1947); the pairs and the memory of the series are left out, as it asks."""
    from scipy.stats import ttest_ind_from_stats

    spread = float(np.sqrt((champion.var(ddof=1) + challenger.var(ddof=1)) / 2.0)) if enough else 0.0
    if not spread > 1e-15:
        return Welch(None, None, notable=False)
    # From sums: a model that always says the same has no variation, which is no reason to warn.
    told = [(float(one.mean()), float(one.std(ddof=1)), len(one)) for one in (champion, challenger)]
    p_value = float(ttest_ind_from_stats(*told[0], *told[1], equal_var=False).pvalue)
    size = float(champion.mean() - challenger.mean()) / spread
    return Welch(p_value, size, notable=p_value < _LEVEL and abs(size) > LARGE_ENOUGH)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
