from __future__ import annotations

import subprocess
import sys

import pytest

FORBIDDEN = ("kedro", "mlflow", "great_expectations", "optuna", "torch", "sklearn", "finq_predictor.pipelines")


@pytest.mark.parametrize("module", ["finq_predictor.serving.app", "finq_predictor.serving.service"])
def test_serving_imports_neither_the_pipelines_nor_their_frameworks(two_markets, module):
    # BentoML has a use of its own for what makes spans; here nothing of it is there where nobody names a collector.
    forbidden = (*FORBIDDEN, "opentelemetry") if module.endswith("app") else FORBIDDEN
    code = f"""
import sys, importlib
module = importlib.import_module({module!r})
from finq_predictor.serving.app import make_runtime
from finq_predictor.serving.metrics import Metrics
from finq_predictor.serving.settings import Settings
from pathlib import Path
store = make_runtime(Settings(data_root=Path({str(two_markets)!r})), Metrics(), None).store
store.refresh()
assert len(store.served) == 2, store.problems()
print([name for name in {forbidden!r} if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180)
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.strip().endswith("[]"), result.stdout


def test_the_commands_of_the_base_need_nothing_of_the_service():
    """`make run` ends with a prediction, in an environment in which no server is installed."""
    absent = ("orjson", "starlette", "bentoml", "uvicorn", "httptools", "sqlalchemy", "alembic", "redis", "limits")
    absent += ("jwt", "authlib", "argon2", "psycopg", "pybreaker", "uvloop", "httpx")
    code = f"""
import sys
for name in {absent!r}:
    sys.modules[name] = None
import finq_predictor.cli, finq_predictor.cli.predict, finq_predictor.cli.score, finq_predictor.serving.store
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180)
    assert result.returncode == 0, result.stderr[-2000:]
