"""What must hold of a stored model before anything computes with it.

A checksum says that a file is what its writer wrote, not that the writer meant well: a native library follows the
numbers of a tree wherever they point, outside of its memory too, and takes the process with it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from finq_predictor.domain.arrays import Array, Vector

MOST_TREES = 20_000
MOST_NODES = 65_536
LARGEST = float(np.finfo(np.float32).max)


def numbers(given: Any, what: str, length: int | None = None) -> Vector:
    """A list of finite numbers that fit into float32 (n).

    Args:
        given: What was stored.
        what: What it is, for the error.
        length: How many there must be; None takes any number of them.

    Raises:
        ValueError: If it is anything else.
    """
    if not isinstance(given, list) or any(type(value) not in (int, float) for value in given):
        raise ValueError(f"{what} is no list of numbers")
    if length is not None and len(given) != length:
        raise ValueError(f"{what} holds {len(given)} numbers, expected {length}")
    if not all(abs(value) <= LARGEST for value in given):
        raise ValueError(f"{what} holds a number that is not finite")
    return np.array(given, dtype=np.float64)


def whole_numbers(given: Any, what: str, length: int) -> Array:
    """A list of whole numbers (n).

    Raises:
        ValueError: If it is anything else.
    """
    if not isinstance(given, list) or any(type(value) is not int for value in given):
        raise ValueError(f"{what} is no list of whole numbers")
    if len(given) != length:
        raise ValueError(f"{what} holds {len(given)} numbers, expected {length}")
    if not all(-(2**31) <= value < 2**31 for value in given):
        raise ValueError(f"{what} holds a number beyond 32 bits")
    return np.array(given, dtype=np.int64)


def number(given: Any, what: str, least: float = -LARGEST, most: float = LARGEST) -> float:
    """A finite number within bounds.

    Raises:
        ValueError: If it is anything else.
    """
    if type(given) not in (int, float) or not (math.isfinite(given) and least <= given <= most):
        raise ValueError(f"{what} is {repr(given)[:60]}, expected a number from {least:g} to {most:g}")
    return float(given)


def require(holds: bool, what: str, given: Any) -> None:
    """Refuse a state of which something does not hold.

    Raises:
        ValueError: If it does not hold.
    """
    if not holds:
        raise ValueError(f"{what} cannot be {repr(given)[:60]}")


def check_tree(left: Array, right: Array, feature: Array, features: int, what: str) -> None:
    """Make sure that whoever walks down a tree reads nothing but the tree, and arrives.

    Args:
        left: Position of the left child of each node (n), -1 for a leaf; the root is node 0.
        right: Position of the right child (n), -1 for a leaf.
        feature: Position of the feature each node asks for (n).
        features: Number of features.
        what: Which tree it is, for the error.

    Raises:
        ValueError: If a child or a feature is out of range, a node has no parent or several, or one is never reached.
    """
    count = len(left)
    leaf = left == -1
    if not 0 < count <= MOST_NODES or (leaf != (right == -1)).any():
        raise ValueError(f"{what} has {count} nodes, or one with a single child")
    children = np.concatenate([left[~leaf], right[~leaf]])
    if ((children < 1) | (children >= count)).any():
        raise ValueError(f"{what} has a child that is none of its {count} nodes")
    if (np.bincount(children, minlength=count)[1:] != 1).any():
        raise ValueError(f"{what} has a node without a parent or with several")
    if ((feature < 0) | (feature >= features)).any():
        raise ValueError(f"{what} asks for a feature that is none of the {features}")
    reached, level = 0, np.array([0])
    while level.size:
        reached += level.size
        inner = level[~leaf[level]]
        level = np.concatenate([left[inner], right[inner]])
    if reached != count:
        raise ValueError(f"{what} has nodes that go round in a circle")
