"""Parameters of the features pipeline."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from finq_predictor.domain.features.sets import HOUSE, Members, NamedSet, members_of, with_own
from finq_predictor.domain.features.views import ONLINE_BARS
from finq_predictor.domain.registry import Registry


class FeaturesParams(BaseModel):
    """Which features and labels are made.

    Attributes:
        set: Name of the set of features: ``house`` is everything but published sets; see ``finq features sets``.
        sets: Sets of your own, their members by name: features, patterns such as ``vol_*``, ``family:volume``,
            ``set:core``; with ``!`` in front what is taken out again.
        families: Families of the set, or ``"all"`` of them.
        exclude: Names of features to leave out.
        own: Files of features of your own, from the project's folder; only markets that name a file use it.
        min_known_share: Features known on a smaller share of the rows are left out, and the feature set says so.
        horizons: Label horizons in bars; empty means those of the market.
        online_bars: Newest bars that are kept at hand for the service, and for lags.
        threads: How many compute at once; results do not depend on it, memory does a little.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    set: str = HOUSE
    sets: dict[str, tuple[str, ...]] = Field(default={})
    families: Literal["all"] | tuple[str, ...] = "all"
    exclude: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    min_known_share: float = Field(default=0.5, gt=0, le=1)
    horizons: tuple[int, ...] = Field(default=())
    online_bars: int = Field(default=ONLINE_BARS, ge=1, le=1000)
    threads: int = Field(default=2, ge=1)

    def members(self) -> Members:
        """What the chosen set is made of.

        Raises:
            ConfigurationError: If a set of one's own has a name that is taken, or no member, or is made of itself.
            UnknownNameError: If the set or a member does not exist; near misses are suggested.
        """
        return members_of(self.set, self.known_sets())

    def known_sets(self) -> Registry[NamedSet]:
        """The sets of the product and those given here.

        Raises:
            ConfigurationError: As :meth:`members`.
            UnknownNameError: As :meth:`members`.
        """
        return with_own(self.sets)

    @model_validator(mode="after")
    def _horizons_look_forward(self) -> Self:
        if any(horizon < 1 for horizon in self.horizons):
            raise ValueError(f"horizons {list(self.horizons)} must be 1 bar or more")
        return self
