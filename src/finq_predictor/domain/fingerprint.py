"""Hashes by which a result can be traced to what it was made from."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pandas as pd


def hash_frame(frame: pd.DataFrame) -> str:
    """Hash the content of a frame: names, types, values and their order; the index does not count.

    Args:
        frame: Any frame of plain columns.

    Returns:
        64 hexadecimal digits; equal in every process for equal content.
    """
    digest = sha256()
    for name in frame.columns:
        column = frame[name]
        digest.update(f"{name}:{column.dtype}:{len(column)}\n".encode())
        digest.update(pd.util.hash_pandas_object(column, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def hash_content(content: Any) -> str:
    """Hash plain JSON values, whatever the order of their keys: 64 hexadecimal digits."""
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
