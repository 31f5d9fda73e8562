"""The mean of several models, or of one model under several seeds, all with the same weight."""

from __future__ import annotations

from typing import ClassVar

from finq_predictor.domain.modelling.models.ensemble import Ensemble


class Blend(Ensemble):
    """Equal weights: on short and noisy histories hard to beat by fitted ones (Timmermann, 2006).

    Args: as for :class:`~finq_predictor.domain.modelling.models.ensemble.Ensemble`.
    """

    name: ClassVar[str] = "blend"
