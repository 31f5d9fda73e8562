"""Whether a candidate may become the champion.

The rule of the house: nothing is promoted that does not beat the naive baselines and the champion by more than luck,
that looks like a leak, that is badly calibrated, or that loses money after costs. What is not good enough may serve
only while there is nothing better, and then says so (``provisional``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.promotion.checks import Case, check_candidate, failures, mean_skill
from finq_predictor.domain.promotion.terms import (
    Check,
    Decision,
    Evidence,
    Holder,
    Incumbent,
    PromotionRules,
    Verdict,
)

__all__ = [
    "Check",
    "Decision",
    "Evidence",
    "Holder",
    "Incumbent",
    "PromotionRules",
    "Verdict",
    "decide",
    "failures",
]


def decide(
    market: str,
    candidates: Sequence[Evidence],
    naive: Mapping[str, pd.Series],
    incumbent: Incumbent | None,
    incumbent_skill: pd.Series | None,
    provenance: Provenance,
    rules: PromotionRules,
) -> Decision:
    """Judge all candidates and decide about the best.

    Args:
        market: Name of the market.
        candidates: At least one.
        naive: Naive baseline -> its daily skill; NaN counts as no skill.
        incumbent: The champion, if any.
        incumbent_skill: Its daily skill.
        provenance: Where the candidates' data come from; champions of other sources are not compared, and a champion
            of a made-up market never speaks about a real one.
        rules: The limits.

    Returns:
        The decision. The candidates are judged in the order of their skill; the first that passes every check is
        promoted.

    Raises:
        DataError: If there is no candidate, or no naive baseline to beat.
    """
    if not candidates or not naive:
        raise DataError(f"A decision needs candidates and naive baselines; given {len(candidates)} and {len(naive)}.")
    ranked = sorted(candidates, key=lambda each: (-mean_skill(each.skill), each.model))
    best_naive = max(sorted(naive), key=lambda name: mean_skill(naive[name]))
    level = rules.alpha / len(ranked)
    rival = incumbent if incumbent is not None and _is_rival(incumbent, provenance.source_id) else None
    judged = {
        each.model: check_candidate(
            Case(each, best_naive, naive[best_naive], rival, incumbent_skill, level, rules),
        )
        for each in ranked
    }
    passing = [each for each in ranked if not failures(judged[each.model])]
    chosen = passing[0] if passing else _least_suspect(ranked, judged)
    checks = judged[chosen.model]
    verdict, reason = _verdict(chosen, checks, incumbent, provenance)
    others = {
        name: tuple(check.detail for check in failures(them)) for name, them in judged.items() if name != chosen.model
    }
    return Decision(
        market=market,
        decision=verdict,
        candidate=chosen.model,
        best_naive=best_naive,
        checks=checks,
        reason=reason,
        others=others,
        incumbent=None if incumbent is None else incumbent.holder,
        decided_as_of=provenance.last_ts,
    )


def _is_rival(incumbent: Incumbent, source_id: str) -> bool:
    return incumbent.status is ModelStatus.PROMOTED and incumbent.source_id == source_id


def _least_suspect(ranked: Sequence[Evidence], judged: Mapping[str, tuple[Check, ...]]) -> Evidence:
    clean = [each for each in ranked if all(check.name != "leak_alarm" for check in failures(judged[each.model]))]
    return (clean or list(ranked))[0]


def _verdict(
    chosen: Evidence, checks: Sequence[Check], incumbent: Incumbent | None, provenance: Provenance
) -> tuple[Verdict, str]:
    failed = failures(checks)
    if incumbent is None:
        return _verdict_without_champion(chosen, checks, "As there is no champion yet, it serves", "")
    holder = f"champion version {incumbent.version} ({incumbent.model}, {incumbent.status})"
    foreign = incumbent.source_id != provenance.source_id
    aside = f" The {holder} was trained on other data ({incumbent.source_id}) and is not comparable." if foreign else ""
    promoted = incumbent.status is ModelStatus.PROMOTED
    if incumbent.model_hash == chosen.model_hash and not foreign and (promoted or failed):
        short = "" if promoted else f" It is still provisional: {_sentences(failed)}"
        return Verdict.REJECT, f"{chosen.model} is the very model that is already {holder}; nothing changes.{short}"
    made_up = foreign and incumbent.simulated and not provenance.simulated
    if failed and promoted and not made_up:
        return Verdict.REJECT, f"{chosen.model} is not promoted; {holder} stays in use. {_sentences(failed)}{aside}"
    if made_up:
        aside = f" The {holder} comes from a simulated market and must not speak about this one."
    return _verdict_without_champion(chosen, checks, f"It replaces {holder}", aside)


def _verdict_without_champion(
    chosen: Evidence, checks: Sequence[Check], instead: str, aside: str
) -> tuple[Verdict, str]:
    failed = failures(checks)
    if not failed:
        gating = sum(check.gating for check in checks)
        return Verdict.PROMOTE, (
            f"{chosen.model} is promoted: it passed all {gating} checks. {_detail(checks, 'beats_naive')} "
            f"{_detail(checks, 'net_sharpe')}{aside}"
        )
    return Verdict.PROVISIONAL, (
        f"{chosen.model} is not promoted: do not trade on it. {_sentences(failed)} {instead} as a provisional "
        f"champion, and "
        f"every answer says so; the first candidate that passes replaces it.{aside}"
    )


def _sentences(checks: Sequence[Check]) -> str:
    return " ".join(check.detail for check in checks)


def _detail(checks: Sequence[Check], name: str) -> str:
    return next(check.detail for check in checks if check.name == name)
