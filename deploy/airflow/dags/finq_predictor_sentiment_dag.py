"""Score new articles and attribute them to bars, both markets.

Written by `make dags` from conf/base/airflow.yml; change it there.
"""

import finq_airflow as finq
import pendulum
from airflow.sdk import DAG

with DAG(
    dag_id="finq_news_features",
    description="Score new articles and attribute them to bars, both markets.",
    schedule=finq.schedule("*/30 * * * *", "UTC", [], None),
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["finq", "features"],
    default_args=finq.default_args("finq", 3, 5, 60, 25, "finq_data"),
) as dag:
    finq.tasks(
        "sentiment",
        {
            "sentiment": ("--namespaces sentiment", []),
        },
        waits_for=["equity.bronze_articles", "fx.bronze_articles"],
        fresh_minutes=30,
        wait_minutes=20,
        makes=["equity.silver_sentiment", "fx.silver_sentiment"],
    )