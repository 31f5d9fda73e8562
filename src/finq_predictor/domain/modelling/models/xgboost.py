"""Gradient-boosted trees (Chen and Guestrin, 2016), shallow and strongly regularised, as faint signals need."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.arrays import FeatureMatrix, Vector
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.modelling.models.base import Device, Distribution, Model, ModelKind


class XGBoost(Model):
    """Boosted trees on histograms; missing values choose their own branch.

    The number of trees is fixed: stopping early on one short regime picks the luck of that regime.
    The same seed and number of threads give the same trees.

    Args:
        n_estimators: Number of trees.
        learning_rate: Weight of each tree.
        max_depth: Depth of each tree.
        min_child_weight: Smallest sum of second derivatives in a leaf; about a quarter of its rows.
        subsample: Share of the rows each tree sees.
        colsample_bytree: Share of the features each tree sees.
        reg_lambda: L2 penalty on leaf values.
        max_bin: Histogram bins per feature.
        device: ``"cpu"`` or ``"cuda"``.
        threads: Threads of the fit. Several fits side by side with one thread each are quicker than one fit with
            several, which loses far more than it wins where the cores are shared. Prediction uses one.
    """

    name: ClassVar[str] = "xgboost"
    kind: ClassVar[ModelKind] = ModelKind.CANDIDATE
    requires: ClassVar[tuple[Distribution, ...]] = (("xgboost-cpu", "xgboost"),)

    def __init__(
        self,
        n_estimators: int = 150,
        learning_rate: float = 0.03,
        max_depth: int = 4,
        min_child_weight: float = 100.0,
        subsample: float = 0.5,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 10.0,
        max_bin: int = 64,
        device: str = Device.CPU.value,
        threads: int = 1,
    ) -> None:
        super().__init__(
            n_estimators=n_estimators,
            learning_rate=learning_rate,
            max_depth=max_depth,
            min_child_weight=min_child_weight,
            subsample=subsample,
            colsample_bytree=colsample_bytree,
            reg_lambda=reg_lambda,
            max_bin=max_bin,
            device=device,
            threads=threads,
        )
        self.booster: Any = None

    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None:
        self._fit_again(matrix, y, seed, {})

    def _fit_again(self, matrix: FeatureMatrix, y: Vector, seed: int, shared: dict[Any, Any]) -> None:
        import xgboost

        options = dict(self.params)
        rounds, threads = options.pop("n_estimators"), options.pop("threads")
        # Finding the bins takes two thirds as long as growing the trees, and no parameter but their number moves them.
        bins = (self.name, options["max_bin"])
        if bins not in shared:
            shared[bins] = xgboost.QuantileDMatrix(matrix, label=y, max_bin=options["max_bin"], nthread=threads)
        data = shared[bins]
        options |= {"objective": "binary:logistic", "tree_method": "hist", "seed": seed, "nthread": threads}
        self._keep(xgboost.train(options, data, num_boost_round=rounds))

    def _score(self, matrix: FeatureMatrix) -> Vector:
        if self.booster is None:
            raise DataError(f"Model {self.name!r} was asked for scores before it was fitted; call fit first.")
        scores: Vector = self.booster.inplace_predict(matrix, validate_features=False).astype(np.float64)
        return scores

    @classmethod
    def devices(cls) -> tuple[Device, ...]:
        """``cuda`` as well where XGBoost is built with it."""
        import xgboost

        return (Device.CPU, Device.CUDA) if xgboost.build_info().get("USE_CUDA") else (Device.CPU,)

    def to_device(self, device: Device) -> None:
        """See :meth:`Model.to_device`; on a device it cannot reach, XGBoost warns and stays on the CPU."""
        if self.booster is not None and device in self.devices():
            self.booster.set_param({"device": device.value})

    def importance(self) -> dict[str, float] | None:
        """Total gain of the splits on each feature, summing to 1; 0 for a feature never used."""
        gains = self.booster.get_score(importance_type="total_gain")
        total = sum(gains.values()) or 1.0
        return {name: gains.get(f"f{position}", 0.0) / total for position, name in enumerate(self.features)}

    def _learned(self) -> dict[str, Any]:
        return {"booster": self.booster.save_raw("json").decode()}

    def _restore(self, learned: dict[str, Any]) -> None:
        import xgboost

        # XGBoost ends the process on a text without any content, so the text is read as JSON before.
        json.loads(learned["booster"])
        try:
            self._keep(xgboost.Booster(model_file=bytearray(learned["booster"].encode())))
        except xgboost.core.XGBoostError as error:
            raise ValueError(str(error).splitlines()[0]) from error

    def _keep(self, booster: Any) -> None:
        # One thread: waking a second costs more than scoring a thousand rows, and up to 40 ms on a busy machine.
        booster.set_param({"nthread": 1, "device": Device.CPU.value})
        self.booster = booster
