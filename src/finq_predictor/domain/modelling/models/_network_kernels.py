"""Small networks over sequences, row by row in machine code.

Every sum goes over its terms in one fixed order and no row sees another, so that a row alone has the bits it has in a
batch. A matrix product of a library picks another order for another number of rows. Only one row's numbers are in use
at a time: they stay in the processor's first cache.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from finq_predictor.domain.compiling import compiled


@compiled
def add_product(values: Any, weights: Any, out: Any) -> None:
    """Add ``values @ weights`` to ``out``, term by term."""
    for k in range(weights.shape[0]):
        value = values[k]
        for j in range(weights.shape[1]):
            out[j] += value * weights[k, j]


@compiled
def sigmoid(x: Any) -> Any:
    """Logistic function."""
    return np.float32(1.0) / (np.float32(1.0) + math.exp(-x))


@compiled
def lstm(steps: Any, into: Any, again: Any, bias: Any, out: Any) -> None:
    """The last hidden state of a long short-term memory (Hochreiter and Schmidhuber, 1997).

    Args:
        steps: Inputs (n, L, C).
        into: Weights of the inputs (C, 4 H): input, forget, cell and output gate.
        again: Weights of the hidden state (H, 4 H).
        bias: (4 H).
        out: Hidden state (n, H).
    """
    width = again.shape[0]
    z, cell = np.empty(4 * width, dtype=np.float32), np.empty(width, dtype=np.float32)
    for row in range(steps.shape[0]):
        hidden = out[row]
        hidden[:] = np.float32(0.0)
        cell[:] = np.float32(0.0)
        for t in range(steps.shape[1]):
            z[:] = bias
            add_product(steps[row, t], into, z)
            add_product(hidden, again, z)
            for j in range(width):
                kept = sigmoid(z[width + j]) * cell[j]
                cell[j] = kept + sigmoid(z[j]) * math.tanh(z[2 * width + j])
            for j in range(width):
                hidden[j] = sigmoid(z[3 * width + j]) * math.tanh(cell[j])


@compiled
def norm(x: Any, gain: Any, bias: Any, out: Any) -> None:
    """Layer normalisation (Ba, Kiros and Hinton, 2016)."""
    total = np.float32(0.0)
    for j in range(len(x)):
        total += x[j]
    mean = total / np.float32(len(x))
    total = np.float32(0.0)
    for j in range(len(x)):
        total += (x[j] - mean) * (x[j] - mean)
    scale = np.float32(1.0) / math.sqrt(total / np.float32(len(x)) + np.float32(1e-5))
    for j in range(len(x)):
        out[j] = (x[j] - mean) * scale * gain[j] + bias[j]


@compiled
def attend(queries: Any, keys: Any, values: Any, heads: int, out: Any) -> None:
    """Attention of every step to all of them (Vaswani et al., 2017), each (L, D)."""
    length, width = queries.shape
    part = width // heads
    scale = np.float32(1.0) / math.sqrt(np.float32(part))
    weight = np.empty(length, dtype=np.float32)
    for head in range(heads):
        first = head * part
        for t in range(length):
            top = np.float32(-np.inf)
            for s in range(length):
                total = np.float32(0.0)
                for j in range(first, first + part):
                    total += queries[t, j] * keys[s, j]
                weight[s] = total * scale
                top = max(top, weight[s])
            total = np.float32(0.0)
            for s in range(length):
                weight[s] = math.exp(weight[s] - top)
                total += weight[s]
            for j in range(first, first + part):
                out[t, j] = np.float32(0.0)
            for s in range(length):
                share = weight[s] / total
                for j in range(first, first + part):
                    out[t, j] += share * values[s, j]


@compiled
def encoder(
    steps: Any,
    into: Any,
    place: Any,
    norms: Any,
    asked: Any,
    asked_bias: Any,
    mixed: Any,
    mixed_bias: Any,
    wide: Any,
    wide_bias: Any,
    narrow: Any,
    narrow_bias: Any,
    heads: int,
    out: Any,
) -> None:
    """The mean over the steps of an encoder that normalises first.

    Args:
        steps: Inputs (n, L, C).
        into: Weights of the inputs (C, D).
        place: What is added at each step (L, D).
        norms: Gain and bias of each normalisation (2 K + 1, 2, D), the last one's after the last layer.
        asked: Weights of queries, keys and values (K, 3, D, D).
        asked_bias: (K, 3, D).
        mixed: Weights of what was attended to (K, D, D).
        mixed_bias: (K, D).
        wide: Weights of the inner layer (K, D, F).
        wide_bias: (K, F).
        narrow: Weights from there (K, F, D).
        narrow_bias: (K, D).
        heads: Number of heads.
        out: Mean over the steps (n, D).
    """
    length, width = place.shape
    x = np.empty((length, width), dtype=np.float32)
    looked = np.empty((3, length, width), dtype=np.float32)
    found = np.empty((length, width), dtype=np.float32)
    normed, inner = np.empty(width, dtype=np.float32), np.empty(wide.shape[2], dtype=np.float32)
    for row in range(steps.shape[0]):
        for t in range(length):
            x[t] = place[t]
            add_product(steps[row, t], into, x[t])
        for layer in range(asked.shape[0]):
            for t in range(length):
                norm(x[t], norms[2 * layer, 0], norms[2 * layer, 1], normed)
                for which in range(3):
                    looked[which, t] = asked_bias[layer, which]
                    add_product(normed, asked[layer, which], looked[which, t])
            attend(looked[0], looked[1], looked[2], heads, found)
            for t in range(length):
                for j in range(width):
                    x[t, j] += mixed_bias[layer, j]
                add_product(found[t], mixed[layer], x[t])
                norm(x[t], norms[2 * layer + 1, 0], norms[2 * layer + 1, 1], normed)
                inner[:] = wide_bias[layer]
                add_product(normed, wide[layer], inner)
                for j in range(len(inner)):
                    inner[j] = max(inner[j], np.float32(0.0))
                for j in range(width):
                    x[t, j] += narrow_bias[layer, j]
                add_product(inner, narrow[layer], x[t])
        out[row] = np.float32(0.0)
        for t in range(length):
            norm(x[t], norms[-1, 0], norms[-1, 1], normed)
            for j in range(width):
                out[row, j] += normed[j]
        for j in range(width):
            out[row, j] /= np.float32(length)


@compiled
def head(state: Any, static: Any, weights: Any, bias: Any, out: Any) -> None:
    """Add up what state (n, H) and static inputs (n, k) of a row say, with weights (O, H + k), into ``out`` (n, O)."""
    for row in range(state.shape[0]):
        for which in range(weights.shape[0]):
            total = bias[which]
            for j in range(state.shape[1]):
                total += state[row, j] * weights[which, j]
            for j in range(static.shape[1]):
                total += static[row, j] * weights[which, state.shape[1] + j]
            out[row, which] = total


# Numba imports half of itself when it first compiles, which belongs to the import of this module.
add_product(np.zeros(1, dtype=np.float32), np.zeros((1, 1), dtype=np.float32), np.zeros(1, dtype=np.float32))
