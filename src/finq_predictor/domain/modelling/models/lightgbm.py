"""Gradient-boosted trees grown leaf by leaf (Ke et al., 2017), small and strongly regularised for faint signals."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.arrays import Array, FeatureMatrix, Vector
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.fingerprint import hash_content
from finq_predictor.domain.modelling.models.base import Contributions, Distribution, Model, ModelKind
from finq_predictor.domain.modelling.models.restoring import MOST_TREES, check_tree, numbers, require, whole_numbers


class LightGBM(Model):
    """Boosted trees whose next split is the best anywhere in the tree; a missing value goes where it helps more.

    The number of trees is fixed: stopping early on one short regime picks the luck of that regime.
    The same seed gives the same trees, whatever the number of threads.

    Args:
        n_estimators: Number of trees.
        learning_rate: Weight of each tree.
        num_leaves: Leaves of each tree at most.
        max_depth: Depth of each tree at most.
        min_child_samples: Fewest rows in a leaf.
        subsample: Share of the rows each tree sees.
        colsample_bytree: Share of the features each tree sees.
        reg_lambda: L2 penalty on leaf values.
        max_bin: Histogram bins per feature.
        threads: Threads of the fit; several fits side by side with one thread each are quicker than one fit with
            several. Prediction uses one.
    """

    name: ClassVar[str] = "lightgbm"
    kind: ClassVar[ModelKind] = ModelKind.CANDIDATE
    requires: ClassVar[tuple[Distribution, ...]] = (("lightgbm",),)
    modules: ClassVar[tuple[str, ...]] = ("lightgbm",)
    soft: ClassVar[bool] = True
    seeded: ClassVar[bool] = True

    def __init__(
        self,
        n_estimators: int = 150,
        learning_rate: float = 0.03,
        num_leaves: int = 15,
        max_depth: int = 4,
        min_child_samples: int = 400,
        subsample: float = 0.5,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 10.0,
        max_bin: int = 63,
        threads: int = 1,
    ) -> None:
        super().__init__(
            n_estimators=n_estimators,
            learning_rate=learning_rate,
            num_leaves=num_leaves,
            max_depth=max_depth,
            min_child_samples=min_child_samples,
            subsample=subsample,
            colsample_bytree=colsample_bytree,
            reg_lambda=reg_lambda,
            max_bin=max_bin,
            threads=threads,
        )
        self.trees: Any = None

    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None:
        import lightgbm

        options = dict(self.params)
        rounds, threads = options.pop("n_estimators"), options.pop("threads")
        options |= {
            # The same loss, for shares between 0 and 1.
            "objective": "binary" if np.isin(y, (0.0, 1.0)).all() else "cross_entropy",
            "seed": seed,
            "num_threads": threads,
            "subsample_freq": 1,
            # Sums in one fixed order: the same trees on every run and with any number of threads.
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        self.trees = lightgbm.train(options, lightgbm.Dataset(matrix, label=y, params=options), num_boost_round=rounds)

    def _score(self, matrix: FeatureMatrix) -> Vector:
        if self.trees is None:
            raise DataError(f"Model {self.name!r} was asked for scores before it was fitted; call fit first.")
        # One thread: waking a second costs more than scoring a thousand rows.
        scores: Vector = np.asarray(self.trees.predict(matrix, num_threads=1), dtype=np.float64)
        return scores

    def _contributions(self, matrix: FeatureMatrix) -> Contributions:
        # Exact Shapley values of trees (Lundberg, Erion and Lee, 2018), the base last.
        found = np.asarray(self.trees.predict(matrix, num_threads=1, pred_contrib=True), dtype=np.float64)
        return Contributions(found[:, :-1], found[:, -1])

    def importance(self) -> dict[str, float] | None:
        """Total gain of the splits on each feature, summing to 1; 0 for a feature never used."""
        gains = self.trees.feature_importance(importance_type="gain")
        total = float(gains.sum()) or 1.0
        return dict(zip(self.features, (gains / total).tolist(), strict=True))

    def _learned(self) -> dict[str, Any]:
        text = self.trees.model_to_string(num_iteration=-1)
        return {"trees": text, "hash": hash_content(text)}

    def _restore(self, learned: dict[str, Any]) -> None:
        import lightgbm

        # LightGBM reads on behind the end of a text that was cut off, and ends the process.
        if hash_content(learned["trees"]) != learned["hash"]:
            raise ValueError("the trees are not those that were written")
        _check(learned["trees"], len(self.features))
        try:
            self.trees = lightgbm.Booster(model_str=learned["trees"])
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(str(error).splitlines()[0]) from error


_WHOLE = re.compile(r"-?[0-9]{1,10}")
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,40})?(e[-+]?[0-9]{1,3})?")
_PARAMETER = re.compile(r"\[[a-z0-9_]+: [^\[\]\n]*\]|")
_IMPORTANCE = re.compile(r"Column_[0-9]+=[0-9]+|")
_PLAIN = {"version": "v4", "num_class": "1", "num_tree_per_iteration": "1", "label_index": "0"}
_OBJECTIVES = ("binary sigmoid:1", "cross_entropy")
_OF_A_SPLIT = ("split_feature", "left_child", "right_child", "decision_type", "internal_count")
_OF_A_TREE = {*_OF_A_SPLIT, "split_gain", "threshold", "internal_value", "internal_weight", "leaf_value"}
_MAY_BE_ABSENT = {"leaf_weight", "leaf_count"}
_ENDS = "end of trees\n\nfeature_importances:\n"


def _check(text: str, features: int) -> None:
    """Refuse anything but trees for two classes whose every number is in range."""
    head, begins, _ = text.partition("\n\nTree=0\n")
    first, *lines = head.split("\n")
    require(text.isascii() and first == "tree" and bool(begins), "the beginning", first)
    named = _fields(lines, "the head")
    expected = {*_PLAIN, "max_feature_idx", "objective", "feature_names", "feature_infos", "tree_sizes"}
    require(set(named) == expected, "what feature_names and the like are called", sorted(set(named) ^ expected))
    for name, value in {**_PLAIN, "max_feature_idx": str(features - 1)}.items():
        require(named[name] == value, name, named[name])
    require(named["objective"] in _OBJECTIVES, "objective", named["objective"])
    for name in ("feature_names", "feature_infos"):
        require(len(named[name].split(" ")) == features, f"the number of {name}", len(named[name].split(" ")))

    # The library cuts the text by these sizes, whatever stands at the places.
    sizes = _whole(named["tree_sizes"], "tree_sizes", named["tree_sizes"].count(" ") + 1).tolist()
    require(len(sizes) <= MOST_TREES and min(sizes) > 0, "the number of trees", len(sizes))
    place = len(head) + 2
    for position, size in enumerate(sizes):
        _check_tree(text[place : place + size], position, features)
        place += size
    require(text.startswith(_ENDS, place), "the end of the trees", text[place : place + 20])
    tail, _, parameters = text[place + len(_ENDS) :].partition("\nparameters:\n")
    settings, _, last = parameters.partition("\nend of parameters\n")
    require(all(map(_IMPORTANCE.fullmatch, tail.split("\n"))), "an importance", tail)
    require(all(map(_PARAMETER.fullmatch, settings.split("\n"))), "a parameter", settings)
    require(last.strip() in ("", "pandas_categorical:null"), "the last line", last)


def _check_tree(text: str, position: int, features: int) -> None:
    what = f"tree {position}"
    first, *lines = text.rstrip("\n").split("\n")
    require(first == f"Tree={position}" and text.endswith("\n\n\n"), f"the beginning or the end of {what}", text[-20:])
    named = _fields(lines, what)
    plain = {"num_leaves", "num_cat", "is_linear", "shrinkage"}
    require(set(named) - _MAY_BE_ABSENT == {*plain, *_OF_A_TREE}, f"the parts of {what}", sorted(named))
    require((named["num_cat"], named["is_linear"]) == ("0", "0"), f"the kind of {what}", named["num_cat"])
    leaves = int(_whole(named["num_leaves"], f"num_leaves of {what}", 1)[0])
    _numbers(named["shrinkage"], f"shrinkage of {what}", 1)
    require(leaves > 0, f"num_leaves of {what}", leaves)
    splits = leaves - 1
    for name in ("split_gain", "internal_value", "internal_weight"):
        _numbers(named[name], f"{name} of {what}", splits)
    # Below infinity is everything that is known: a split between that and what is missing.
    thresholds = named["threshold"].split(" ") if named["threshold"] else []
    require(len(thresholds) == splits, f"threshold of {what}", named["threshold"])
    finite = [number for number in thresholds if number != "inf"]
    _numbers(" ".join(finite), f"threshold of {what}", len(finite))
    # A tree of one leaf has no weight.
    for name in ("leaf_value", *(name for name in _MAY_BE_ABSENT & set(named) if splits or named[name])):
        _numbers(named[name], f"{name} of {what}", leaves)
    feature, left, right, decision, _ = (_whole(named[name], f"{name} of {what}", splits) for name in _OF_A_SPLIT)
    # The lowest bit says that a split is by categories.
    require(bool(np.isin(decision, (0, 2, 4, 6, 8, 10)).all()), f"decision_type of {what}", named["decision_type"])
    ends = np.full(leaves, -1)
    left, right = (np.concatenate([np.where(side < 0, splits + ~side, side), ends]) for side in (left, right))
    check_tree(left, right, np.concatenate([feature, np.zeros(leaves, dtype=np.int64)]), features, what)


def _fields(lines: list[str], what: str) -> dict[str, str]:
    pairs = [line.partition("=")[::2] for line in lines]
    require(len(dict(pairs)) == len(pairs), f"a line of {what}", "there twice")
    return dict(pairs)


def _whole(text: str, what: str, length: int) -> Array:
    tokens = text.split(" ") if text else []
    require(all(map(_WHOLE.fullmatch, tokens)), what, text)
    return whole_numbers([int(token) for token in tokens], what, length)


def _numbers(text: str, what: str, length: int) -> Vector:
    tokens = text.split(" ") if text else []
    require(all(map(_NUMBER.fullmatch, tokens)), what, text)
    return numbers([float(token) for token in tokens], what, length)
