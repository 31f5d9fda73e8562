"""What came of letting models answer beside a champion, as it is kept, shown, and given to the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from finq_predictor.domain.evaluation.arm_comparison import ArmComparison
from finq_predictor.domain.evaluation.arm_service import ArmService


@dataclass(frozen=True)
class Trial:
    """One challenger beside one champion.

    Attributes:
        name: Of the challenger.
        experiment: Of the experiment.
        mode: ``shadow`` or ``ab``.
        model: Name of the challenger's model.
        version: Its version.
        champion_model: Name of the champion's model.
        champion_version: Its version.
        horizon: Bars of the label.
        found: What was found.
        sentence: What can be said of it.
        model_hash: Equal for equal models, by which a candidate is known again; empty where nobody wrote it down.
        over: Whether the challenger is not tried any more.
        service: How ``champion`` and ``challenger`` served since both answered, at most lately.
    """

    name: str
    experiment: str
    mode: str
    model: str
    version: str
    champion_model: str
    champion_version: str
    horizon: int
    found: ArmComparison
    sentence: str
    model_hash: str = ""
    over: bool = False
    service: Mapping[str, ArmService] = field(default_factory=dict)


@dataclass(frozen=True)
class ExperimentReport:
    """All that was tried in a market.

    Attributes:
        market: Name of the market.
        made_at: When it was made, ISO 8601.
        trials: By challenger and champion; a challenger has one for each champion beside which it answered.
        waiting: Challengers without any pair whose outcome is known.
    """

    market: str
    made_at: str
    trials: tuple[Trial, ...]
    waiting: tuple[str, ...]

    def about(self, model_hash: str, champion: tuple[str, str]) -> tuple[Trial, ...]:
        """The trials of one very model beside one champion.

        Another fit of the same kind of model is another model: what one did says nothing certain of the other.

        Args:
            model_hash: Of the model, as :func:`~finq_predictor.domain.modelling.model_hash.model_hash` gives it.
            champion: Name and version of the champion.
        """
        return tuple(
            one
            for one in self.trials
            if model_hash and one.model_hash == model_hash and (one.champion_model, one.champion_version) == champion
        )
