"""Equity, predictions of the champion on the newest bars, before the exchange opens.

Written by `make dags` from conf/base/airflow.yml; change it there.
"""

import finq_airflow as finq
import pendulum
from airflow.sdk import DAG

with DAG(
    dag_id="finq_equity_batch_predictions",
    description="Equity, predictions of the champion on the newest bars, before the exchange opens.",
    schedule=finq.schedule("0 6 * * 1-5", "America/New_York", [], None),
    start_date=pendulum.datetime(2025, 1, 1, tz="America/New_York"),
    catchup=False,
    max_active_runs=1,
    tags=["finq", "equity", "predictions"],
    default_args=finq.default_args("finq", 3, 5, 60, 20, "finq_data"),
) as dag:
    finq.tasks(
        "equity_predictions",
        {
            "evaluation": ("--namespaces evaluation", []),
        },
        waits_for=["equity.bronze_bars"],
        fresh_minutes=30,
        wait_minutes=20,
        makes=["equity.predictions"],
    )