"""Load features of the user's own before anything asks which there are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

from finq_predictor.adapters.own_features import any_own, load_own_features
from finq_predictor.domain.market.markets import MARKETS


class OwnFeatureHooks:
    """What packages offer and what the parameters name, for every run and every command that opens the catalog."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Load them; a file that is not there, or a feature that breaks a law, stops the run before it begins."""
        root, parameters = Path(context.project_path), context.params
        named = [root / file for market in MARKETS for file in _named(parameters.get(market) or {})]
        if named or any_own():
            load_own_features(named)


def _named(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The files of one market; Kedro gives parameters that a pipeline declares as what they were read into."""
    features = parameters.get("features") or {}
    own = features.get("own") if isinstance(features, Mapping) else getattr(features, "own", None)
    return tuple(own or ())
