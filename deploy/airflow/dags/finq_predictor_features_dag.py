"""Compute the gold features and labels, both markets.

Written by `make dags` from conf/base/airflow.yml; change it there.
"""

import finq_airflow as finq
import pendulum
from airflow.sdk import DAG

with DAG(
    dag_id="finq_market_features",
    description="Compute the gold features and labels, both markets.",
    schedule=finq.schedule("5 * * * *", "UTC", [], None),
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["finq", "features"],
    default_args=finq.default_args("finq", 3, 5, 60, 30, "finq_data"),
) as dag:
    finq.tasks(
        "features",
        {
            "features": ("--namespaces features", []),
        },
        waits_for=["equity.bronze_bars", "fx.bronze_bars"],
        fresh_minutes=30,
        wait_minutes=20,
        makes=["equity.gold", "fx.gold"],
    )