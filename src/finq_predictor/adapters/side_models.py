"""Models beside the one that predicts: small ones that are typed values, registered and tracked like it.

Each has a name and a market; a registered model is called by both. Every judgement is a run; the model of it becomes a
version. ``champion`` is the version that was better than its naive rule when it was judged last; where the newest
judgement is against it, nothing is champion, and whoever asks falls back on the naive rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from finq_predictor.adapters.model_registry import CHALLENGER, CHAMPION, PREVIOUS
from finq_predictor.adapters.tracking import RunIdentity, TrackedRun, Tracker, connect
from finq_predictor.domain.fingerprint import hash_content

VALUE = "model.json"


@dataclass(frozen=True)
class SideModel:
    """A model and how it was judged.

    Attributes:
        name: Of the kind of model, such as ``risk-assessment``.
        what: What it answers, for the registry.
        value: The model itself, a typed value.
        metrics: How good it is, and its naive rule.
        promoted: Whether it is better than that rule.
        reason: Why, in words.
        params: What it was made with.
        tags: Where its data came from.
    """

    name: str
    what: str
    value: object
    metrics: Mapping[str, float]
    promoted: bool
    reason: str
    params: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


class SideModelRegistry:
    """Versions of the models beside the one that predicts, of one market.

    Args:
        market: Name of the market; gives the experiment, and ends the registered names.
        tracking_uri: Of the MLflow store.
        artifact_root: Folder for artifacts of a new experiment.
    """

    def __init__(self, market: str, tracking_uri: str, artifact_root: str) -> None:
        self.market = market
        self.tracker = Tracker(tracking_uri, artifact_root, f"finq-{market}")

    def registered_name(self, name: str) -> str:
        """What a model is called in the registry."""
        return f"{name}-{self.market}"

    def register(self, model: SideModel) -> RunIdentity:
        """Track a judgement, and carry it out; one that is there already is not made again."""
        run = self.tracker.write(
            TrackedRun(
                model.name,
                params=model.params,
                metrics=model.metrics,
                tags={**model.tags, "market": self.market, "decision": _status(model), "reason": model.reason[:4000]},
                artifacts={VALUE: model.value},
                identity=hash_content([model.name, repr(model.value), {k: repr(v) for k, v in model.metrics.items()}]),
            )
        )
        client = connect(self.tracker.tracking_uri)
        name = self.registered_name(model.name)
        _create(client, name, model.what)
        source = f"{client.get_run(run.run_id).info.artifact_uri}/{VALUE}"
        known = {version.run_id: str(version.version) for version in client.search_model_versions(f"name='{name}'")}
        tags = {**model.tags, "status": _status(model), "reason": model.reason[:4000]}
        version = known.get(run.run_id) or str(client.create_model_version(name, source, run.run_id, tags=tags).version)
        client.set_registered_model_alias(name, CHALLENGER, version)
        champion = self.champion(model.name)
        if champion == (version if model.promoted else None):
            return run
        if champion is not None:
            client.set_registered_model_alias(name, PREVIOUS, champion)
            client.delete_registered_model_alias(name, CHAMPION)
        if model.promoted:
            client.set_registered_model_alias(name, CHAMPION, version)
        return run

    def champion(self, name: str) -> str | None:
        """The version in use; None where the naive rule is."""
        aliases = connect(self.tracker.tracking_uri).get_registered_model(self.registered_name(name)).aliases
        return None if CHAMPION not in aliases else str(aliases[CHAMPION])


def _status(model: SideModel) -> str:
    return "promoted" if model.promoted else "rejected"


def _create(client: Any, name: str, what: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description=what)
    except MlflowException as known:
        if known.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
