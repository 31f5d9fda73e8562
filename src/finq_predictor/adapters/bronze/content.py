"""The identity of what was delivered: of a table as a whole, and of each of its rows."""

from __future__ import annotations

import json
from hashlib import sha256

import numpy as np
import pandas as pd


def content_hash(frame: pd.DataFrame) -> str:
    """Hash names, types, values and order of rows.

    Args:
        frame: Any frame; its index does not count.

    Returns:
        64 hexadecimal digits.
    """
    digest = sha256(json.dumps([[str(name), str(kind)] for name, kind in frame.dtypes.items()]).encode())
    for name in frame:
        digest.update(pd.util.hash_pandas_object(frame[name], index=False).to_numpy().tobytes())
    return digest.hexdigest()


def row_hashes(frame: pd.DataFrame) -> np.ndarray:
    """Hash the values of each row, whatever the order of the columns.

    Args:
        frame: Any frame (n); its index does not count.

    Returns:
        ``uint64`` (n). Numbers are hashed as floats, so that 3 and 3.0 are one value; a column in which a row has
        nothing counts as one that it does not have.
    """
    total = np.zeros(len(frame), dtype=np.uint64)
    for name in frame:
        column = frame[name]
        numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
        values = column.astype("float64") if numeric else column
        hashed = pd.util.hash_pandas_object(values, index=False).to_numpy()
        salt = np.uint64(int.from_bytes(sha256(str(name).encode()).digest()[:8], "little") | 1)
        # A sum over columns does not depend on their order; the salt keeps two columns from changing places.
        total += np.where(column.isna().to_numpy(), np.uint64(0), _mixed(hashed * salt))
    return total


def _mixed(values: np.ndarray) -> np.ndarray:
    """Spread the bits (finaliser of SplitMix64; Steele, Lea and Flood, 2014), so that sums of hashes stay hashes."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed


def storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of mixed types become text: Parquet has one type per column and nothing may be lost."""
    mixed = {}
    for name in frame.select_dtypes("object", exclude="str"):
        kind = pd.api.types.infer_dtype(frame[name], skipna=True)
        if kind not in ("string", "date", "boolean", "empty"):
            mixed[name] = frame[name].map(str, na_action="ignore").astype("str")
    return frame.assign(**mixed) if mixed else frame
