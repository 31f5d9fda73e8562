"""What does the model look at?"""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.figures import Image
from finq_predictor.reports.formatting import setting


@dataclass(frozen=True)
class Inside:
    """What the model is made of and uses.

    Attributes:
        model: The candidate.
        settings: Name and value of each of its settings.
        champion: The model that answers now.
        importance: Picture: the features it uses most.
    """

    model: str
    settings: tuple[tuple[str, str], ...]
    champion: ModelBundle
    importance: Image


def build(material: ReportMaterial) -> Inside:
    """The settings of the candidate and the features that it uses."""
    bundle = material.results.bundle
    return Inside(
        model=bundle.name,
        settings=tuple((key, setting(value)) for key, value in sorted(bundle.model.params.items())),
        champion=material.champion,
        importance=material.pictures["importance"],
    )
