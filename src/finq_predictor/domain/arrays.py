"""Arrays by what they mean, each spelled once."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
"""Any array whose meaning the docstring gives."""
Vector = np.ndarray[Any, np.dtype[np.float64]]
"""One number per row (n)."""
Matrix = np.ndarray[Any, np.dtype[np.float64]]
"""One number per bar and instrument (T, N); (T, 1) where all instruments share it."""
Flags = np.ndarray[Any, np.dtype[np.bool_]]
"""Yes or no per bar and instrument (T, N), or per row (n)."""
FeatureMatrix = np.ndarray[Any, np.dtype[np.float32]]
"""One number per row and feature (n, k), as models read them."""
Positions = np.ndarray[Any, np.dtype[np.intp]]
"""Positions of rows (n)."""
