"""The sealed window: what was said of the last days, and what came of it once it is opened."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain import columns
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.evaluation.data_sketch import DataSketch
from finq_predictor.domain.evaluation.exposures import join_neutral
from finq_predictor.domain.evaluation.skill import daily_skill
from finq_predictor.domain.evaluation.trial_ledger import Kind, LedgerEntry, TrialLedger, level_of_opening
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.origin import TrainingSummary
from finq_predictor.domain.promotion.decision import FinalWindow, Opening, PromotionRules
from finq_predictor.pipelines.evaluation.neutral import of_horizon
from finq_predictor.pipelines.evaluation.trials import JudgedRows, rows_of

KNOWN = ["label", "forward_return"]


class SealedWindow:
    """The last block of the walk-forward; what happened in it is joined to what was said when it is opened.

    Args:
        said: Predictions of every model in the block.
        outcome: What happened in it: ``ts``, ``instrument``, ``label``, ``forward_return``, without NaN, and
            ``neutral_return``.
        rows: Identity of the block; None where nothing in it has an outcome.
        summary: The training.
        tried: The ledger, with this run in it.
        judged: Which rows the run is about, and who runs it.
        market: The market.
    """

    def __init__(
        self,
        said: pd.DataFrame,
        outcome: pd.DataFrame,
        rows: DataSketch | None,
        summary: TrainingSummary,
        tried: TrialLedger,
        judged: JudgedRows,
        market: Market,
    ) -> None:
        self.summary, self.tried, self.judged = summary, tried, judged
        self._said, self._outcome, self._rows, self._market = said, outcome, rows, market

    @property
    def days(self) -> pd.DatetimeIndex:
        """Days of the block with an outcome at an hour that is traded, without a zone."""
        traded = self._outcome.loc[~self._market.is_masked(self._outcome[TS]), TS]
        return pd.DatetimeIndex(traded.dt.normalize().unique()).tz_localize(None).sort_values()

    def open(self, model: str, reason: str, rules: PromotionRules) -> FinalWindow:
        """Join what happened for one candidate."""
        mine = self._said[self._said["model"] == model].merge(self._outcome, on=[TS, INSTRUMENT])
        before = [] if self._rows is None else [each.configuration for each in self.tried.openings_on(self._rows)]
        configuration = self._configuration(model)
        number = before.index(configuration) + 1 if configuration in before else len(before) + 1
        level = level_of_opening(rules.final_alpha, number)
        return FinalWindow(model, number, level, daily_skill(mine, rules.skill, self._market), reason)

    def noted(self, opening: Opening | None) -> TrialLedger:
        """The ledger with an opening that a decision made."""
        if opening is None or self._rows is None:
            return self.tried
        entry = LedgerEntry(
            Kind.OPENING,
            opening.model,
            self._configuration(opening.model),
            self.summary.horizon,
            self.summary.seed,
            self._rows,
            self.judged.at,
            self.judged.by,
            self.judged.run,
            opening.reason,
            {"skill": opening.skill, "p_value": opening.p_value},
        )
        return self.tried.add([entry])[0]

    def _configuration(self, model: str) -> str:
        return self.summary.configurations.get(model, model)


def seal_window(
    sealed_predictions: pd.DataFrame,
    gold: pd.DataFrame,
    neutral_outcomes: pd.DataFrame,
    training_summary: TrainingSummary,
    tried: TrialLedger,
    judged_rows: JudgedRows,
    *,
    market: Market,
) -> SealedWindow:
    """Keep what happened in the last block apart, until a decision opens it."""
    said, horizon = sealed_predictions, training_summary.horizon
    names = [TS, INSTRUMENT, columns.label(horizon), columns.forward_return(horizon)]
    block = gold[TS].between(said[TS].min(), said[TS].max()) if len(said) else pd.Series(data=False, index=gold.index)
    outcome = gold.loc[block, names].set_axis([TS, INSTRUMENT, *KNOWN], axis=1).dropna(subset=KNOWN)
    rows = rows_of(gold, outcome[TS]) if len(outcome) else None
    outcome = join_neutral(outcome, of_horizon(neutral_outcomes, horizon))
    return SealedWindow(said, outcome, rows, training_summary, tried, judged_rows, market)
