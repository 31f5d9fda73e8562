"""By what a model is known again, whoever keeps it under whatever version."""

from __future__ import annotations

import json
from hashlib import sha256

from finq_predictor.domain.modelling.bundle import ModelBundle


def model_hash(bundle: ModelBundle) -> str:
    """Equal for models that give equal predictions: features, what was learned, and calibration; 16 digits."""
    content = {
        "market": bundle.market,
        "name": bundle.name,
        "horizon": bundle.horizon,
        "features": bundle.feature_set.definitions_hash,
        "model": bundle.model.state(),
        "calibrator": bundle.calibrator.state(),
    }
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
