"""The answers of all sides of a request at a bar: what is given, and what is recorded beside."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from finq_predictor.domain.errors import FinqError
from finq_predictor.domain.evaluation.sticky_arms import Arm
from finq_predictor.serving.answers import Answer, Served
from finq_predictor.serving.contest import Sides, answers_beside, fallen_back
from finq_predictor.serving.errors import RequestError, type_of
from finq_predictor.serving.resolution import Found
from finq_predictor.serving.runtime import Runtime


def remembered(found: Found, sides: Sides) -> list[dict[str, Answer]] | None:
    """The answers of all sides where all are remembered, that of the client first; None where one is not."""
    known = [one.remembered(found.ts) for one in (sides.answering, *sides.shadows)]
    complete = [one for one in known if one is not None and found.instrument in one]
    return complete if len(complete) == len(known) else None


async def answer_all(
    api: Runtime, champion: Served, sides: Sides, ts: pd.Timestamp, names: Iterable[str], request_id: str
) -> tuple[list[dict[str, Answer]], Sides]:
    """The answers of all sides at a bar; what is not remembered is computed inside the gate.

    Args:
        api: What the routes work with.
        champion: What is served.
        sides: Who answers, and who is recorded beside.
        ts: The bar.
        names: The instruments that are asked about.
        request_id: Of the request, for the record of who could not answer.

    Returns:
        The answers by instrument, those that are given first, and whose they are: those of the champion where the
        challenger cannot answer. A shadow that cannot has none.
    """
    wanted = list(names)
    answers = []
    for place, one in enumerate((sides.answering, *sides.shadows)):
        arm = Arm.SHADOW if place else sides.arm or Arm.CHAMPION
        if one.predictor is champion.predictor:
            answers.append(await _of_champion(api, champion, sides, ts, wanted, arm, request_id))
            continue
        known = one.remembered(ts) is not None
        answers.append(answers_beside(one, ts) if known else await api.gate.run(answers_beside, one, ts))
        if not answers[-1]:
            api.recording.failed(request_id, one.model, one.market.name, arm, "unanswered")
    if sides.answering.predictor is champion.predictor or all(name in answers[0] for name in wanted):
        return answers, sides
    at_home = [one.predictor is champion.predictor for one in sides.shadows].index(True)
    own = answers.pop(1 + at_home)
    return [own, *answers[1:]], fallen_back(sides, champion)


async def _of_champion(
    api: Runtime, champion: Served, sides: Sides, ts: pd.Timestamp, names: list[str], arm: Arm, request_id: str
) -> dict[str, Answer]:
    """Its answers; that it has none is recorded where it is compared, as it is of the others."""
    try:
        return await api.answers(champion, ts, names)
    except RequestError:
        # The service is busy, or the client asked too much: nothing that another model would do better.
        raise
    except Exception as error:
        if sides.shadows:
            kind = type_of(error) if isinstance(error, FinqError) else "internal"
            api.recording.failed(request_id, champion.model, champion.market.name, arm, kind)
        raise
