"""Where a row keeps its own past, for models that read sequences: the score stays one of that row alone."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import count, takewhile
from typing import Any

import numpy as np

from finq_predictor.domain.arrays import Array, FeatureMatrix, Positions
from finq_predictor.domain.errors import ConfigurationError, closest
from finq_predictor.domain.fingerprint import hash_content
from finq_predictor.domain.modelling.models.restoring import numbers, require

OF_THE_FAMILY = ("seq_return", "seq_excess", "seq_range", "seq_volume")
"""The sequences that the feature set ``sequence`` delivers, by what their columns' names begin with."""
Named = Sequence[str | Sequence[str]]


def place_sequences(named: Named, features: tuple[str, ...], model: str) -> Positions:
    """Find the columns of sequences.

    A sequence is named by what the names of its columns begin with, ``seq_return`` for ``seq_return_0`` (the bar
    itself), ``seq_return_1`` (the bar before) and so on; or by a list of its columns, the oldest first. One that is
    not delivered, such as an excess over a benchmark where there is none, is left out.

    Args:
        named: The sequences.
        features: Columns of the model.
        model: Name of the model, for the error.

    Returns:
        Positions of columns (S, L), the oldest bar first.

    Raises:
        ConfigurationError: If none of them is delivered, or they are not of the same length.
    """
    found = {str(one): _columns(one, features) for one in named}
    found = {one: columns for one, columns in found.items() if columns}
    if not found:
        wanted = [one if isinstance(one, str) else one[0] for one in named]
        hint = closest(wanted[0], features) if wanted else ""
        raise ConfigurationError(
            f"Model {model!r} reads the sequences {wanted}, of which the {len(features)} features hold none; choose a "
            f"feature set that has them, such as features.set: house-sequence. {hint}"
        )
    lengths = {one: len(columns) for one, columns in found.items()}
    if len(set(lengths.values())) > 1:
        raise ConfigurationError(
            f"Model {model!r} reads sequences of different lengths, {lengths}; name those of one length, or exclude "
            "no lag of them from the feature set."
        )
    place = {feature: position for position, feature in enumerate(features)}
    return np.array([[place[column] for column in columns] for columns in found.values()], dtype=np.intp)


def _columns(one: str | Sequence[str], features: tuple[str, ...]) -> list[str]:
    known = set(features)
    if isinstance(one, str):
        lags = takewhile(known.__contains__, (f"{one}_{lag}" for lag in count()))
        return list(lags)[::-1]
    return list(one) if set(one) <= known else []


def place_static(patterns: Sequence[str], features: tuple[str, ...], model: str) -> Positions:
    """Positions of the columns that are read beside the sequences (k), by names and patterns.

    Raises:
        ConfigurationError: If a pattern is none of a column's.
    """
    found: list[int] = []
    for pattern in patterns:
        meant = [place for place, feature in enumerate(features) if fnmatchcase(feature, pattern)]
        if not meant:
            raise ConfigurationError(
                f"Model {model!r} is to read {pattern!r} beside its sequences, which is none of its {len(features)} "
                f"features. {closest(pattern, features)}"
            )
        found += meant
    return np.array(sorted(set(found)), dtype=np.intp)


class Scaling:
    """Columns on one scale: mean 0, deviation 1, outliers cut; what is missing is the mean.

    A column without any value in training adds nothing afterwards either, whatever it holds.

    Args:
        clip: Values are cut to plus and minus this many standard deviations.
    """

    def __init__(self, clip: float) -> None:
        require(isinstance(clip, int | float) and clip > 0.0, "the clip", clip)
        self.clip = np.float32(clip)
        self.mean = self.gain = np.zeros(0, dtype=np.float32)

    def learn(self, matrix: FeatureMatrix) -> None:
        """Learn the scale of each column of a matrix (n, k)."""
        self.mean, self.gain = np.zeros((2, matrix.shape[1]), dtype=np.float32)
        for column in range(matrix.shape[1]):
            known = matrix[:, column][~np.isnan(matrix[:, column])].astype(np.float64)
            spread = float(known.std()) if len(known) else 0.0
            if spread > 1e-12:
                self.mean[column], self.gain[column] = known.mean(), 1.0 / spread

    def apply(self, matrix: FeatureMatrix) -> FeatureMatrix:
        """Values on the scale, a new matrix."""
        values: FeatureMatrix = (matrix - self.mean) * self.gain
        np.clip(values, -self.clip, self.clip, out=values)
        np.copyto(values, np.float32(0.0), where=np.isnan(values))
        return values

    def learned(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"mean": self.mean.tolist(), "gain": self.gain.tolist()}

    def restore(self, learned: Any, width: int) -> None:
        """Read what :meth:`learned` wrote.

        Raises:
            ValueError: If it is anything else.
        """
        self.mean = numbers(learned["mean"], "the mean", width).astype(np.float32)
        self.gain = numbers(learned["gain"], "the gain", width).astype(np.float32)
        require(bool((self.gain >= 0.0).all()), "the smallest gain", float(self.gain.min(initial=0.0)))


def write_weights(weights: dict[str, Array]) -> dict[str, str]:
    """Arrays as text: base64 of their 32-bit numbers, the lowest byte first, with a hash of it."""
    flat = np.concatenate([weight.ravel() for weight in weights.values()]).astype("<f4")
    text = base64.b64encode(flat.tobytes()).decode("ascii")
    return {"weights": text, "hash": hash_content(text)}


def read_weights(learned: Any, shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
    """Read what :func:`write_weights` wrote, bit by bit.

    Args:
        learned: What was stored.
        shapes: Shapes by name, in the order in which they were written.

    Raises:
        ValueError: If the text is not what was written, or holds other than as many finite numbers.
    """
    text = learned["weights"]
    require(isinstance(text, str) and hash_content(text) == learned["hash"], "the hash of the weights", learned["hash"])
    try:
        flat = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4").astype(np.float32)
    except binascii.Error as error:
        raise ValueError(f"the weights are no base64: {error}") from error
    wanted = sum(int(np.prod(shape)) for shape in shapes.values())
    require(len(flat) == wanted, f"the number of weights (expected {wanted})", len(flat))
    require(bool(np.isfinite(flat).all()), "a weight", "not finite")
    parts = np.split(flat, np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
