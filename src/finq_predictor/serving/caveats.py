"""What an answer says of its own limits, found once per bar with the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.refusals import OVERRIDDEN
from finq_predictor.domain.modelling.staleness import STALE
from finq_predictor.domain.modelling.statements import PROVISIONAL, SIMULATED, flags_of


def caveats_of(table: pd.DataFrame, bundle: ModelBundle) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields of answers about their limits, by instrument.

    Args:
        table: A table of :meth:`Predictor.predict_at`, at least one row.
        bundle: The model.
    """
    always = flags_of(bundle)
    age = (table["ts"].iloc[0] - pd.Timestamp(bundle.origin.trained_to)) / pd.Timedelta(days=1)
    columns = ("p_yes", "p_no", "prediction_set", "coverage", "conformal_decision", "flags")
    for name, p_yes, p_no, held, coverage, said, flags in zip(
        table[INSTRUMENT], *(table[column].to_numpy() for column in columns), strict=True
    ):
        known = isinstance(held, str)
        yield (
            name,
            {
                "prediction_set": held.split() if known else None,
                "coverage": float(coverage),
                "conformal_decision": said if known else None,
                "p_yes": float(p_yes) if np.isfinite(p_yes) else None,
                "p_no": float(p_no) if np.isfinite(p_no) else None,
                "flags": [*always, *flags.split()],
                "model_age_days": max(float(age), 0.0),
            },
        )


# Flags that no rule of a row sets: what the model is, how old its bars are, and whether a client changed features.
__all__ = ["OVERRIDDEN", "PROVISIONAL", "SIMULATED", "STALE", "caveats_of", "flags_of"]
