"""The model that MLflow loads and serves: a script, so that nothing is pickled.

MLflow executes this file when a registered version is loaded (``mlflow models serve -m
models:/finq-equity-outperform@champion``).
It needs the ``finq_predictor`` package in its environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from finq_predictor.adapters.bundle_store import load_bundle


# MLflow is untyped here, so its base class is Any.
class BundlePythonModel(PythonModel):  # type: ignore[misc]
    """A :class:`~finq_predictor.domain.modelling.bundle.ModelBundle` behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        """Load the bundle that was registered with this version."""
        self.bundle = load_bundle(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: Any,  # noqa: ARG002 - the interface of MLflow
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - the interface of MLflow
    ) -> pd.DataFrame:
        """Score feature rows; ``ts`` and ``instrument`` are carried along where given."""
        frame = model_input.copy()
        for key in ("ts", "instrument"):
            if key not in frame:
                frame[key] = ""
        return self.bundle.predict(frame)


set_model(BundlePythonModel())
