"""The commands about accounts: what they say, what they keep, and what is never an argument."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from finq_predictor.cli import cli
from finq_predictor.cli.auth import auth
from finq_predictor.serving.access.access import Access
from finq_predictor.serving.access.passwords import is_password
from finq_predictor.serving.settings import AuthMode


@pytest.fixture
def finq(tmp_path):
    def run(*words: str, code: int = 0, **options: object) -> str:
        done = CliRunner().invoke(cli, ["auth", *words, "--root", str(tmp_path)], **options)
        assert done.exit_code == code, done.output
        return done.output

    return run


def caller(root, key):
    access = Access(AuthMode.ON, root)
    access.refresh()
    return access.caller([(b"x-api-key", key.encode())])


def test_from_nothing_to_a_caller_and_back(finq, tmp_path):
    said = finq("add", "desk", "--role", "predictor", "--market", "fx")
    assert "Tokens are signed with a new secret" in said
    assert "finq auth key desk" in said
    key, hint, *_ = finq("key", "desk", "--label", "nightly", "--days", "30").splitlines()
    assert "shown this once" in hint
    assert caller(tmp_path, key).markets == {"fx"}
    listed = finq("keys")
    assert key not in listed
    assert key.split("_")[1] in listed
    for word in ("desk", "valid", "until", "never used", "nightly"):
        assert word in listed
    finq("role", "desk", "viewer")
    assert caller(tmp_path, key).role == "viewer"
    assert finq("accounts").split() == ["desk", "viewer", "fx"]
    finq("disable", "desk")
    assert "disabled" in finq("accounts")
    finq("enable", "desk")
    assert caller(tmp_path, key).name == "desk"
    finq("revoke", key.split("_")[1])
    assert "revoked" in finq("keys")


def test_a_password_comes_from_a_file_or_a_prompt(finq, tmp_path):
    file = tmp_path / "password"
    file.write_text("correct horse battery staple\n")
    finq("add", "ann", "--role", "viewer", "--password-file", str(file))
    assert "password" in finq("accounts")
    said = finq("password", "ann", input="another long password\nanother long password\n")
    assert "another long password" not in said
    access = Access(AuthMode.ON, tmp_path)
    access.refresh()
    assert is_password(access.snapshot.accounts["ann"].password, "another long password")
    assert access.snapshot.accounts["ann"].generation == 1, "tokens of before have ended"
    file.write_text("short")
    said = finq("password", "ann", "--password-file", str(file), code=1)
    assert "has 5 characters; expected 12 to 256" in said
    finq("end", "ann")
    access.refresh()
    assert access.snapshot.accounts["ann"].generation == 2


def test_no_secret_is_an_option_or_an_argument():
    for command in auth.commands.values():
        for one in command.params:
            secret = isinstance(one, click.Argument) and one.name in ("password", "token", "secret", "text")
            assert not secret, command.name
            assert "--password" not in one.opts
            assert "--token" not in one.opts


def test_mistakes_are_one_sentence(finq):
    finq("add", "desk", "--role", "viewer")
    assert "There is an account 'desk' already" in finq("add", "desk", "--role", "viewer", code=1)
    assert "is no name of an account" in finq("add", "a desk", "--role", "viewer", code=1)
    assert "Did you mean 'desk'" in finq("key", "desc", code=1)
    assert "Unknown key 'x'" in finq("revoke", "x", code=1)


def test_a_secret_is_rotated_where_it_may_be(finq, tmp_path, monkeypatch):
    finq("rotate-secret")
    (file,) = tmp_path.rglob("token.secret")
    first = file.read_text().split()
    finq("rotate-secret")
    second = file.read_text().split()
    assert second[1:] == first
    finq("rotate-secret", "--forget")
    assert len(file.read_text().split()) == 1
    monkeypatch.setenv("FINQ_TOKEN_SECRET", "x" * 40)
    said = finq("rotate-secret", code=1)
    assert "cannot be changed from here" in said
    assert "x" * 40 not in said
