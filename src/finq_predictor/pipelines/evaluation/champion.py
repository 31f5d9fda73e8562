"""How the champion in use has done since it was trained, by its own bundle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pandas as pd

from finq_predictor.domain import columns
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import FeatureSetMismatchError
from finq_predictor.domain.evaluation.exposures import NEUTRAL_RETURN, join_neutral
from finq_predictor.domain.evaluation.skill import daily_skill
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.promotion.decision import Incumbent, Record
from finq_predictor.domain.promotion.log import PromotionLog
from finq_predictor.pipelines.evaluation.neutral import of_horizon

FOLLOWED = (TS, INSTRUMENT, "probability", "label", "forward_return", NEUTRAL_RETURN)


@dataclass(frozen=True)
class Followed:
    """What the champion in use says of rows that came after its training.

    Attributes:
        incumbent: The champion; None before the first.
        predictions: ``ts``, ``instrument``, ``probability``, ``label``, ``forward_return``,
            ``neutral_return``; may be empty.
        unknown: Why it could not answer; empty where it could.
        log: What was decided before.
    """

    incumbent: Incumbent | None
    predictions: pd.DataFrame
    unknown: str
    log: PromotionLog = field(default_factory=PromotionLog)

    def refused(self, model_hashes: Iterable[str]) -> dict[str, str]:
        """Who refused which of some models, by its hash; models that nobody refused are left out."""
        found = {digest: self.log.refusal_of(digest) for digest in model_hashes}
        return {digest: record.approver for digest, record in found.items() if record is not None}


def follow_champion(
    incumbent: Incumbent | None,
    gold: pd.DataFrame,
    neutral_outcomes: pd.DataFrame,
    promotion_log: PromotionLog = PromotionLog(),  # noqa: B008 - it is never changed
    *,
    market: Market,
) -> Followed:
    """Let the champion answer, with its own bundle, for every row whose label begins after those it was trained on.

    Args:
        incumbent: The champion; None before the first.
        gold: Gold frame.
        neutral_outcomes: What happened beyond what instruments share.
        promotion_log: What was decided before; a broken one cannot be loaded, and stops the run here.
        market: The market.

    Returns:
        Its predictions with what happened; empty where there is no champion, or no such row. If it cannot answer, why.
    """
    return replace(_followed(incumbent, gold, neutral_outcomes, market), log=promotion_log)


def _followed(
    incumbent: Incumbent | None, gold: pd.DataFrame, neutral_outcomes: pd.DataFrame, market: Market
) -> Followed:
    nothing = pd.DataFrame(columns=[*FOLLOWED]).astype({TS: gold[TS].dtype})
    if incumbent is None:
        return Followed(None, nothing, "")
    # What it said out of sample is held against what happened beyond the exposures as it is measured today; over how
    # many bars it looked is not known of one that cannot be read.
    neutral = of_horizon(neutral_outcomes, incumbent.bundle.horizon if incumbent.bundle else 0)
    incumbent = replace(incumbent, oos=join_neutral(incumbent.oos, neutral))
    if incumbent.bundle is None:
        return Followed(
            incumbent, nothing, "its files cannot be read any more; restore them, or roll back to another version."
        )
    bundle = incumbent.bundle
    if absent := sorted(set(bundle.feature_set.names) - set(gold.columns)):
        return Followed(
            incumbent,
            nothing,
            f"it reads {len(absent)} features that these data do not have ({', '.join(absent[:5])}); deliver the same "
            "inputs, or keep this market in a data_root of its own.",
        )
    try:
        bundle.feature_set.verify()
    except FeatureSetMismatchError as changed:
        # Other definitions under the same names: the service refuses it too, and what is judged is what is served.
        return Followed(incumbent, nothing, f"the service refuses it: {changed}")
    after = _times_after(gold, bundle.origin.trained_to, market.entry_lag + bundle.horizon)
    rows = gold[gold[TS].isin(after)]
    outcome = {columns.label(bundle.horizon): "label", columns.forward_return(bundle.horizon): "forward_return"}
    if not set(outcome) <= set(gold.columns):
        return Followed(
            incumbent, nothing, f"it looks {bundle.horizon} bars ahead, for which these data have no label."
        )
    if rows.empty:
        return Followed(incumbent, nothing, "")
    scored = bundle.predict(rows).assign(**{name: rows[column].to_numpy(float) for column, name in outcome.items()})
    return Followed(incumbent, join_neutral(scored, neutral)[[*FOLLOWED]], "")


def record_of(followed: Followed, measure: str, market: Market) -> Record | None:
    """Its skill since then, beside the skill it was registered for; None without a champion."""
    incumbent = followed.incumbent
    if incumbent is None:
        return None
    return Record(
        daily_skill(followed.predictions, measure, market),
        daily_skill(incumbent.oos, measure, market),
        followed.unknown,
    )


def _times_after(gold: pd.DataFrame, trained_to: str, label_bars: int) -> pd.DatetimeIndex:
    """Bars whose label begins after the last label of a training has ended."""
    times = pd.DatetimeIndex(gold[TS].unique()).sort_values()
    return times[times > pd.Timestamp(trained_to)][label_bars:]
