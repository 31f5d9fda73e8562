"""Equity, from silver to trained candidates, before the exchange opens.

Written by `make dags` from conf/base/airflow.yml; change it there.
"""

import finq_airflow as finq
import pendulum
from airflow.sdk import DAG

with DAG(
    dag_id="finq_equity_model_training",
    description="Equity, from silver to trained candidates, before the exchange opens.",
    schedule=finq.schedule("0 2 * * 2-6", "America/New_York", [], "equity"),
    start_date=pendulum.datetime(2025, 1, 1, tz="America/New_York"),
    catchup=False,
    max_active_runs=1,
    tags=["finq", "equity", "training"],
    default_args=finq.default_args("finq", 3, 5, 60, 60, "finq_training"),
) as dag:
    finq.tasks(
        "equity_training",
        {
            "sentiment": ("--namespaces sentiment", []),
            "features": ("--namespaces features", ["sentiment"]),
            "training": ("--namespaces training", ["features"]),
        },
        waits_for=["equity.bronze_bars"],
        fresh_minutes=30,
        wait_minutes=60,
        makes=["equity.candidates"],
    )