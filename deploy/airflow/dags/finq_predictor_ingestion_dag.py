"""Fetch what is missing into bronze and silver, both markets.

Written by `make dags` from conf/base/airflow.yml; change it there.
"""

import finq_airflow as finq
import pendulum
from airflow.sdk import DAG

with DAG(
    dag_id="finq_data_collection",
    description="Fetch what is missing into bronze and silver, both markets.",
    schedule=finq.schedule("*/10 * * * *", "UTC", [], None),
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["finq", "data"],
    default_args=finq.default_args("finq", 3, 5, 60, 9, "finq_data"),
) as dag:
    finq.tasks(
        "ingestion",
        {
            "ingestion": ("--namespaces ingestion", []),
        },
        waits_for=[],
        fresh_minutes=30,
        wait_minutes=20,
        makes=["equity.bronze_bars", "equity.bronze_articles", "fx.bronze_bars", "fx.bronze_articles"],
    )