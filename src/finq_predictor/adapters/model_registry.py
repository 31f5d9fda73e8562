"""The registered models: versions, aliases and the export that serving reads.

The registry is the truth. ``champion`` is the model in use, ``previous`` the one before it (for roll-back),
``challenger`` the last candidate that was registered. The export is a copy of the champion in the bundle format, part
of the market's snapshots, renewed whenever it
disagrees.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from finq_predictor.adapters.bundle_store import load_bundle, save_bundle
from finq_predictor.adapters.distributions import PREDICTING, installed
from finq_predictor.adapters.layout import locate
from finq_predictor.adapters.secrets import masked
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.tracking import TrackedRun, Tracker, connect
from finq_predictor.domain.errors import FinqError, StoreError, UnknownNameError
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.origin import ModelStatus, RegisteredVersion
from finq_predictor.domain.promotion.decision import Decision, Incumbent, Verdict

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"


@dataclass(frozen=True)
class Registration:
    """A decision and the model it is about.

    Attributes:
        decision: The promotion decision; when it rejects, nothing is registered.
        bundle: The chosen candidate.
        oos: Its out-of-sample predictions, kept for the comparison with its successor.
        importance: Feature -> importance, kept for the same reason.
        tags: Written to the version; values are text.
        run_id: Run that the model came from; without one a run is made.
    """

    decision: Decision
    bundle: ModelBundle
    oos: pd.DataFrame
    importance: Mapping[str, float]
    tags: Mapping[str, str]
    run_id: str | None = None


class ModelRegistry:
    """Versions of one market's model.

    Args:
        market: Name of the market; gives the registered name and the experiment.
        tracking_uri: Of the MLflow store.
        artifact_root: Folder for artifacts of a new experiment.
        export_dir: Place of the champion as the layout has it; its versions lie in that folder.
    """

    def __init__(self, market: str, tracking_uri: str, artifact_root: str | Path, export_dir: str | Path) -> None:
        self.market = market
        self.name = get_market(market).registered_model
        self.tracking_uri = tracking_uri
        self.exported = locate(Path(export_dir))
        self.tracker = Tracker(tracking_uri, artifact_root, f"finq-{market}")

    def register(self, registration: Registration) -> str | None:
        """Carry a decision out; one that a killed run had begun to carry out is finished, and not begun again.

        Returns:
            The new version, or None when the decision keeps the champion.
        """
        verdict = registration.decision.decision
        if verdict is Verdict.PROMOTE and registration.bundle.is_flat:
            raise StoreError(
                f"{registration.bundle.name} was to be promoted, but gives every row the same probability; nothing was "
                "registered. Decide again with the gate of this version."
            )
        if verdict is Verdict.REJECT:
            if registration.decision.demoted:
                self._demote(registration.decision.demoted)
            if self.champion() is not None:
                self.export()
            return None
        status = ModelStatus.PROMOTED if verdict is Verdict.PROMOTE else ModelStatus.PROVISIONAL
        client = connect(self.tracking_uri)
        run_id = registration.run_id or self._new_run(registration)
        source = self._log_model(client, run_id, registration)
        self._create_model(client)
        tags = {**registration.tags, "status": status.value, "reason": registration.decision.reason[:4000]}
        version = self._begun(client, run_id, tags) or str(
            client.create_model_version(self.name, source, run_id, tags=tags).version
        )
        self._move_aliases(client, version)
        self.export()
        return version

    def _begun(self, client: Any, run_id: str, tags: Mapping[str, str]) -> str | None:
        """The version that a killed run made of the same model for the same reason, but did not make the champion."""
        champion = self.champion()
        after = 0 if champion is None else int(champion.version)
        for version in client.search_model_versions(f"name='{self.name}'"):
            same = version.run_id == run_id and tags.items() <= dict(version.tags).items()
            if same and int(version.version) > after:
                return str(version.version)
        return None

    def champion(self) -> Any | None:
        """The champion's model version as MLflow knows it, or None."""
        return self._version(CHAMPION)

    def load_champion(self) -> ModelBundle:
        """The champion, from its export where that agrees with the registry.

        Raises:
            StoreError: If no champion is registered.
        """
        version = self.champion()
        if version is None:
            raise StoreError(
                f"No champion is registered as {self.name!r} in {masked({'store': self.tracking_uri})['store']}; "
                f"run `kedro run --pipelines={self.market}` to train and register one."
            )
        return self._exported(version) or self.export()

    def load_version(self, version: str) -> ModelBundle:
        """One version that was registered.

        Raises:
            UnknownNameError: If there is none of this number; says which there are.
        """
        versions = connect(self.tracking_uri).search_model_versions(f"name='{self.name}'")
        known = {str(one.version): one for one in versions}
        if version not in known:
            raise UnknownNameError(f"version of {self.name}", version, sorted(known, key=int))
        return self._load(known[version])

    def load_versions(self) -> list[ModelBundle]:
        """Every version that was registered, each of which was champion from then on, the first first."""
        versions = connect(self.tracking_uri).search_model_versions(f"name='{self.name}'")
        ordered = sorted(versions, key=lambda version: int(version.version))
        return [self._load(version) for version in ordered]

    def load_incumbent(self) -> Incumbent | None:
        """What the next candidate is compared with; None before the first registration."""
        version = self.champion()
        if version is None:
            return None
        folder = self._local(version.source) / "evidence"
        return Incumbent(
            version=str(version.version),
            status=_status(version),
            model=version.tags.get("model", ""),
            source_id=version.tags.get("source_id", ""),
            simulated=version.tags.get("simulated") == "true",
            model_hash=version.tags.get("model_hash", ""),
            oos=pd.read_parquet(folder / "oos_predictions.parquet"),
            importance=json.loads((folder / "importance.json").read_text(encoding="utf-8")),
            bundle=self._readable(version),
        )

    def export(self) -> ModelBundle:
        """Export the champion if it is not exported already."""
        version = self.champion()
        if version is None:
            raise StoreError(f"No champion is registered as {self.name!r}; there is nothing to export.")
        if (exported := self._exported(version)) is not None:
            return exported
        bundle = self._load(version)
        writer.store(self.exported, lambda folder: save_bundle(bundle, folder))
        return bundle

    def roll_back(self) -> str:
        """Make the previous champion the champion again.

        Returns:
            Its version.

        Raises:
            StoreError: If there is no previous champion.
        """
        previous, current = self._version(PREVIOUS), self.champion()
        if previous is None or current is None:
            raise StoreError(f"{self.name!r} has no previous champion to go back to.")
        client = connect(self.tracking_uri)
        client.set_registered_model_alias(self.name, CHAMPION, previous.version)
        client.set_registered_model_alias(self.name, PREVIOUS, current.version)
        self.export()
        return str(previous.version)

    def _load(self, version: Any) -> ModelBundle:
        registered = load_bundle(self._local(version.source) / "artifacts" / "bundle")
        return registered.registered_as(_identity(version))

    def _readable(self, version: Any) -> ModelBundle | None:
        """The model of a version; None where this code cannot read it any more."""
        try:
            return self._load(version)
        except FinqError:
            return None

    def _demote(self, reason: str) -> None:
        """Take the champion's word back that it may be traded on; it stays in use until something better is there."""
        version = self.champion()
        if version is not None and _status(version) is ModelStatus.PROMOTED:
            client = connect(self.tracking_uri)
            client.set_model_version_tag(self.name, version.version, "status", ModelStatus.PROVISIONAL.value)
            client.set_model_version_tag(self.name, version.version, "demoted", reason[:4000])

    def _exported(self, version: Any) -> ModelBundle | None:
        try:
            view = writer.view(self.exported.root, self.exported.market)
            bundle = load_bundle(view.path(self.exported.dataset))
        except (StoreError, OSError):
            return None
        return bundle if bundle.origin.registered == _identity(version) else None

    def _version(self, alias: str) -> Any | None:
        from mlflow.exceptions import MlflowException

        try:
            return connect(self.tracking_uri).get_model_version_by_alias(self.name, alias)
        except MlflowException as absent:
            if absent.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def _create_model(self, client: Any) -> None:
        from mlflow.exceptions import MlflowException

        try:
            client.create_registered_model(self.name, description=get_market(self.market).question)
        except MlflowException as known:
            if known.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _move_aliases(self, client: Any, version: str) -> None:
        if (current := self.champion()) is not None:
            client.set_registered_model_alias(self.name, PREVIOUS, current.version)
        client.set_registered_model_alias(self.name, CHALLENGER, version)
        client.set_registered_model_alias(self.name, CHAMPION, version)

    def _new_run(self, registration: Registration) -> str:
        run = TrackedRun(registration.bundle.name, params={}, metrics={}, tags=registration.tags)
        return self.tracker.write(run).run_id

    def _log_model(self, client: Any, run_id: str, registration: Registration) -> str:
        source = f"{client.get_run(run_id).info.artifact_uri}/model"
        if any(version.source == source for version in client.search_model_versions(f"name='{self.name}'")):
            # A registered model may be read at any time: it is never written over.
            return source
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            _save_pyfunc(registration.bundle, path, Path(folder) / "bundle")
            evidence = path / "evidence"
            evidence.mkdir()
            registration.oos.to_parquet(evidence / "oos_predictions.parquet", index=False)
            importance = json.dumps(dict(registration.importance), indent=2, sort_keys=True)
            (evidence / "importance.json").write_text(importance, encoding="utf-8")
            client.log_artifacts(run_id, str(path), "model")
        return source

    def _local(self, uri: str) -> Path:
        from mlflow.artifacts import download_artifacts

        return Path(download_artifacts(artifact_uri=uri, tracking_uri=self.tracking_uri))


def _identity(version: Any) -> RegisteredVersion:
    return RegisteredVersion(
        version=str(version.version),
        status=_status(version),
        run_id=str(version.run_id),
        registered_model=str(version.name),
    )


def _status(version: Any) -> ModelStatus:
    given = version.tags.get("status", ModelStatus.PROVISIONAL.value)
    try:
        return ModelStatus(given)
    except ValueError:
        raise UnknownNameError("status of a model", given, [status.value for status in ModelStatus]) from None


def _save_pyfunc(bundle: ModelBundle, path: Path, work: Path) -> None:
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import save_model
    from mlflow.types import ColSpec, DataType, Schema

    save_bundle(bundle, work)
    keys = [ColSpec(DataType.string, key, required=False) for key in ("ts", "instrument")]
    features = [ColSpec(DataType.double, name) for name in bundle.feature_set.names]
    with warnings.catch_warnings():
        # An example is run through the model when it is logged; the signature says the same at no cost.
        warnings.filterwarnings("ignore", message=".*input example was not provided")
        save_model(
            path,
            python_model=str(Path(__file__).with_name("mlflow_model.py")),
            artifacts={"bundle": str(work)},
            signature=ModelSignature(inputs=Schema([*keys, *features])),
            pip_requirements=[
                f"{name}=={version}" for name, version in installed((*PREDICTING, *bundle.model.needs())).items()
            ],
        )
    shutil.rmtree(work)
