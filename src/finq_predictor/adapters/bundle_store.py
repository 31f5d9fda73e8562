"""Model bundles on disk: readable JSON with checksums, written whole or not at all, never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from finq_predictor.adapters.own_features import load_for
from finq_predictor.adapters.signing import is_signed, sign, signing_key
from finq_predictor.adapters.typed_json import from_json, plain
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.conformal import ConformalSets
from finq_predictor.domain.modelling.domain_guard import DomainGuard
from finq_predictor.domain.modelling.models import restore_model
from finq_predictor.domain.modelling.origin import Origin, RegisteredVersion
from finq_predictor.domain.modelling.training_profile import TrainingProfile

FORMAT = 2
"""2 since a bundle knows its limits: conformal sets and the domain guard."""
BUNDLE_FILE = "bundle.json"
MODEL_FILE = "model.json"
GUARD_FILE = "guard.json"
CHECKSUM_FILE = "checksums.json"
SIGNATURE_FILE = "signature.json"
LARGEST = 256 * 2**20
"""Bytes of a file of a bundle at most."""


def save_bundle(bundle: ModelBundle, folder: Path | str) -> None:
    """Write a bundle into a folder of its own, signed where a key is configured.

    Whoever replaces a bundle keeps it as a version of a dataset; a folder that others read is never written to.

    Args:
        bundle: What to keep.
        folder: A folder that is not there yet, or is empty; parents are made.

    Raises:
        StoreError: If the bundle holds something that JSON cannot say, or there is something in the folder.
        ConfigurationError: If there is a key that cannot be used, see :mod:`finq_predictor.adapters.signing`.
    """
    target, key = Path(folder), signing_key()
    texts = {
        BUNDLE_FILE: _dump(_header(bundle), "bundle"),
        MODEL_FILE: _dump(bundle.model.state(), "model"),
        GUARD_FILE: _dump(bundle.guard.state(), "guard", indent=None),
    }
    sums = {name: sha256(text.encode()).hexdigest() for name, text in texts.items()}
    texts[CHECKSUM_FILE] = _dump({"format": FORMAT, "sha256": sums}, "checksums")
    if key is not None:
        signature = sign(key, texts[CHECKSUM_FILE].encode())
        texts[SIGNATURE_FILE] = _dump({"algorithm": "HMAC-SHA256", "signature": signature}, "signature")
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise StoreError(f"There is something in {target} already; write the bundle into a folder of its own.")
    for name, text in texts.items():
        (target / name).write_text(text, encoding="utf-8")


def load_bundle(folder: Path | str) -> ModelBundle:
    """Read a bundle and make sure it is what was written, by whom it should where a key is configured.

    Args:
        folder: A folder :func:`save_bundle` has written.

    Returns:
        The bundle; its predictions are the same bits as before.

    Raises:
        StoreError: If it is absent, damaged, in another format, not signed as asked for, or holds numbers that no
            model could have.
        ConfigurationError: If there is a key that cannot be used.
    """
    return build_bundle(read_parts(folder), folder)


def read_parts(folder: Path | str) -> dict[str, bytes]:
    """The files of a bundle by name, after their checksums and the signature were compared.

    Raises:
        StoreError: If the bundle is absent, damaged, in another format or not signed as asked for.
        ConfigurationError: If there is a key that cannot be used.
    """
    place, key = Path(folder), signing_key()
    if not place.is_dir():
        raise StoreError(f"There is no model bundle in {place}. Train one first: kedro run --pipelines=<market>.")
    listed = _bytes(place, CHECKSUM_FILE)
    if key is not None:
        _require_signature(place, key, listed)
    sums = _parse(listed, place / CHECKSUM_FILE)
    if sums.get("format") != FORMAT:
        raise StoreError(
            f"The bundle in {place} has format {sums.get('format')!r}; this code reads {FORMAT}. Train again."
        )
    known = sums.get("sha256")
    parts = {}
    for name in (BUNDLE_FILE, MODEL_FILE, GUARD_FILE):
        content = _bytes(place, name)
        if not isinstance(known, dict) or sha256(content).hexdigest() != known.get(name):
            raise StoreError(
                f"{place / name} is damaged: its checksum is not the one written. Train or export it again."
            )
        parts[name] = content
    return parts


def build_bundle(parts: Mapping[str, bytes], folder: Path | str) -> ModelBundle:
    """Make a bundle of its files.

    Args:
        parts: What :func:`read_parts` has read.
        folder: Where they lay, for errors.

    Raises:
        StoreError: If something is missing, of other code, or out of range.
    """
    place = Path(folder)
    header, state, guard = (_parse(parts[name], place / name) for name in (BUNDLE_FILE, MODEL_FILE, GUARD_FILE))
    try:
        model = restore_model(header["model"], state)
        profile = TrainingProfile.from_dict(header["reference"])
        if absent := set(model.features) - set(profile.features):
            raise ValueError(f"the profile of {min(absent)}")
        feature_set = FeatureSet.from_dict(header["feature_set"])
        load_for(feature_set)
        bundle = ModelBundle(
            market=header["market"],
            name=header["name"],
            horizon=int(header["horizon"]),
            feature_set=feature_set,
            model=model,
            calibrator=PlattCalibrator.from_state(header["calibrator"]),
            conformal=ConformalSets.from_state(header["conformal"]),
            guard=DomainGuard.from_state(guard, [profile.features[name].quantiles for name in model.features]),
            profile=profile,
            origin=_origin(header["metadata"], place),
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise StoreError(
            f"The bundle in {place} lacks {error}; it was written by other code. Train it again."
        ) from error
    return bundle


def _require_signature(place: Path, key: bytes, listed: bytes) -> None:
    if not (place / SIGNATURE_FILE).exists():
        raise StoreError(
            f"The bundle in {place} is not signed, and a key is configured: it was written without that key. Train "
            "it again with the key, or serve without a key."
        )
    written = _parse(_bytes(place, SIGNATURE_FILE), place / SIGNATURE_FILE)
    if not is_signed(key, listed, written.get("signature")):
        raise StoreError(
            f"The signature of the bundle in {place} is wrong: it was changed after it was signed, or signed with "
            "another key. Find out by whom, then train it again with the key."
        )


def _header(bundle: ModelBundle) -> dict[str, Any]:
    return {
        "market": bundle.market,
        "name": bundle.name,
        "model": bundle.model.name,
        "horizon": bundle.horizon,
        "feature_set": bundle.feature_set.to_dict(),
        "calibrator": bundle.calibrator.state(),
        "conformal": bundle.conformal.state(),
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


def _dump(content: dict[str, Any], what: str, indent: int | None = 1) -> str:
    try:
        return json.dumps(content, indent=indent, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"The {what} holds a value that JSON cannot say: {error}.") from error


def _parse(content: bytes, file: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(content, parse_constant=_no_number)
    except (RecursionError, ValueError) as error:
        raise StoreError(f"{file} is damaged: {error}. Train or export it again.") from error
    if not isinstance(parsed, dict):
        raise StoreError(f"{file} is damaged: it holds no JSON object. Train or export it again.")
    return parsed


def _no_number(text: str) -> float:
    raise ValueError(f"it holds {text}")


def _bytes(place: Path, name: str) -> bytes:
    try:
        # Neither a pipe, which is read for ever, nor a file that fills the memory.
        if not (place / name).is_file() or (place / name).stat().st_size > LARGEST:
            raise OSError(f"{name} is no file of {LARGEST:,} bytes at most")
        return (place / name).read_bytes()
    except OSError as error:
        raise StoreError(
            f"{place} holds no complete model bundle: {name} cannot be read ({error.strerror or error}). Train or "
            "export it again."
        ) from error
