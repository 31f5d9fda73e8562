from __future__ import annotations

import pytest

from finq_predictor.adapters.datasets.atomic import AtomicDataset
from finq_predictor.adapters.datasets.registry import ChampionDataset, IncumbentDataset
from finq_predictor.adapters.datasets.source import SourceDataset
from finq_predictor.adapters.datasets.tracked_run import TrackedReportDataset, TrackedRunDataset
from finq_predictor.adapters.secrets import HIDDEN, masked

SECRET = "s3cr3t"
ADDRESS = f"postgresql://finq:{SECRET}@db:5432/mlflow"


@pytest.mark.parametrize(
    "name",
    [
        "credentials",
        "token",
        "accessToken",
        "api_key",
        "apiKey",
        "API_KEY",
        "apikey",
        "key",
        "password",
        "db_password",
        "PASSWD",
    ],
)
def test_an_option_whose_name_says_that_it_is_secret_is_hidden_at_any_depth(name):
    assert masked({name: SECRET, "seed": 7}) == {name: HIDDEN, "seed": 7}
    assert masked({"storage": {name: {"client": SECRET}}}) == {"storage": {name: HIDDEN}}
    assert masked({"files": [{name: SECRET}]}) == {"files": [{name: HIDDEN}]}


def test_an_option_that_is_not_given_is_shown_as_such():
    assert masked({"api_key": None, "token": ""}) == {"api_key": None, "token": ""}


@pytest.mark.parametrize("name", ["keyword", "monkey", "tokenizer", "filepath", "keyed", "author"])
def test_a_name_that_only_contains_such_letters_is_not(name):
    assert masked({name: "shown"}) == {name: "shown"}


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (ADDRESS, "postgresql://<redacted>@db:5432/mlflow"),
        (f"https://{SECRET}@host/a?b=c@d", "https://<redacted>@host/a?b=c@d"),
        (
            f"https://host/bars?symbol=A&keyword2=1&api_key={SECRET}",
            "https://host/bars?symbol=A&keyword2=1&api_key=<redacted>",
        ),
        ("sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db"),
        ("mail a@b.c", "mail a@b.c"),
    ],
)
def test_addresses_lose_their_user_and_secret_parts_of_the_query(address, shown):
    assert masked({"url": address, "all": [address]}) == {"url": shown, "all": [shown]}


STORE = {"market": "fx", "tracking_uri": ADDRESS, "artifact_root": "artifacts"}
WRAPPED = {"type": "pandas.ParquetDataset", "credentials": {"key": SECRET}, "fs_args": {"token": SECRET}}


@pytest.mark.parametrize(
    "dataset",
    [
        SourceDataset({"class": "some.Source", "api_key": SECRET, "url": f"https://u:{SECRET}@host"}),
        AtomicDataset(WRAPPED, "frame.parquet"),
        ChampionDataset(**STORE, export_dir="data/04_models/equity/champion"),
        IncumbentDataset(**STORE, export_dir="data/04_models/equity/champion"),
        TrackedRunDataset(**STORE, filepath="ids.json"),
        TrackedReportDataset(**STORE),
    ],
    ids=lambda dataset: type(dataset).__name__,
)
def test_no_dataset_prints_a_secret(dataset):
    for shown in (repr(dataset), str(dataset), str(dataset._describe())):
        assert SECRET not in shown
        assert HIDDEN in shown
