"""A bundle is served when the key says so, and never when a key is there and says nothing."""

from __future__ import annotations

import json
import logging

import pytest

from adapters.test_bundle_store import bundle, damaged, gold  # noqa: F401 - fixtures
from finq_predictor.adapters.bundle_store import load_bundle, save_bundle
from finq_predictor.adapters.signing import signing_key
from finq_predictor.domain.errors import ConfigurationError, StoreError

KEY = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    for name in ("FINQ_SIGNING_KEY", "FINQ_SIGNING_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["environment", "file"])
def key(request, monkeypatch, tmp_path):
    if request.param == "environment":
        monkeypatch.setenv("FINQ_SIGNING_KEY", KEY)
    else:
        (tmp_path / "key").write_text(KEY + "\n")
        monkeypatch.setenv("FINQ_SIGNING_KEY_FILE", str(tmp_path / "key"))


def test_without_a_key_nothing_is_signed_and_all_is_read(bundle, tmp_path):  # noqa: F811
    save_bundle(bundle, tmp_path / "model")
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == [
        "bundle.json",
        "checksums.json",
        "guard.json",
        "model.json",
    ]
    assert load_bundle(tmp_path / "model").name == bundle.name


def test_what_is_signed_is_read_with_and_without_the_key(bundle, tmp_path, key, monkeypatch):  # noqa: F811
    save_bundle(bundle, tmp_path / "model")
    assert load_bundle(tmp_path / "model").name == bundle.name
    assert KEY not in "".join(file.read_text() for file in (tmp_path / "model").iterdir())
    monkeypatch.delenv("FINQ_SIGNING_KEY", raising=False)
    monkeypatch.delenv("FINQ_SIGNING_KEY_FILE", raising=False)
    assert load_bundle(tmp_path / "model").name == bundle.name


def test_the_key_is_the_same_from_a_file_and_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("FINQ_SIGNING_KEY", KEY)
    given = signing_key()
    monkeypatch.delenv("FINQ_SIGNING_KEY")
    (tmp_path / "key").write_text(KEY + "\n")
    monkeypatch.setenv("FINQ_SIGNING_KEY_FILE", str(tmp_path / "key"))
    assert signing_key() == given


def test_an_unsigned_bundle_is_refused_with_a_key(bundle, tmp_path, monkeypatch, caplog):  # noqa: F811
    save_bundle(bundle, tmp_path / "model")
    monkeypatch.setenv("FINQ_SIGNING_KEY", KEY)
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(StoreError, match="is not signed, and a key is configured") as said,
    ):
        load_bundle(tmp_path / "model")
    assert KEY not in str(said.value) + caplog.text


@pytest.mark.parametrize("name", ["bundle.json", "model.json", "guard.json"])
def test_what_was_changed_after_it_was_signed_is_refused(name, bundle, tmp_path, monkeypatch):  # noqa: F811
    """With right checksums, as whoever can write the files can write them."""
    monkeypatch.setenv("FINQ_SIGNING_KEY", KEY)
    save_bundle(bundle, tmp_path / "model")
    damaged(tmp_path / "model", name, lambda text: text + " ")
    with pytest.raises(StoreError, match=r"signature of the bundle in .* is wrong"):
        load_bundle(tmp_path / "model")
    monkeypatch.delenv("FINQ_SIGNING_KEY")
    assert load_bundle(tmp_path / "model"), "the change is one that only a key tells"


def test_another_key_and_a_signature_that_is_none_are_refused(bundle, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("FINQ_SIGNING_KEY", KEY)
    save_bundle(bundle, tmp_path / "model")
    for written in ({"signature": None}, {"signature": ["a"]}, {"signature": "\u00e4"}, {"signature": ""}, {}):
        (tmp_path / "model" / "signature.json").write_text(json.dumps(written))
        with pytest.raises(StoreError, match="is wrong"):
            load_bundle(tmp_path / "model")
    save_bundle(bundle, tmp_path / "other")
    monkeypatch.setenv("FINQ_SIGNING_KEY", KEY[::-1])
    with pytest.raises(StoreError, match="is wrong"):
        load_bundle(tmp_path / "other")


def test_a_key_that_cannot_be_used_is_refused_without_being_shown(bundle, tmp_path, monkeypatch):  # noqa: F811
    for short in ("secret", "x" * 31):
        monkeypatch.setenv("FINQ_SIGNING_KEY", short)
        for act in (lambda: save_bundle(bundle, tmp_path / "model"), lambda: load_bundle(tmp_path / "model")):
            with pytest.raises(ConfigurationError, match=rf"has {len(short)} bytes, expected 32 or more") as said:
                act()
            assert short not in str(said.value)
    assert not (tmp_path / "model").exists()
    monkeypatch.setenv("FINQ_SIGNING_KEY_FILE", str(tmp_path / "absent"))
    with pytest.raises(ConfigurationError, match="are both set"):
        signing_key()
    monkeypatch.delenv("FINQ_SIGNING_KEY")
    with pytest.raises(ConfigurationError, match=r"names .*absent, which cannot be read: No such file"):
        signing_key()
    (tmp_path / "empty").write_text("\n")
    monkeypatch.setenv("FINQ_SIGNING_KEY_FILE", str(tmp_path / "empty"))
    with pytest.raises(ConfigurationError, match="has 0 bytes"):
        signing_key()
