"""Everything that is ours, compressed, of which 30 days are kept.

Written by `make dags` from conf/base/airflow.yml; change it there.
"""

import finq_airflow as finq
import pendulum
from airflow.sdk import DAG

with DAG(
    dag_id="finq_backup",
    description="Everything that is ours, compressed, of which 30 days are kept.",
    schedule=finq.schedule("30 0 * * *", "UTC", [], None),
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["finq", "backup"],
    default_args=finq.default_args("finq", 3, 5.0, 60.0, 120.0, "finq_data"),
) as dag:
    finq.command(
        "backup",
        ["finq", "backup", "daily"],
        waits_for=[],
        fresh_minutes=30.0,
        wait_minutes=20.0,
        makes=[],
    )