"""Freshness, missing rates and drift, both markets; asks for a training where something speaks for it.

Written by `make dags` from conf/base/airflow.yml; change it there.
"""

import finq_airflow as finq
import pendulum
from airflow.sdk import DAG

with DAG(
    dag_id="finq_monitoring",
    description="Freshness, missing rates and drift, both markets; asks for a training where something speaks for it.",
    schedule=finq.schedule("*/15 * * * *", "UTC", [], None),
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["finq", "monitoring"],
    default_args=finq.default_args("finq", 3, 5, 60, 10, "finq_data"),
) as dag:
    finq.tasks(
        "monitoring",
        {
            "monitoring": ("--namespaces monitoring", []),
        },
        waits_for=[],
        fresh_minutes=30,
        wait_minutes=20,
        makes=["equity.retrain_request", "fx.retrain_request"],
    )