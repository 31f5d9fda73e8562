"""Variables of the environment: ours before the well-known ones, none unknown, none that cannot be used."""

from __future__ import annotations

import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from finq_predictor.adapters.environment.declared import DECLARED
from finq_predictor.adapters.environment.reading import check_environment, given_as, value_of
from finq_predictor.adapters.environment.variable import OWN, by_name, is_secret
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.serving.settings import every_variable

ALIASED = [(one, plain) for one in every_variable().values() for plain in one.plain]
SECRET = [(one, plain) for one, plain in ALIASED if one.secret]
HIDDEN = "hid4en-pa55word"


@pytest.mark.parametrize(("variable", "plain"), SECRET, ids=[f"{one.name}-{plain}" for one, plain in SECRET])
def test_a_plain_name_serves_and_ours_goes_before_it(variable, plain, tmp_path):
    file = tmp_path / "file"
    file.write_text("theirs in a file\n")
    assert read_secret(variable.name, environment={plain: "theirs"}) == b"theirs"
    assert read_secret(variable.name, environment={f"{plain}_FILE": str(file)}) == b"theirs in a file"
    assert read_secret(variable.name, environment={variable.name: "ours", plain: "theirs"}) == b"ours"
    assert (
        read_secret(variable.name, environment={f"{variable.name}_FILE": str(file), plain: "x"}) == b"theirs in a file"
    )
    assert given_as(variable.name, {plain: "theirs"}) == plain
    assert given_as(variable.name, {f"{plain}_FILE": str(file)}) == f"{plain}_FILE"
    assert given_as(variable.name, {variable.name: "ours", plain: "theirs"}) == variable.name
    assert given_as(variable.name, {}) == variable.name
    with pytest.raises(ConfigurationError, match=f"{plain} and {plain}_FILE are both set") as refused:
        read_secret(variable.name, environment={plain: HIDDEN, f"{plain}_FILE": str(file)})
    assert HIDDEN not in str(refused.value)


def test_what_is_no_secret_is_read_in_the_same_order():
    assert value_of("FINQ_KEDRO_ENV", {"KEDRO_ENV": " live "}) == "live"
    assert value_of("FINQ_KEDRO_ENV", {"KEDRO_ENV": "live", "FINQ_KEDRO_ENV": "prod"}) == "prod"
    assert value_of("FINQ_KEDRO_ENV", {"KEDRO_ENV": "live", "FINQ_KEDRO_ENV": " "}) == "live"
    assert value_of("FINQ_KEDRO_ENV", {}) == ""
    with pytest.raises(KeyError):
        value_of("FINQ_KEDRO_ENVIRONMENT", {})


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("FINQ_DATA_ROT", "FINQ_DATA_ROOT"),
        ("FINQ_STORE_URI", "FINQ_STORE_URL"),
        ("FINQ_STORE_URL_FIEL", "FINQ_STORE_URL_FILE"),
        ("FINQ_WORKERS_FILE", "FINQ_WORKERS"),
        ("FINQ_CHANEL_CHAT", "FINQ_CHANNEL_SLACK"),
        ("FINQ_", None),
        ("FINQ_CHANNEL_", "FINQ_CHANNEL_"),
        ("FINQ_OWN", None),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(given, near):
    with pytest.raises(ConfigurationError, match=f"environment variable {given}") as refused:
        check_environment(every_variable(), {given: HIDDEN})
    assert near is None or near in str(refused.value)
    assert HIDDEN not in str(refused.value)
    assert "docs/reference/environment.md" in str(refused.value)


def test_many_unknown_names_are_one_message():
    with pytest.raises(ConfigurationError, match="and 4 more") as refused:
        check_environment(every_variable(), {f"FINQ_QQ_{number}": "1" for number in range(9)})
    assert len(str(refused.value)) < 500


def test_what_is_known_and_what_is_nobodys_business_is_taken():
    every = every_variable()
    good = {form: "" for one in every.values() for form in one.forms}
    assert check_environment(every, good) == []
    assert check_environment(every, {f"{OWN}THING": "1", "PATH": "/bin", "DATA_ROOT": "x", "finq": "y"}) == []
    assert check_environment(every, {"FINQ_CHANNEL_MY_OWN": "x", "FINQ_CHANNEL_MY_OWN_FILE": "/there"}) == []
    # A service of Kubernetes, or a container of docker, that is called finq or finq-api.
    links = {
        "FINQ_PORT": "tcp://10.0.0.1:80",
        "FINQ_PORT_80_TCP": "tcp://10.0.0.1:80",
        "FINQ_PORT_80_TCP_PROTO": "tcp",
        "FINQ_PORT_80_TCP_PORT": "80",
        "FINQ_PORT_80_TCP_ADDR": "10.0.0.1",
        "FINQ_SERVICE_HOST": "10.0.0.1",
        "FINQ_SERVICE_PORT": "80",
        "FINQ_SERVICE_PORT_HTTP": "80",
        "FINQ_API_PORT": "tcp://10.0.0.2:80",
        "FINQ_API_SERVICE_HOST": "10.0.0.2",
        "FINQ_WORKER_PORT": "udp://10.0.0.2:80",
        "API_PORT": "tcp://10.0.0.2:80",
    }
    assert check_environment(every, links) == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATABASE_URL", f"mysql://user:{HIDDEN}@host/db", "postgresql://"),
        ("DATABASE_URL", HIDDEN, "postgresql://"),
        ("FINQ_STORE_URL", f"postgresql://user:{HIDDEN}@host:port/db", "postgresql://"),
        ("REDIS_URL", f"http://:{HIDDEN}@host", "redis://"),
        ("FINQ_REDIS_URL", f"redis://:{HIDDEN}@host:99999/0", "redis://"),
        ("MLFLOW_TRACKING_URI", f"ftp://user:{HIDDEN}@host", "http://"),
        ("SLACK_WEBHOOK_URL", f"hooks.slack.com/{HIDDEN}", "https://"),
        ("FINQ_VAULT_ADDR", "vault:8200", "https://"),
        ("FINQ_LOG_FORMAT", "yaml", "text, json"),
        ("LOG_LEVEL", "loud", "info, debug"),
    ],
)
def test_a_value_that_cannot_be_one_is_refused_and_no_secret_shown(name, value, expected):
    with pytest.raises(ConfigurationError, match=f"^{name} .*expected .*{expected}") as refused:
        check_environment(every_variable(), {name: value})
    assert HIDDEN not in str(refused.value)


def test_values_that_are_right_are_taken():
    good = {
        "DATABASE_URL": "postgres://user:pa%40ss@host/db",
        "FINQ_STORE_URL": "postgresql+psycopg://host:5432/db",
        "FINQ_ACCESS_URL": "sqlite:////srv/access.db",
        "REDIS_URL": "rediss://:x@host:6380/1",
        "MLFLOW_TRACKING_URI": "https://tracking",
        "FINQ_LOG_FORMAT": "JSON",
    }
    notes = check_environment(every_variable(), good)
    assert sorted(notes) == [
        "FINQ_ACCESS_URL and DATABASE_URL say different things; FINQ_ACCESS_URL counts.",
        "FINQ_STORE_URL and DATABASE_URL say different things; FINQ_STORE_URL counts.",
    ]
    # What does not count is not looked at: somebody else may need it.
    taken = {"FINQ_REDIS_URL": "redis://one", "REDIS_URL": "cluster one"}
    assert len(check_environment(every_variable(), taken)) == 1
    assert check_environment(every_variable(), {"FINQ_REDIS_URL": "redis://one", "REDIS_URL": "redis://one"}) == []


def test_every_plain_name_is_known_to_be_as_secret_as_ours():
    for one in every_variable().values():
        assert all(is_secret(every_variable(), form) == one.secret for form in one.forms if "<" not in form)
    assert is_secret(DECLARED, "FINQ_CHANNEL_ANY_FILE")
    assert is_secret(DECLARED, "DATABASE_URL_VAULT")
    assert not is_secret(DECLARED, "PATH")


@given_by(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", max_size=24))
def test_a_name_is_known_or_refused_and_never_both(rest):
    name = f"FINQ_{rest}"
    try:
        check_environment(every_variable(), {name: ""})
        known = True
    except ConfigurationError:
        known = False
    assert known is (by_name(every_variable(), name) is not None or name.startswith(OWN) or "_SERVICE_" in name)
