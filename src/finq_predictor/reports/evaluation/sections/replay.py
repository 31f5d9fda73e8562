"""Is live what was tested?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from finq_predictor.domain.evaluation.replay_record import ReplayRecord
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.pages import render_part

ANSWER = "replay-answer"
"""Anchor of the part of the page that a replay writes anew."""


@dataclass(frozen=True)
class Replayed:
    """What the last replay found.

    Attributes:
        market: Name of the market.
        replay: What it found; None before the first.
        same_data: Whether it is about the data of this page.
    """

    market: str
    replay: ReplayRecord | None
    same_data: bool


@dataclass(frozen=True)
class Section:
    """The section.

    Attributes:
        anchor_of_answer: Where the answer stands.
        answer: What the last replay found, in HTML.
    """

    anchor_of_answer: str
    answer: str


def build(material: ReportMaterial) -> Section:
    """What the last replay found, and whether it is about these data."""
    results, replay = material.results, material.circumstances.replay
    return Section(ANSWER, answer(results.market.name, replay, results.trained.provenance.content_hashes))


def answer(market: str, replay: ReplayRecord | None, content_hashes: Mapping[str, tuple[str, ...]]) -> str:
    """The part of the section that a replay writes anew, as HTML.

    Args:
        market: Name of the market.
        replay: What the last replay found; None before the first.
        content_hashes: What was delivered, by table: the data that the page is about.
    """
    same = replay is not None and dict(replay.content_hashes) == dict(content_hashes)
    return render_part("evaluation/replay_answer.html.j2", Replayed(market, replay, same))
