"""What the configuration may say, and what it is told when it says something else."""

from __future__ import annotations

import pytest

from finq_predictor.adapters.alarms.settings import read_settings
from finq_predictor.domain.alarms.rule import Audience
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError

BASE = "channels: {log: {kind: log}}\naudiences: {on_call: [log], team: [log]}\n"


@pytest.fixture
def conf(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "local").mkdir()
    (tmp_path / "base" / "alarms.yml").write_text(BASE)
    return tmp_path


def test_what_is_committed_can_be_read(project_path):
    settings = read_settings(project_path / "conf", "base")
    assert settings.audiences[Audience.ON_CALL] == ("log",)
    assert settings.targets[0].url.endswith("/metrics")


def test_an_environment_lies_above_the_base(conf):
    (conf / "local" / "alarms.yml").write_text('limits: {api-slow: 2.5}\nquiet: {start: "22:00", end: "07:00"}\n')
    settings = read_settings(conf)
    assert settings.rules["api-slow"].limit == 2.5
    assert settings.policy.quiet is not None
    assert settings.rules["api-errors"].limit == 0.1
    (conf / "desk").mkdir()
    assert read_settings(conf, "desk").limits == {}


def test_what_an_environment_adds_takes_nothing_away(conf):
    (conf / "base" / "alarms.yml").write_text(BASE + "limits: {api-slow: 2, api-errors: 3}\nsilenced: [api-slow]\n")
    (conf / "local" / "alarms.yml").write_text(
        "channels: {chat: {kind: slack}}\naudiences: {team: [chat]}\nlimits: {api-slow: 5}\nsilenced: []\n"
    )
    settings = read_settings(conf)
    assert set(settings.channels) == {"log", "chat"}
    assert settings.audiences == {Audience.ON_CALL: ("log",), Audience.TEAM: ("chat",)}
    assert settings.limits == {"api-slow": 5, "api-errors": 3}
    assert settings.silenced == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("limts: {api-slow: 2}", "limts: this key is not known. Did you mean 'limits'?"),
        ("limits: {api-slow: .nan}", "limits.api-slow: Input should be a finite number"),
        ("quiet: {start: '22:00', end: '07:00', zoen: UTC}", "quiet.zoen: this key is not known. Did you mean 'zone'?"),
        ("targets: [{ulr: 'http://a/metrics'}]", "targets.0.ulr: this key is not known. Did you mean 'url'?"),
        ("limits: {api-slo: 2}", "Unknown alarm rule 'api-slo'. Did you mean 'api-slow'?"),
        ("silenced: [drift]", "Unknown alarm rule 'drift'"),
        ("audiences: {on_call: [lag], team: [log]}", "Unknown channel 'lag'. Did you mean 'log'?"),
        ("audiences: {team: []}", "nobody is told of what is for team"),
        ("audiences: {boss: [log], on_call: [log], team: [log]}", "audiences.boss"),
        ("channels: {log: {kind: log, colour: red}}", "The channel log: colour: this key is not known"),
        ("channels: {log: {kind: loog}}", "Unknown kind of channel 'loog'"),
        ("channels: {log: {}}", "The channel log has no kind; give one of log, slack"),
        ("channels: {log: {kind: email, host: h}}", "sender: Field required"),
        ("per_hour: 0", "per_hour: Input should be greater than 0"),
        ("quiet: {start: '22:00', end: '22:00'}", "begin and end at 22:00"),
        ("quiet: {start: '22:00', end: '07:00', zone: Mars}", "no time zone 'Mars'"),
        ("quiet: {start: late, end: '07:00'}", "quiet.start"),
        ("[1, 2]", "holds list; expected keys"),
        ("a: [", "is no YAML"),
    ],
)
def test_a_mistake_is_told_with_its_key_and_file(conf, text, says):
    (conf / "local" / "alarms.yml").write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        read_settings(conf)
    assert says in str(refused.value)
    assert "alarms.yml" in str(refused.value)


def test_a_secret_that_was_written_there_is_not_repeated(conf):
    (conf / "local" / "alarms.yml").write_text(
        "channels: {log: {kind: slack, url: 'https://hooks.slack.com/services/verysecret'}}"
    )
    with pytest.raises(ConfigurationError, match="url: this key is not known") as refused:
        read_settings(conf)
    assert "verysecret" not in str(refused.value)


def test_a_folder_or_channel_that_is_not_there_is_told(conf):
    with pytest.raises(ConfigurationError, match="There is no environment 'desk'"):
        read_settings(conf, "desk")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_settings(conf / "nowhere")
    with pytest.raises(UnknownNameError, match="Unknown channel 'slack'"):
        read_settings(conf).channel("slack")


def test_certificates_of_the_environment_are_looked_at_as_well(project_path):
    settings = read_settings(project_path / "conf", "base").model_copy(
        update={"certificates": ("/etc/own.pem", "proxy:8443")}
    )
    assert settings.all_certificates({}) == ("/etc/own.pem", "proxy:8443")
    told = {"FINQ_CERTIFICATES": "proxy:8443, api.example.org:443 ,"}
    assert settings.all_certificates(told) == ("/etc/own.pem", "proxy:8443", "api.example.org:443")
