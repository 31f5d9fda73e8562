"""FX, predictions of the champion on the newest bars, at the start of the business day.

Written by `make dags` from conf/base/airflow.yml; change it there.
"""

import finq_airflow as finq
import pendulum
from airflow.sdk import DAG

with DAG(
    dag_id="finq_fx_batch_predictions",
    description="FX, predictions of the champion on the newest bars, at the start of the business day.",
    schedule=finq.schedule("0 6 * * 1-5", "Asia/Singapore", [], None),
    start_date=pendulum.datetime(2025, 1, 1, tz="Asia/Singapore"),
    catchup=False,
    max_active_runs=1,
    tags=["finq", "fx", "predictions"],
    default_args=finq.default_args("finq", 3, 5, 60, 20, "finq_data"),
) as dag:
    finq.tasks(
        "fx_predictions",
        {
            "evaluation": ("--namespaces evaluation", []),
        },
        waits_for=["fx.bronze_bars"],
        fresh_minutes=30,
        wait_minutes=20,
        makes=["fx.predictions"],
    )