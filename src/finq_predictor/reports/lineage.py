"""What identifies a model: the data, features and code that it was made from."""

from __future__ import annotations

from finq_predictor.domain.modelling.bundle import ModelBundle

HASH, COMMIT = 16, 12
"""So many characters tell one from another; the whole is in the tracked run."""


def origin_of(bundle: ModelBundle) -> dict[str, str]:
    """Hashes and seed that a model carries, by the name under which a page shows them."""
    origin = bundle.origin
    return {
        "data": origin.data_hash[:HASH],
        "features": origin.feature_set_hash[:HASH],
        "code": origin.code_hash[:HASH],
        "commit": (origin.git_commit or "none")[:COMMIT],
        "seed": str(origin.seed),
    }
