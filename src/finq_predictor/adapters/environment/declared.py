"""Every variable of the environment but the settings of the API, which `serving.settings` declares as its fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from finq_predictor.adapters.environment.variable import (
    DATABASE,
    REDIS,
    TRACKING,
    WAREHOUSE,
    WEB,
    Kind,
    Reader,
    Variable,
    choice,
)

LEVELS = ("INFO", "DEBUG", "WARNING", "ERROR")
API, RUNS, COMMANDS, SCHEDULER, ALARMS = (
    Reader.API,
    Reader.RUNS,
    Reader.COMMANDS,
    Reader.SCHEDULER,
    Reader.ALARMS,
)
_COMPOSE, _TESTS = (Reader.COMPOSE,), (Reader.TESTS,)
_PROJECT = (SCHEDULER, Reader.AIRFLOW)

_SECRETS = (
    Variable(
        "FINQ_TOKEN_SECRET",
        "What signs access tokens: lines of secrets, or private keys in PEM",
        (API, COMMANDS),
        "a file beside the accounts",
        secret=True,
        plain=("JWT_SECRET_KEY",),
    ),
    Variable(
        "FINQ_ACCESS_URL",
        "Database in which accounts are kept",
        (API, COMMANDS),
        "a file below the data",
        DATABASE,
        secret=True,
        plain=("DATABASE_URL",),
    ),
    Variable(
        "FINQ_STORE_URL",
        "Database in which what was answered is kept, and what scheduled runs predict",
        (API, RUNS, COMMANDS),
        "a file below the data",
        DATABASE,
        secret=True,
        plain=("DATABASE_URL",),
    ),
    Variable(
        "FINQ_DATABASE_URL",
        "Database to which `finq db` publishes what snapshots say",
        (COMMANDS,),
        "the entry `database` of the credentials",
        DATABASE,
        secret=True,
        plain=("DATABASE_URL",),
    ),
    Variable(
        "FINQ_REDIS_URL",
        "Redis through which processes keep limits together and leave answers for each other",
        (API,),
        "each counts and computes for itself",
        REDIS,
        secret=True,
        plain=("REDIS_URL",),
    ),
    Variable(
        "FINQ_FEATURE_STORE_URL",
        "Redis that holds the newest bars of features for processes on several machines",
        (API, RUNS, COMMANDS),
        "a file below the data",
        REDIS,
        secret=True,
    ),
    Variable(
        "FINQ_TRACKING_URI",
        "Server or database of MLflow, for experiments and registered models",
        (RUNS, COMMANDS),
        "a file below the data",
        TRACKING,
        # A database of it has a password.
        secret=True,
        plain=("MLFLOW_TRACKING_URI",),
    ),
    Variable(
        "FINQ_SEARCH_URL",
        "Database in which searches for parameters keep their trials",
        (RUNS, COMMANDS),
        "a journal each below the data",
        DATABASE,
        secret=True,
    ),
    Variable("FINQ_OIDC_SECRET", "What shows the issuer that it is this service", (API,), secret=True),
    Variable("FINQ_SIGNING_KEY", "What signs stored models", (API, RUNS, COMMANDS), "they are not signed", secret=True),
    Variable(
        "FINQ_METRICS_KEY",
        "Key of a viewer, by which `finq alarms check` reads the metrics of a service with accounts",
        (ALARMS,),
        secret=True,
    ),
    Variable(
        "FINQ_CHANNEL_<NAME>",
        "What a channel of `conf/base/alarms.yml` needs, such as the address of a webhook of Slack",
        (ALARMS,),
        secret=True,
    ),
    Variable(
        "FINQ_CHANNEL_SLACK",
        "Incoming webhook of Slack: without a channel of the kind `slack` in `alarms.yml`, one is added that tells "
        "everybody; the plain name also serves channels of that kind with other names",
        (ALARMS,),
        kind=WEB,
        secret=True,
        plain=("SLACK_WEBHOOK_URL",),
    ),
    Variable(
        "FINQ_CERTIFICATES",
        "Certificates whose end is looked at beside those of `alarms.yml`, separated by commas: files in PEM, and "
        "`HOST:PORT` of servers, whose own is looked at",
        (ALARMS,),
    ),
    Variable(
        "FINQ_PUSH_GATEWAY",
        "Address of a Prometheus push gateway, with user and password where it wants them: a run that no `finq "
        "schedule` started tells it how long it took and how it ended",
        (RUNS,),
        "nobody is told",
        WEB,
        secret=True,
    ),
    Variable("FINQ_VAULT_TOKEN", "What the vault at `FINQ_VAULT_ADDR` lets in", (API, RUNS, COMMANDS), secret=True),
    Variable(
        "FINQ_ALPHA_VANTAGE_KEY",
        "Key of Alpha Vantage",
        (RUNS,),
        "`conf/local/credentials.yml`",
        secret=True,
        plain=("ALPHA_VANTAGE_API_KEY",),
    ),
    Variable(
        "FINQ_OANDA_TOKEN",
        "Token of OANDA",
        (RUNS,),
        "`conf/local/credentials.yml`",
        secret=True,
        plain=("OANDA_API_TOKEN", "OANDA_API_KEY"),
    ),
    Variable(
        "FINQ_FRED_KEY", "Key of FRED", (RUNS,), "`conf/local/credentials.yml`", secret=True, plain=("FRED_API_KEY",)
    ),
    Variable(
        "FINQ_NEWSAPI_KEY",
        "Key of NewsAPI",
        (RUNS,),
        "`conf/local/credentials.yml`",
        secret=True,
        plain=("NEWSAPI_KEY", "NEWS_API_KEY"),
    ),
    Variable(
        "FINQ_WAREHOUSE_URL",
        "Address of the warehouse that a source reads",
        (RUNS,),
        "`conf/local/credentials.yml`",
        WAREHOUSE,
        secret=True,
    ),
)
_OPEN = (
    Variable(
        "FINQ_VAULT_ADDR",
        "Address of a vault that holds secrets",
        (API, RUNS, COMMANDS),
        kind=WEB,
        plain=("VAULT_ADDR",),
    ),
    Variable(
        "FINQ_LOG_FORMAT",
        "`text`, for people, or `json`: a line for each record, for whoever collects them",
        (API, RUNS, COMMANDS, SCHEDULER),
        "`text`",
        choice("text", "json"),
    ),
    Variable(
        "FINQ_LOG_LEVEL",
        "`DEBUG` adds the lines of Kedro and the traceback of an error; `WARNING` and `ERROR` leave lines out",
        (RUNS, COMMANDS, SCHEDULER),
        "`INFO`",
        choice(*(level.lower() for level in LEVELS)),
        plain=("LOG_LEVEL",),
    ),
    Variable(
        "FINQ_RUN_ID",
        "Id of the run that the lines of a process belong to; whoever starts it hands it on",
        (API, RUNS, COMMANDS, SCHEDULER),
    ),
    Variable(
        "FINQ_PUSH_JOB",
        "Name under which a run tells the push gateway of itself",
        (RUNS,),
        "that of its job, and what it runs of it",
    ),
    Variable(
        "FINQ_FEATURE_FILES",
        "Files of features of your own, separated by commas, for models that were trained with them",
        (API, RUNS, COMMANDS),
    ),
    Variable("FINQ_PROJECT", "Root of the project, where jobs run", _PROJECT, "the working folder"),
    Variable("FINQ_KEDRO", "The project's `kedro`; `finq` lies beside it", _PROJECT, "that of this environment"),
    Variable("FINQ_KEDRO_ENV", "Overlay of the configuration for jobs", _PROJECT, "`local`", plain=("KEDRO_ENV",)),
    Variable(
        "FINQ_BACKUPS",
        "Folder of the daily backups, best on another disk",
        (COMMANDS, SCHEDULER),
        "`backups` beside the folder of the data",
    ),
    Variable(
        "FINQ_BACKUP_URL",
        "Place of the weekly backups in an object store",
        (COMMANDS, SCHEDULER),
        "none are made",
        Kind("an address such as s3://bucket/prefix", lambda value: value.startswith("s3://"), shown=False),
    ),
    Variable("FINQ_KEDRO_PARAMS", "Further `--params` of each `kedro run` of the schedule", _PROJECT),
    Variable(
        "FINQ_SCHEDULE_JOB", "Which job the scheduler runs a command for; the scheduler hands it on", (Reader.PRODUCT,)
    ),
    Variable("FINQ_SCHEDULED_FOR", "When that job was due; the scheduler hands it on", (Reader.PRODUCT,)),
    Variable("FINQ_SUPERVISOR_PID", "Process that a worker ends with; the server hands it on", (Reader.PRODUCT,)),
    Variable("FINQ_TRIALS_FOLDER", "Where trials of models are noted; the server hands it on", (Reader.PRODUCT,)),
)
_ELSEWHERE = (
    Variable("FINQ_BENTO_EXTRAS", "Extras that a bento is built with, separated by commas", (Reader.BUILD,)),
    Variable("FINQ_ENV", "Overlay of the runs of the stack", _COMPOSE, "`live`"),
    Variable("FINQ_BIND", "Address of this host at which the proxy listens", _COMPOSE, "`127.0.0.1`"),
    Variable("FINQ_PORT", "Port of this host at which the proxy listens", _COMPOSE, "`8080`"),
    Variable("FINQ_TLS_PORT", "The same for TLS", _COMPOSE, "`443`"),
    Variable("FINQ_SECRETS", "Folder of the secrets", _COMPOSE, "`./secrets`"),
    Variable("FINQ_DATA_BELOW", "Folder of the data within the volume", _COMPOSE, "`/live`"),
    *(
        Variable(f"FINQ_{image}_IMAGE", f"Image `{image.lower()}`", _COMPOSE, f"`finq-{image.lower()}:latest`")
        for image in ("API", "DATA", "TRAINING", "AIRFLOW", "SENTIMENT")
    ),
    Variable(
        "FINQ_AIRFLOW_POKE_SECONDS", "How often a task that waits for fresh data looks", (Reader.AIRFLOW,), "`30`"
    ),
    Variable("FINQ_LOGS_ENDPOINT", "Where lines are handed to, by OTLP over HTTP", (Reader.COMPOSE, Reader.COLLECTOR)),
    Variable("FINQ_LOGS_AT", "Files of lines that the collector reads", (Reader.COLLECTOR,)),
    Variable("FINQ_LOG_FOLDER", "Folder of lines that the other collector reads", (Reader.COLLECTOR,)),
    Variable("FINQ_LOG_SINK", "Where the other collector hands them to", (Reader.COLLECTOR,)),
    Variable("FINQ_LOG_STATE", "Where the other collector keeps how far it is", (Reader.COLLECTOR,)),
    Variable("FINQ_TEST_BAO", "Program of a vault for one test", _TESTS),
    Variable("FINQ_PICTURES", "Folder into which a test draws the pictures of the dashboards", _TESTS),
    Variable("FINQ_SOAK_KEY", "Key by which a long proof asks", _TESTS),
)


def _named(variables: Iterable[Variable]) -> Mapping[str, Variable]:
    return {one.name: one for one in variables}


DECLARED = _named((*_SECRETS, *_OPEN, *_ELSEWHERE))
"""Each by its name."""
FOREIGN = {
    "KEDRO_ENV": "Overlay of the configuration, of Kedro itself",
    "AWS_ACCESS_KEY_ID": "Key of an object store; with it `AWS_SECRET_ACCESS_KEY` and all others of the library",
    "AWS_PROFILE": "Entry of the library's own file of keys",
    "AWS_ENDPOINT_URL_S3": "Address of an object store that is not Amazon's",
    "AWS_ENDPOINT_URL": "The same for all services",
    "AWS_REGION": "Region of the object store",
    "AWS_DEFAULT_REGION": "The same, by its older name",
    "BENTO_PATH": "Folder of the bento that a container serves",
    "BENTOML_HOST": "Where `bentoml serve` listens; goes before `FINQ_API_HOST`",
    "BENTOML_PORT": "Its port; goes before `FINQ_API_PORT`",
    "PROMETHEUS_MULTIPROC_DIR": "Where the workers of a server count together; the server hands it on",
    "JAVA_HOME": "Where Java is that Spark runs on; else the first `java` on the PATH",
    "PYSPARK_PYTHON": "Python of the workers of Spark; the one that runs, where the configuration names none",
    "PYSPARK_DRIVER_PYTHON": "Python of the driver of Spark; set to the one that runs",
    "SPARK_LOCAL_IP": "Address at which Spark on one machine listens; set to 127.0.0.1",
    "MLFLOW_TRACKING_URI": "What MLflow hands on to the processes that it starts",
}
"""Variables of others that the product reads too."""
