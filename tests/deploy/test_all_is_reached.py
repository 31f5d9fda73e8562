"""No file in deploy/ is decoration: each is held to something by a test that is named here."""

from __future__ import annotations

from pathlib import PurePath

import pytest
from checkers import DEPLOY

TESTED = {
    "airflow/postgresql.txt": "test_images_of_pipelines.py",
    "airflow/**": "test_airflow.py",
    "dagster/**": "test_dagster.py",
    "feast/**": "../adapters/feature_store/test_feast.py",
    "alertmanager/**": "test_compose.py",
    "argocd/**": "test_chart_of_kubernetes.py",
    "compose/**": "test_compose.py",
    "docker/**": "test_images_of_pipelines.py",
    "grafana/**": "test_compose.py",
    "helm/**": "test_chart_of_kubernetes.py",
    "kubernetes/**": "test_chart_of_kubernetes.py",
    "logging/**": "test_compose.py",
    "nginx/finq.conf": "test_nginx.py",
    "nginx/**": "test_compose.py",
    "postgres/**": "test_compose.py",
    "prometheus/**": "test_compose.py",
    "spark/**": "test_spark.py",
    "redis/**": "test_compose.py",
    "terraform/**": "test_terraform.py",
}
"""By the first pattern that fits."""
# What a person or a program leaves there, and what only keeps a folder.
NOT_OURS = {".gitkeep", ".env", "__pycache__", "secrets", ".terraform"}


def reached_by(path: PurePath) -> str | None:
    fitting = (test for pattern, test in TESTED.items() if path.is_relative_to(pattern.removesuffix("/**")))
    return next(fitting, None)


def test_every_file_has_a_test():
    files = [path.relative_to(DEPLOY) for path in sorted(DEPLOY.rglob("*")) if path.is_file()]
    ours = [path for path in files if not NOT_OURS & set(path.parts)]
    assert len(ours) > 40
    assert [str(path) for path in ours if reached_by(path) is None] == []
    for pattern, test in TESTED.items():
        text = (DEPLOY.parent / "tests" / "deploy" / test).read_text(encoding="utf-8")
        assert pattern.split("/")[0] in text, f"{test} does not name {pattern}"


@pytest.mark.parametrize("file", ["ansible/play.yml", "readme.md"])
def test_a_file_without_a_test_is_found(file):
    assert reached_by(PurePath(file)) is None
