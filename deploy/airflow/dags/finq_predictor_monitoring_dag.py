"""Freshness, missing rates and drift, both markets.

Written by `make dags` from conf/base/airflow.yml; change it there.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

# The project lives in an environment of its own: Airflow starts its command and imports none of its code.
PROJECT = os.environ.get("FINQ_PROJECT", os.getcwd())
KEDRO = os.environ.get("FINQ_KEDRO", os.path.join(PROJECT, ".venv", "bin", "kedro"))
ENVIRONMENT = os.environ.get("FINQ_KEDRO_ENV", "local")
# More `--params`, such as data_root=/srv/finq; empty by default.
PARAMS = os.environ.get("FINQ_KEDRO_PARAMS", "")


def report_failure(context: dict[str, Any]) -> None:
    """Log which stage failed at which logical date, once its retries are spent."""
    instance = context["task_instance"]
    logging.getLogger("finq.airflow").error("%s.%s failed for %s", instance.dag_id, instance.task_id, context.get("run_id"))


def stage(task_id: str, selection: str) -> BashOperator:
    """Run one stage of the pipeline in the project's environment."""
    return BashOperator(
        task_id=task_id,
        bash_command=(
            f'exec "$FINQ_KEDRO" run --env "$FINQ_KEDRO_ENV" --pipelines monitoring {selection}'
            ' ${FINQ_KEDRO_PARAMS:+--params "$FINQ_KEDRO_PARAMS"}'
        ),
        cwd=PROJECT,
        append_env=True,
        env={"FINQ_KEDRO": KEDRO, "FINQ_KEDRO_ENV": ENVIRONMENT, "FINQ_KEDRO_PARAMS": PARAMS},
    )


with DAG(
    dag_id="finq_monitoring",
    description="Freshness, missing rates and drift, both markets.",
    schedule="*/15 * * * *",
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["finq", "monitoring"],
    default_args={
        "owner": "finq",
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=60),
        "execution_timeout": timedelta(minutes=10),
        "on_failure_callback": report_failure,
    },
) as dag:
    tasks = {
        "monitoring": stage("monitoring", "--namespaces monitoring"),
    }