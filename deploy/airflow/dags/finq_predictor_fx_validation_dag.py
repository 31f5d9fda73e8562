"""FX, evaluate the new candidates and decide on promotion.

Written by `make dags` from conf/base/airflow.yml; change it there.
"""

import finq_airflow as finq
import pendulum
from airflow.sdk import DAG

with DAG(
    dag_id="finq_fx_model_validation",
    description="FX, evaluate the new candidates and decide on promotion.",
    schedule=finq.schedule(None, "UTC", ["fx.candidates"], None),
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["finq", "fx", "validation"],
    default_args=finq.default_args("finq", 3, 5, 60, 60, "finq_training"),
) as dag:
    finq.tasks(
        "fx_validation",
        {
            "evaluation": ("--namespaces evaluation", []),
        },
        waits_for=[],
        fresh_minutes=30,
        wait_minutes=20,
        makes=["fx.champion"],
    )