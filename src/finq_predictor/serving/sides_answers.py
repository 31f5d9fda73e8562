"""The answers of all sides of a request at a bar: what is given, and what is recorded beside."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from finq_predictor.serving.answers import Answer, Served
from finq_predictor.serving.contest import Sides, answers_beside, fallen_back
from finq_predictor.serving.resolution import Found
from finq_predictor.serving.runtime import Runtime


def remembered(found: Found, sides: Sides) -> list[dict[str, Answer]] | None:
    """The answers of all sides where all are remembered, that of the client first; None where one is not."""
    known = [one.remembered(found.ts) for one in (sides.answering, *sides.shadows)]
    complete = [one for one in known if one is not None and found.instrument in one]
    return complete if len(complete) == len(known) else None


async def answer_all(
    api: Runtime, champion: Served, sides: Sides, ts: pd.Timestamp, names: Iterable[str]
) -> tuple[list[dict[str, Answer]], Sides]:
    """The answers of all sides at a bar; what is not remembered is computed inside the gate.

    Args:
        api: What the routes work with.
        champion: What is served.
        sides: Who answers, and who is recorded beside.
        ts: The bar.
        names: The instruments that are asked about.

    Returns:
        The answers by instrument, those that are given first, and whose they are: those of the champion where the
        challenger cannot answer. A shadow that cannot has none.
    """
    wanted = list(names)
    answers = []
    for one in (sides.answering, *sides.shadows):
        if one.predictor is champion.predictor:
            answers.append(await api.answers(champion, ts, wanted))
        elif one.remembered(ts) is not None:
            answers.append(answers_beside(one, ts))
        else:
            answers.append(await api.gate.run(answers_beside, one, ts))
    if sides.answering.predictor is champion.predictor or all(name in answers[0] for name in wanted):
        return answers, sides
    at_home = [one.predictor is champion.predictor for one in sides.shadows].index(True)
    own = answers.pop(1 + at_home)
    return [own, *answers[1:]], fallen_back(sides, champion)
