"""Gradient-boosted trees (Chen and Guestrin, 2016), shallow and strongly regularised for faint signals; and forests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import FeatureMatrix, Vector
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.modelling.models.base import (
    ClusterLearner,
    Contributions,
    Device,
    Distribution,
    Model,
    ModelKind,
)
from finq_predictor.domain.modelling.models.restoring import (
    MOST_TREES,
    check_tree,
    number,
    numbers,
    require,
    whole_numbers,
)

NOBODY = 2**31 - 1
"""The parent of a root."""
OLDEST = (1, 6, 0)
"""The first version of XGBoost whose boosters are written as they are read here."""


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
    modules: ClassVar[tuple[str, ...]] = ("xgboost",)
    soft: ClassVar[bool] = True
    seeded: ClassVar[bool] = True

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

        options, rounds = self._rounds()
        threads = options.pop("threads")
        # Finding the bins takes two thirds as long as growing the trees, and no parameter but their number moves them.
        bins = (XGBoost.name, options["max_bin"])
        if bins not in shared:
            # Columns of a frame are read a third quicker than rows of a matrix, and give the same bins.
            columns = pd.DataFrame(matrix, copy=False)
            data = xgboost.QuantileDMatrix(columns, label=y, max_bin=options["max_bin"], nthread=threads)
            # Our model knows its columns by their order.
            data.feature_names = data.feature_types = None
            shared[bins] = data
        data = shared[bins]
        options |= {"objective": "binary:logistic", "tree_method": "hist", "seed": seed, "nthread": threads}
        self._keep(xgboost.train(options, data, num_boost_round=rounds))

    @property
    def side_by_side(self) -> int:
        """Trees that each round adds."""
        return 1

    def _rounds(self) -> tuple[dict[str, Any], int]:
        """Options of a fit, and how often trees are added."""
        options = dict(self.params)
        return options, int(options.pop("n_estimators"))

    def on_cluster(self, features: Sequence[str], label: str, *, seed: int, workers: int) -> ClusterLearner:
        """See :meth:`Model.on_cluster`: each worker makes histograms of its rows, their sums decide the splits.

        One worker grows the trees of one machine. Several cut the bins by sketches that are merged, and each draws the
        rows of a tree from its own part, so that their trees are others, as if the seed were another.
        """
        from xgboost.spark import SparkXGBClassifier

        options, rounds = self._rounds()
        del options["threads"]
        estimator = SparkXGBClassifier(
            features_col=list(features),
            label_col=label,
            num_workers=workers,
            random_state=seed,
            tree_method="hist",
            missing=float("nan"),
            verbose=False,
            n_estimators=rounds,
            **options,
        )

        def learned(fitted: Any) -> dict[str, Any]:
            booster = fitted.get_booster()
            # Our model knows its columns by their order.
            booster.feature_names = booster.feature_types = None
            return _as_learned(booster)

        return ClusterLearner(estimator, learned)

    def _score(self, matrix: FeatureMatrix) -> Vector:
        if self.booster is None:
            raise DataError(f"Model {self.name!r} was asked for scores before it was fitted; call fit first.")
        scores: Vector = self.booster.inplace_predict(matrix, validate_features=False).astype(np.float64)
        return scores

    def _contributions(self, matrix: FeatureMatrix) -> Contributions:
        # Exact Shapley values of trees (Lundberg, Erion and Lee, 2018), the base last.
        import xgboost

        found = self.booster.predict(xgboost.DMatrix(matrix, nthread=1), pred_contribs=True).astype(np.float64)
        return Contributions(found[:, :-1], found[:, -1])

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
        return _as_learned(self.booster)

    def _restore(self, learned: dict[str, Any]) -> None:
        import xgboost

        # What was checked is written anew, so that the library cannot read the text in another way.
        state = json.loads(learned["booster"])
        _check_version(state, xgboost.__version__)
        text = json.dumps(_checked(state, len(self.features), self.side_by_side), allow_nan=False)
        try:
            self._keep(xgboost.Booster(model_file=bytearray(text.encode())))
        except xgboost.core.XGBoostError as error:
            raise ValueError(str(error).splitlines()[0]) from error

    def _keep(self, booster: Any) -> None:
        # One thread: waking a second costs more than scoring a thousand rows, and up to 40 ms on a busy machine.
        booster.set_param({"nthread": 1, "device": Device.CPU.value})
        self.booster = booster


class RandomForest(XGBoost):
    """Random forest (Breiman, 2001): one round of boosting with all its trees side by side, each on rows of its own.

    Rows are drawn without putting them back, so the default share is what a bootstrap leaves. The same seed gives the
    same trees, and state, checks and contributions are those of boosted trees.

    Args:
        n_estimators: Number of trees.
        max_depth: Depth of each tree.
        min_child_weight: Smallest sum of second derivatives in a leaf; about a quarter of its rows.
        subsample: Share of the rows each tree sees.
        colsample_bynode: Share of the features each split may choose from.
        reg_lambda: L2 penalty on leaf values.
        max_bin: Histogram bins per feature.
        device: ``"cpu"`` or ``"cuda"``.
        threads: Threads of the fit, as for boosted trees.
    """

    name: ClassVar[str] = "random_forest"

    def __init__(
        self,
        n_estimators: int = 100,
        max_depth: int = 6,
        min_child_weight: float = 200.0,
        subsample: float = 0.632,
        colsample_bynode: float = 0.1,
        reg_lambda: float = 1.0,
        max_bin: int = 64,
        device: str = Device.CPU.value,
        threads: int = 1,
    ) -> None:
        Model.__init__(
            self,
            n_estimators=n_estimators,
            max_depth=max_depth,
            min_child_weight=min_child_weight,
            subsample=subsample,
            colsample_bynode=colsample_bynode,
            reg_lambda=reg_lambda,
            max_bin=max_bin,
            device=device,
            threads=threads,
        )
        self.booster: Any = None

    @property
    def side_by_side(self) -> int:
        """All trees are grown in one round."""
        return int(self.params["n_estimators"])

    def _rounds(self) -> tuple[dict[str, Any], int]:
        options, trees = super()._rounds()
        return {**options, "num_parallel_tree": trees, "learning_rate": 1.0}, 1


def _as_learned(booster: Any) -> dict[str, Any]:
    return {"booster": booster.save_raw("json").decode()}


def _check_version(state: Any, ours: str) -> None:
    """Refuse a booster of a version whose text the library reads as something else, or may."""
    given = tuple(whole_numbers(state["version"], "the version of XGBoost", len(OLDEST)))
    newest = tuple(int(part) for part in ours.split(".")[: len(OLDEST)])
    require(OLDEST <= given <= newest, f"the version of XGBoost (read are {OLDEST} to {newest})", state["version"])


def _checked(state: Any, features: int, side_by_side: int) -> Any:
    """Refuse anything but trees for two classes whose every number is in range."""
    learner = state["learner"]
    model, shape = learner["gradient_booster"]["model"], learner["learner_model_param"]
    require(learner["gradient_booster"]["name"] == "gbtree", "the booster", learner["gradient_booster"]["name"])
    require(learner["objective"]["name"] == "binary:logistic", "the objective", learner["objective"]["name"])
    number(float(learner["objective"]["reg_loss_param"]["scale_pos_weight"]), "the weight of the ones", 0.0)
    wanted = {"num_class": "0", "num_target": "1", "num_feature": str(features)}
    for name, value in wanted.items():
        require(shape[name] == value, f"{name} of the learner", shape[name])
    # A list of one since XGBoost 3.1.
    number(float(shape["base_score"].removeprefix("[").removesuffix("]")), "the base score", 0.0, 1.0)
    require(not learner["feature_names"] and not learner["feature_types"], "a name of a feature", "given")
    require(not any(model.get("cats", {}).values()), "the categories", model.get("cats"))

    trees, param = model["trees"], model["gbtree_model_param"]
    require(isinstance(trees, list) and 0 < len(trees) <= MOST_TREES, "the number of trees", len(trees))
    require(param["num_trees"] == str(len(trees)), "num_trees", param["num_trees"])
    require(param["num_parallel_tree"] == str(side_by_side), "num_parallel_tree", param["num_parallel_tree"])
    rounds, left = divmod(len(trees), side_by_side)
    require(left == 0, "the number of trees", len(trees))
    steps = whole_numbers(model["iteration_indptr"], "iteration_indptr", rounds + 1)
    whole = bool((steps == np.arange(rounds + 1) * side_by_side).all())
    require(whole, "iteration_indptr", model["iteration_indptr"])
    require(not whole_numbers(model["tree_info"], "tree_info", len(trees)).any(), "tree_info", model["tree_info"])
    for position, tree in enumerate(trees):
        _check_tree(tree, position, features)
    return state


def _check_tree(tree: dict[str, Any], position: int, features: int) -> None:
    what = f"tree {position}"
    count = len(tree["left_children"])
    require(type(tree["id"]) is int and tree["id"] == position, f"the id of {what}", tree["id"])
    wanted = {"num_nodes": str(count), "num_feature": str(features), "num_deleted": "0"}
    for name, value in wanted.items():
        require(tree["tree_param"][name] == value, f"{name} of {what}", tree["tree_param"][name])
    require(tree["tree_param"]["size_leaf_vector"] in ("0", "1"), f"the leaves of {what}", tree["tree_param"])
    for name in ("split_conditions", "base_weights", "sum_hessian", "loss_changes"):
        numbers(tree[name], f"{name} of {what}", count)
    for name in ("categories", "categories_nodes", "categories_segments", "categories_sizes"):
        require(not tree[name], f"{name} of {what}", tree[name])
    left, right, feature, parent, default, kind = (
        whole_numbers(tree[name], f"{name} of {what}", count)
        for name in ("left_children", "right_children", "split_indices", "parents", "default_left", "split_type")
    )
    require(not kind.any(), f"split_type of {what}", tree["split_type"])
    require(bool(np.isin(default, (0, 1)).all()), f"default_left of {what}", tree["default_left"])
    check_tree(left, right, feature, features, what)
    inner = np.flatnonzero(left != -1)
    known = np.full(count, NOBODY)
    known[left[inner]] = known[right[inner]] = inner
    require(bool((parent == known).all()), f"parents of {what}", tree["parents"])
