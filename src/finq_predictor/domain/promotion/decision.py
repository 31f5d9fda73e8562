"""Whether a candidate may become the champion.

The rule of the house: nothing is promoted that does not beat the naive baselines and the champion by more than luck,
that looks like a leak, that is badly calibrated, that does not earn money after costs, or whose skill does not hold on
days that were sealed before. What is not good enough may serve only while there is nothing better, and then says so
(``provisional``). A champion that has lost its skill is not trusted for what it once was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.evaluation.mean_test import mean_above_zero
from finq_predictor.domain.evaluation.skill import SKILLS
from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.promotion.checks import Case, check_candidate, failures, mean_skill
from finq_predictor.domain.promotion.terms import (
    Approval,
    Check,
    Decision,
    Evidence,
    FinalWindow,
    Holder,
    Incumbent,
    NaiveRule,
    Opening,
    PromotionRules,
    Record,
    Setting,
    Verdict,
)

__all__ = [
    "Check",
    "Decision",
    "Evidence",
    "FinalWindow",
    "Holder",
    "Incumbent",
    "NaiveRule",
    "Opening",
    "PromotionRules",
    "Record",
    "Sealed",
    "Setting",
    "Verdict",
    "decide",
    "failures",
    "lost_skill",
]

STILL_SKILLED = 0.05
"""Level at which what is left of a champion's skill counts as skill."""


@dataclass
class Sealed:
    """The sealed window: its days are known, what happened in it is not until it is opened.

    Attributes:
        days: Days of the window with a known outcome.
        open: Takes the name of a candidate and a reason; looks, and returns what was found.
        asked: A reason given by a person to look at the best candidate even if it has failed before; empty for none.
    """

    days: pd.DatetimeIndex
    open: Callable[[str, str], FinalWindow]
    asked: str = ""


def decide(
    market: str,
    candidates: Sequence[Evidence],
    naive: Mapping[str, NaiveRule],
    incumbent: Incumbent | None,
    record: Record | None,
    sealed: Sealed,
    provenance: Provenance,
    setting: Setting,
    rules: PromotionRules,
) -> Decision:
    """Judge all candidates and decide about the best.

    Args:
        market: Name of the market.
        candidates: At least one.
        naive: Naive baselines by name.
        incumbent: The champion, if any.
        record: How it has done since it was trained.
        sealed: The last days; opened for the first candidate that passes everything before them, and for no other.
        provenance: Where the candidates' data come from; a made-up market never speaks about a real one.
        setting: Days of a label, and how much was tried.
        rules: The limits.

    Returns:
        The decision. The candidates are judged in the order of their skill; the first that passes every check is
        asked about the sealed window, and promoted if its skill holds there.

    Raises:
        DataError: If there is no candidate, or no naive baseline to beat.
    """
    if not candidates or not naive:
        raise DataError(f"A decision needs candidates and naive baselines; given {len(candidates)} and {len(naive)}.")
    ranked = sorted(candidates, key=lambda each: (-mean_skill(each.skill), each.model))
    best_naive = max(sorted(naive), key=lambda name: mean_skill(naive[name].skill))
    demoted = "" if incumbent is None else lost_skill(incumbent, record, setting, rules)
    rival = incumbent if incumbent is not None and not demoted and _must_be_beaten(incumbent, provenance) else None

    def check(candidate: Evidence, final: FinalWindow | None) -> tuple[Check, ...]:
        return check_candidate(
            Case(candidate, best_naive, naive, rival, record, final, sealed.days, setting, rules),
        )

    judged = {each.model: check(each, None) for each in ranked}
    passing = [each for each in ranked if not failures(judged[each.model])]
    chosen = passing[0] if passing else _least_suspect(ranked, judged)
    final: FinalWindow | None = None
    new = incumbent is None or incumbent.model_hash != chosen.model_hash or incumbent.status is ModelStatus.PROVISIONAL
    if len(sealed.days) and ((passing and new) or sealed.asked):
        reason = sealed.asked or f"{chosen.model} passed every check on the days before"
        final = sealed.open(chosen.model, reason)
        judged[chosen.model] = check(chosen, final)
    checks = judged[chosen.model]
    verdict, reason = _asked(*_verdict(chosen, checks, incumbent, bool(demoted), provenance), chosen, setting, rules)
    others = {
        name: tuple(check.detail for check in failures(them)) for name, them in judged.items() if name != chosen.model
    }
    return Decision(
        market=market,
        decision=verdict,
        candidate=chosen.model,
        best_naive=best_naive,
        checks=checks,
        reason=reason if not demoted else f"{reason} {demoted}",
        others=others,
        incumbent=None if incumbent is None else incumbent.holder,
        decided_as_of=provenance.last_ts,
        judged=setting.judged,
        opening=None if final is None else _remembered(final, setting),
        demoted=demoted if verdict in (Verdict.REJECT, Verdict.AWAIT) else "",
    )


def lost_skill(incumbent: Incumbent, record: Record | None, setting: Setting, rules: PromotionRules) -> str:
    """Say why a promoted champion is no longer to be trusted; empty where there is no reason, or too few days.

    It has failed when its skill has fallen from what its test promised by more than luck explains, and what is left of
    it luck can explain; or when luck cannot explain how much worse than nothing it is.
    """
    if incumbent.status is not ModelStatus.PROMOTED or record is None or record.unknown:
        return ""
    new = record.skill.dropna()
    if len(new) < rules.min_new_days:
        return ""
    promised = mean_skill(record.promised)
    fallen = mean_above_zero(promised - new, setting.days_of_label).p_value
    left = mean_above_zero(new, setting.days_of_label).p_value
    harmful = mean_above_zero(-new, setting.days_of_label).p_value
    if not ((fallen <= rules.demotion_alpha and left > STILL_SKILLED) or harmful <= rules.demotion_alpha):
        return ""
    measure = SKILLS[rules.skill]
    return (
        f"Champion version {incumbent.version} ({incumbent.model}) has failed since it was trained: its daily "
        f"{measure.phrase} is {mean_skill(new):+.{measure.digits}f} on {len(new)} days, after "
        f"{promised:+.{measure.digits}f} in its test (chance of such a fall {fallen:.4f}); it answers as a provisional "
        "champion from now on."
    )


def _must_be_beaten(incumbent: Incumbent, provenance: Provenance) -> bool:
    return incumbent.status is ModelStatus.PROMOTED and not (incumbent.simulated and not provenance.simulated)


def _remembered(final: FinalWindow, setting: Setting) -> Opening:
    known = final.skill.dropna()
    found = mean_above_zero(known, setting.days_of_label)
    return Opening(
        model=final.model,
        number=final.number,
        level=final.level,
        first=known.index.min().isoformat() if len(known) else "",
        last=known.index.max().isoformat() if len(known) else "",
        days=len(known),
        skill=mean_skill(final.skill),
        p_value=found.p_value,
        reason=final.reason,
    )


def _least_suspect(ranked: Sequence[Evidence], judged: Mapping[str, tuple[Check, ...]]) -> Evidence:
    """The best of those that no alarm rings about: a leak is worse than what is known of it live."""

    def alarms(each: Evidence) -> tuple[bool, bool]:
        rung = {check.name for check in failures(judged[each.model])}
        return "leak_alarm" in rung, "live_evidence" in rung

    return min(ranked, key=alarms)


def _verdict(
    chosen: Evidence, checks: Sequence[Check], incumbent: Incumbent | None, demoted: bool, provenance: Provenance
) -> tuple[Verdict, str]:
    failed = failures(checks)
    if incumbent is None:
        return _verdict_without_champion(chosen, checks, "As there is no champion yet, it serves", "")
    holder = f"champion version {incumbent.version} ({incumbent.model}, {incumbent.status})"
    promoted = incumbent.status is ModelStatus.PROMOTED
    if provenance.simulated and not incumbent.simulated:
        return Verdict.REJECT, (
            f"{chosen.model} comes from a simulated market and must not speak about a real one; {holder} stays in use. "
            "Keep the two apart with a data_root for each."
        )
    if incumbent.model_hash == chosen.model_hash and (promoted or failed):
        short = "" if promoted else f" It is still provisional: {_sentences(failed)}"
        return Verdict.REJECT, f"{chosen.model} is the very model that is already {holder}; nothing changes.{short}"
    made_up = incumbent.simulated and not provenance.simulated
    # A provisional champion yields to whatever is newer, but not to what is known to be worse.
    worse_live = any(check.name == "live_evidence" for check in failed)
    if failed and (promoted or worse_live) and not made_up:
        stays = "stays in use, as nothing better is there" if demoted else "stays in use"
        return Verdict.REJECT, f"{chosen.model} is not promoted; {holder} {stays}. {_sentences(failed)}"
    aside = f" The {holder} comes from a simulated market and must not speak about this one." if made_up else ""
    return _verdict_without_champion(chosen, checks, f"It replaces {holder}", aside)


def _asked(
    verdict: Verdict, reason: str, chosen: Evidence, setting: Setting, rules: PromotionRules
) -> tuple[Verdict, str]:
    """What a person has to say to a promotion, where the rules want one asked."""
    if verdict is not Verdict.PROMOTE or rules.approval is Approval.NONE:
        return verdict, reason
    if person := setting.refused.get(chosen.model_hash):
        return (
            Verdict.REJECT,
            f"{chosen.model} passed every check, but {person} refused this very model; nothing changes.",
        )
    return Verdict.AWAIT, (
        f"{reason.replace('is promoted: it passed', 'passed', 1)} It waits for an approval, and nothing changes before."
    )


def _verdict_without_champion(
    chosen: Evidence, checks: Sequence[Check], instead: str, aside: str
) -> tuple[Verdict, str]:
    failed = failures(checks)
    if not failed:
        gating = sum(check.gating for check in checks)
        return Verdict.PROMOTE, (
            f"{chosen.model} is promoted: it passed all {gating} checks. {_detail(checks, 'beats_naive')} "
            f"{_detail(checks, 'net_sharpe')} {_detail(checks, 'final_window')}{aside}"
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
