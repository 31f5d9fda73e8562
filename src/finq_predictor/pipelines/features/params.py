"""Parameters of the features pipeline."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class FeaturesParams(BaseModel):
    """Which features and labels are made.

    Attributes:
        families: Families of features, or ``"all"``.
        exclude: Names of features to leave out.
        own: Files of features of your own, from the project's folder; only markets that name a file use it.
        min_known_share: Features known on a smaller share of the rows are left out, and the feature set says so.
        horizons: Label horizons in bars; empty means those of the market.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    families: Literal["all"] | tuple[str, ...] = "all"
    exclude: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    min_known_share: float = Field(default=0.5, gt=0, le=1)
    horizons: tuple[int, ...] = Field(default=())

    @model_validator(mode="after")
    def _horizons_look_forward(self) -> Self:
        if any(horizon < 1 for horizon in self.horizons):
            raise ValueError(f"horizons {list(self.horizons)} must be 1 bar or more")
        return self
