"""FX, from silver to trained candidates, at the start of the Singapore day.

Written by `make dags` from conf/base/airflow.yml; change it there.
"""

import finq_airflow as finq
import pendulum
from airflow.sdk import DAG

with DAG(
    dag_id="finq_fx_model_training",
    description="FX, from silver to trained candidates, at the start of the Singapore day.",
    schedule=finq.schedule("0 0 * * *", "Asia/Singapore", [], "fx"),
    start_date=pendulum.datetime(2025, 1, 1, tz="Asia/Singapore"),
    catchup=False,
    max_active_runs=1,
    tags=["finq", "fx", "training"],
    default_args=finq.default_args("finq", 3, 5, 60, 60, "finq_training"),
) as dag:
    finq.tasks(
        "fx_training",
        {
            "sentiment": ("--namespaces sentiment", []),
            "features": ("--namespaces features", ["sentiment"]),
            "training": ("--namespaces training", ["features"]),
        },
        waits_for=["fx.bronze_bars"],
        fresh_minutes=30,
        wait_minutes=60,
        makes=["fx.candidates"],
    )