"""Score-cards: how right each version of each model was that has answered."""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.domain.evaluation.realised import Counts, Figure
from finq_predictor.domain.evaluation.sticky_arms import Arm


@dataclass(frozen=True)
class FeedbackCounts:
    """What clients say, beside what the data say.

    Attributes:
        given: Feedback about bars of this market; whoever says it twice counts once.
        agreeing: It says what the data say.
        conflicting: It says something else than the data, or than another client.
        open: The data say nothing yet.
    """

    given: int
    agreeing: int
    conflicting: int
    open: int


@dataclass(frozen=True)
class ScoreCard:
    """How right one version of a model was over one horizon.

    Attributes:
        market: Name of the market.
        model: Name of the model.
        version: Its version.
        arm: Which role it played.
        horizon: Bars of the label.
        first_bar: First bar that it spoke about.
        last_bar: Last bar.
        counts: What became of what it said.
        figures: Each with its interval and what was promised.
        feedback: What clients say of its bars.
        note: Why figures are missing; empty where none is.
    """

    market: str
    model: str
    version: str
    arm: str
    horizon: int
    first_bar: str
    last_bar: str
    counts: Counts
    figures: tuple[Figure, ...]
    feedback: FeedbackCounts
    note: str


@dataclass(frozen=True)
class ScoreCards:
    """All score-cards at a time.

    Attributes:
        as_of: What was known then; empty where it is what is known now.
        made_at: When they were made.
        cards: By market, model, version, role and horizon.
    """

    as_of: str
    made_at: str
    cards: tuple[ScoreCard, ...]

    def of_model(self, market: str, model: str, version: str) -> ScoreCard | None:
        """What one version of a model did as the champion of a market; None where it said nothing.

        Args:
            market: Name of the market.
            model: Name of the model.
            version: Its version.
        """
        wanted = (market, model, version, Arm.CHAMPION.value)
        found = (card for card in self.cards if (card.market, card.model, card.version, card.arm) == wanted)
        return max(found, key=lambda card: card.counts.matured, default=None)
