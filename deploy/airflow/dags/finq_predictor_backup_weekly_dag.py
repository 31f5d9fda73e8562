"""The same in an object store, as another version, where FINQ_BACKUP_URL names one.

Written by `make dags` from conf/base/airflow.yml; change it there.
"""

import finq_airflow as finq
import pendulum
from airflow.sdk import DAG

with DAG(
    dag_id="finq_backup_weekly",
    description="The same in an object store, as another version, where FINQ_BACKUP_URL names one.",
    schedule=finq.schedule("30 1 * * 0", "UTC", [], None),
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["finq", "backup"],
    default_args=finq.default_args("finq", 3, 5.0, 60.0, 360.0, "finq_data"),
) as dag:
    finq.command(
        "backup_weekly",
        ["finq", "backup", "weekly"],
        waits_for=[],
        fresh_minutes=30.0,
        wait_minutes=20.0,
        makes=[],
    )