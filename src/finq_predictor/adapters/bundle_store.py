"""Model bundles on disk: readable JSON with checksums, written whole or not at all, never a pickle."""

from __future__ import annotations

import json
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from finq_predictor.adapters.typed_json import from_json, plain
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.models import restore_model
from finq_predictor.domain.modelling.origin import Origin, RegisteredVersion
from finq_predictor.domain.modelling.training_profile import TrainingProfile

FORMAT = 1
BUNDLE_FILE = "bundle.json"
MODEL_FILE = "model.json"
CHECKSUM_FILE = "checksums.json"


def save_bundle(bundle: ModelBundle, folder: Path | str) -> None:
    """Write a bundle into a folder of its own.

    Whoever replaces a bundle keeps it as a version of a dataset; a folder that others read is never written to.

    Args:
        bundle: What to keep.
        folder: A folder that is not there yet, or is empty; parents are made.

    Raises:
        StoreError: If the bundle holds something that JSON cannot say, or there is something in the folder.
    """
    target = Path(folder)
    texts = {BUNDLE_FILE: _dump(_header(bundle), "bundle"), MODEL_FILE: _dump(bundle.model.state(), "model")}
    sums = {name: sha256(text.encode()).hexdigest() for name, text in texts.items()}
    texts[CHECKSUM_FILE] = _dump({"format": FORMAT, "sha256": sums}, "checksums")
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise StoreError(f"There is something in {target} already; write the bundle into a folder of its own.")
    for name, text in texts.items():
        (target / name).write_text(text, encoding="utf-8")


def load_bundle(folder: Path | str) -> ModelBundle:
    """Read a bundle and make sure it is what was written.

    Args:
        folder: A folder :func:`save_bundle` has written.

    Returns:
        The bundle; its predictions are the same bits as before.

    Raises:
        StoreError: If it is absent, damaged, or in another format.
    """
    place = Path(folder)
    if not place.is_dir():
        raise StoreError(f"There is no model bundle in {place}. Train one first: kedro run --pipelines=<market>.")
    sums = _parse(_bytes(place, CHECKSUM_FILE), place / CHECKSUM_FILE)
    if sums.get("format") != FORMAT:
        raise StoreError(
            f"The bundle in {place} has format {sums.get('format')!r}; this code reads {FORMAT}. Train again."
        )
    parts = {}
    for name in (BUNDLE_FILE, MODEL_FILE):
        content = _bytes(place, name)
        if sha256(content).hexdigest() != sums.get("sha256", {}).get(name):
            raise StoreError(
                f"{place / name} is damaged: its checksum is not the one written. Train or export it again."
            )
        parts[name] = _parse(content, place / name)
    return _build(parts[BUNDLE_FILE], parts[MODEL_FILE], place)


def _build(header: dict[str, Any], state: dict[str, Any], place: Path) -> ModelBundle:
    try:
        return ModelBundle(
            market=header["market"],
            name=header["name"],
            horizon=int(header["horizon"]),
            feature_set=FeatureSet.from_dict(header["feature_set"]),
            model=restore_model(header["model"], state),
            calibrator=PlattCalibrator.from_state(header["calibrator"]),
            profile=TrainingProfile.from_dict(header["reference"]),
            origin=_origin(header["metadata"], place),
        )
    except (KeyError, TypeError) as error:
        raise StoreError(
            f"The bundle in {place} lacks {error}; it was written by other code. Train it again."
        ) from error


def _header(bundle: ModelBundle) -> dict[str, Any]:
    return {
        "market": bundle.market,
        "name": bundle.name,
        "model": bundle.model.name,
        "horizon": bundle.horizon,
        "feature_set": bundle.feature_set.to_dict(),
        "calibrator": bundle.calibrator.state(),
        "reference": bundle.profile.to_dict(),
        "metadata": _metadata(bundle.origin),
    }


def _metadata(origin: Origin) -> dict[str, Any]:
    """The origin in one level: the place in the registry stands beside the rest."""
    facts: dict[str, Any] = plain(origin)
    registered = facts.pop("registered") or {}
    return {**facts, **registered}


def _origin(metadata: dict[str, Any], place: Path) -> Origin:
    registry = {field.name for field in fields(RegisteredVersion)} & set(metadata)
    facts = {name: value for name, value in metadata.items() if name not in registry}
    registered = {name: metadata[name] for name in registry} or None
    return from_json(Origin, json.dumps({**facts, "registered": registered}), place / BUNDLE_FILE, "Train it again.")


def _dump(content: dict[str, Any], what: str) -> str:
    try:
        return json.dumps(content, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"The {what} holds a value that JSON cannot say: {error}.") from error


def _parse(content: bytes, file: Path) -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = json.loads(content)
    except ValueError as error:
        raise StoreError(f"{file} is damaged: {error}. Train or export it again.") from error
    return parsed


def _bytes(place: Path, name: str) -> bytes:
    try:
        return (place / name).read_bytes()
    except OSError as error:
        raise StoreError(
            f"{place} holds no complete model bundle: {name} cannot be read. Train or export it again."
        ) from error
