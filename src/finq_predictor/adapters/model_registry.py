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
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from finq_predictor.adapters.bundle_store import load_bundle, save_bundle
from finq_predictor.adapters.distributions import PREDICTING, installed
from finq_predictor.adapters.layout import locate
from finq_predictor.adapters.promotion_log import PromotionLogFile
from finq_predictor.adapters.registration import Registration
from finq_predictor.adapters.secrets import masked
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.tracking import TrackedRun, Tracker, connect, utc_now
from finq_predictor.domain.errors import FinqError, StoreError, UnknownNameError
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.origin import ModelStatus, RegisteredVersion
from finq_predictor.domain.promotion.decision import Decision, Incumbent, Verdict
from finq_predictor.domain.promotion.log import (
    Act,
    Anchor,
    LoggedModel,
    LogRecord,
    PromotionLog,
    in_words,
    require_whole,
    unmet,
)

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
APPROVAL, AWAITED = "approval", "awaited"
"""Tag of a version that a person has to approve, or has."""
ANCHOR = "promotion_log"
"""Tag of a version or a run: hash of the record of the log of decisions that was the last one about it."""


class ModelRegistry:
    """Versions of one market's model.

    Args:
        market: Name of the market; gives the registered name and the experiment.
        tracking_uri: Of the MLflow store.
        artifact_root: Folder for artifacts of a new experiment.
        export_dir: Place of the champion as the layout has it; its versions lie in that folder.
        clock: Gives the time that the log of decisions notes.
    """

    def __init__(
        self,
        market: str,
        tracking_uri: str,
        artifact_root: str | Path,
        export_dir: str | Path,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.market = market
        self.name = get_market(market).registered_model
        self.tracking_uri = tracking_uri
        self.exported = locate(Path(export_dir))
        self.tracker = Tracker(tracking_uri, artifact_root, f"finq-{market}")
        self.log, self.clock = PromotionLogFile(self.exported.root, market), clock

    def register(self, registration: Registration) -> str | None:
        """Carry a decision out; one that a killed run had begun to carry out is finished, and not begun again.

        It is entered in the log before the champion is another one, so that nothing is ever in use without a record.

        Returns:
            The new version, or None when the decision keeps the champion.

        Raises:
            StoreError: If the log of decisions is broken, or another model is in use than the one that was compared.
        """
        verdict = registration.decision.decision
        self.whole_log()
        if verdict in (Verdict.PROMOTE, Verdict.AWAIT) and registration.bundle.is_flat:
            raise StoreError(
                f"{registration.bundle.name} was to be promoted, but gives every row the same probability; nothing was "
                "registered. Decide again with the gate of this version."
            )
        self._require_current(registration.decision)
        if verdict is Verdict.REJECT:
            record = self._enter(registration, "")
            if registration.decision.demoted:
                self._demote(registration.decision.demoted)
            self.note_anchor(record)
            if self.champion() is not None:
                self.export()
            return None
        status = ModelStatus.PROMOTED if verdict is Verdict.PROMOTE else ModelStatus.PROVISIONAL
        client = connect(self.tracking_uri)
        run_id = registration.run_id or self._new_run(registration)
        source = self._log_model(client, run_id, registration)
        self._create_model(client)
        tags = {**registration.tags, "status": status.value, "reason": registration.decision.reason[:4000]}
        if verdict is Verdict.AWAIT:
            tags[APPROVAL] = AWAITED
        version = self._begun(client, run_id, tags) or str(
            client.create_model_version(self.name, source, run_id, tags=tags).version
        )
        record = self._enter(registration, version)
        if verdict is Verdict.AWAIT:
            self._end_waiting(client, version)
            if registration.decision.demoted:
                self._demote(registration.decision.demoted)
        else:
            client.set_registered_model_alias(self.name, CHALLENGER, version)
            self.put_into_use(version)
        self.note_anchor(record)
        if self.champion() is not None:
            self.export()
        return version

    def put_into_use(self, version: str) -> None:
        """Make a version the champion, and the one before it the one to go back to; the caller has entered it."""
        client, current = connect(self.tracking_uri), self.champion()
        if current is not None and str(current.version) != version:
            client.set_registered_model_alias(self.name, PREVIOUS, current.version)
        client.set_registered_model_alias(self.name, CHAMPION, version)
        self._end_waiting(client, version)

    def whole_log(self) -> PromotionLog:
        """The log of decisions, where neither the chain is broken nor a hash is missing that a version carries.

        Raises:
            StoreError: If the log is broken.
        """
        log = self.log.read()
        noted = [
            Anchor(one.tags[ANCHOR], f"version {one.version} of {self.name}")
            for one in self.versions()
            if one.tags.get(ANCHOR)
        ]
        for missing in unmet(noted, log, self.log.text_aside()):
            require_whole(in_words(missing), self.log.path, self.market)
        return log

    def note_anchor(self, record: LogRecord) -> None:
        """Note the hash of a record beside the version and the run that it is about, where the log is not kept."""
        client = connect(self.tracking_uri)
        if record.about:
            client.set_model_version_tag(self.name, record.about, ANCHOR, record.hash)
        if record.run_id and record.act not in (Act.ROLL_BACK,):
            client.set_tag(record.run_id, ANCHOR, record.hash)

    def bare(self, version: Any) -> LoggedModel:
        """A version as the log names it, without figures."""
        tags = version.tags
        model, digest = tags.get("model", ""), tags.get("model_hash", "")
        return LoggedModel(model, digest, str(version.version), status_of(version).value)

    def known_as(self, version: Any) -> LoggedModel:
        """A version as the log names it, with the figures that were entered when it was decided about."""
        number = str(version.version)
        figures = next(
            (
                one.candidate.figures
                for one in self.log.read().records
                if one.candidate is not None and one.candidate.version == number
            ),
            {},
        )
        return replace(self.bare(version), figures=dict(figures))

    def version_of(self, version: str) -> Any:
        """A version as MLflow knows it.

        Raises:
            UnknownNameError: If there is none of this number; says which there are.
        """
        known = {str(one.version): one for one in self.versions()}
        if version not in known:
            raise UnknownNameError(f"version of {self.name}", version, sorted(known, key=int))
        return known[version]

    def versions(self) -> list[Any]:
        """Every version as MLflow knows it."""
        return list(connect(self.tracking_uri).search_model_versions(f"name='{self.name}'"))

    def _require_current(self, decision: Decision) -> None:
        compared, current = decision.incumbent, self.champion()
        if compared is None or current is None or str(current.version) == compared.version:
            return
        raise StoreError(
            f"It was decided beside version {compared.version} of {self.name}, but version {current.version} is in use "
            f"by now. Decide again: kedro run --pipelines=evaluation --namespaces=evaluation.{self.market}"
        )

    def _enter(self, registration: Registration, version: str) -> LogRecord:
        """Enter a decision in the log."""
        current = self.champion()
        before = None if current is None else self.known_as(current)
        return self.log.append(registration.entry(version, before), now=self.clock())

    def _end_waiting(self, client: Any, version: str) -> None:
        """A newer candidate, or another champion, ends the waiting of those before."""
        for one in self.versions():
            if one.tags.get(APPROVAL) == AWAITED and str(one.version) != version:
                client.set_model_version_tag(self.name, one.version, APPROVAL, f"superseded by version {version}")

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
        return self.version_with(CHAMPION)

    def load_champion(self) -> ModelBundle:
        """The champion, from its export where that agrees with the registry.

        Raises:
            StoreError: If no champion is registered.
        """
        version = self.champion()
        if version is None and (waiting := self.log.read().waiting()) is not None:
            raise StoreError(
                f"Nothing of {self.market} is in use yet: version {waiting.about} passed every check and waits for an "
                f"approval. Approve it: finq approve {self.market} {waiting.about} --by NAME"
            )
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
        return self._load(self.version_of(version))

    def load_versions(self) -> list[ModelBundle]:
        """Every version that was put into use when it was registered, or approved, the first first."""
        ordered = sorted(filter(was_in_use, self.versions()), key=lambda version: int(version.version))
        return [self._load(version) for version in ordered]

    def load_incumbent(self, number: str = "") -> Incumbent | None:
        """What the next candidate is compared with; None before the first registration.

        Args:
            number: A version that was in use once, instead of the champion.
        """
        version = self.version_of(number) if number else self.champion()
        if version is None:
            return None
        folder = self._local(version.source) / "evidence"
        return Incumbent(
            version=str(version.version),
            status=status_of(version),
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
        if version is not None and status_of(version) is ModelStatus.PROMOTED:
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

    def version_with(self, alias: str) -> Any | None:
        """The version that has an alias, or None."""
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


def was_in_use(version: Any) -> bool:
    """Whether a version was ever champion: one that waits for an approval, or did not get it, was not."""
    said = str(version.tags.get(APPROVAL, ""))
    return not said or said.startswith("approved")


def _identity(version: Any) -> RegisteredVersion:
    return RegisteredVersion(
        version=str(version.version),
        status=status_of(version),
        run_id=str(version.run_id),
        registered_model=str(version.name),
    )


def status_of(version: Any) -> ModelStatus:
    """Standing of a version; one whose tag was lost is not taken for a promoted one."""
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
