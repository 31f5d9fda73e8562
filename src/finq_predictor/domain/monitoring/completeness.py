"""How much of each feature is missing, beside training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from finq_predictor.domain.tables import MISSING_RATES


def measure_missing_rates(
    current: pd.DataFrame, names: Sequence[str], reference: Mapping[str, float], tolerance: float
) -> pd.DataFrame:
    """Measure which share of each feature is missing now and was in training.

    Args:
        current: Current rows.
        names: Features; one that is no column of ``current`` is missing altogether.
        reference: Missing share in training, by feature; absent means unknown.
        tolerance: An alert is raised when the share exceeds the one in training by more than this.

    Returns:
        One row per feature, see the table ``missing_rates``; ratios in [0, 1], NaN where unknown.
    """
    ratios = [float(current[name].isna().mean()) if name in current and len(current) else 1.0 for name in names]
    before = [float(reference.get(name, np.nan)) for name in names]
    table = pd.DataFrame({"feature": list(names), "missing_ratio": ratios, "reference_ratio": before})
    allowed = table["reference_ratio"].fillna(0.0) + tolerance
    return MISSING_RATES.typed(table.assign(alert=table["missing_ratio"] > allowed))
