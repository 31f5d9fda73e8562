"""Libraries are named by the models that need them, and by nobody else."""

from __future__ import annotations

from importlib.metadata import version

from finq_predictor.adapters.datasets.code_version import CodeVersionDataset
from finq_predictor.adapters.distributions import PREDICTING, installed, needed_by
from finq_predictor.domain.modelling.models import MODELS


def test_of_alternatives_the_first_installed_counts():
    found = installed([("numpy",), ("no-such-build", "pandas", "scipy"), ("nothing-of-the-kind",)])
    assert found == {"numpy": version("numpy"), "pandas": version("pandas")}


def test_a_model_adds_what_it_needs_to_what_all_need():
    assert needed_by([MODELS["base_rate"]]) == PREDICTING
    assert needed_by([MODELS["logistic"], MODELS["logistic"]]) == (*PREDICTING, ("scikit-learn",))


def test_a_run_records_the_libraries_of_every_model():
    recorded = CodeVersionDataset().load().packages
    assert recorded == installed((*needed_by(MODELS.values()), ("optuna",), ("mlflow",), ("kedro",)))
    for model in MODELS.values():
        assert set(installed(model.requires)) <= set(recorded)
