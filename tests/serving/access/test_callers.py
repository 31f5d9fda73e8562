"""Who sent a request: keys, addresses and names, and how soon a change reaches a running service."""

from __future__ import annotations

import itertools
import stat
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.serving.access.access import STALE_S
from finq_predictor.serving.access.accounts import checked_name, limited_to
from finq_predictor.serving.access.callers import Caller, Role
from finq_predictor.serving.access.keys import LENGTH, PREFIX, make_key, prefix_of
from finq_predictor.serving.access.store import FILE, folder_of
from finq_predictor.serving.errors import ForbiddenError, RequestError, UnauthenticatedError, UnavailableError
from finq_predictor.serving.settings import AuthMode
from serving.access.doors import headers, make_door, opened


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    """Nobody changes anything in it."""
    return make_door(tmp_path_factory.mktemp("door"))


@pytest.fixture(scope="module")
def access(door):
    return opened(door.root)


@pytest.fixture
def own_door(tmp_path):
    return make_door(tmp_path)


def test_each_role_may_do_what_those_before_it_may():
    roles = list(Role)
    for mine, wanted in itertools.product(roles, roles):
        assert mine.covers(wanted) == (roles.index(mine) >= roles.index(wanted))
        caller = Caller("one", mine)
        if mine.covers(wanted):
            caller.require(wanted)
        else:
            with pytest.raises(ForbiddenError, match=f"takes the role {wanted}, and one is {mine}"):
                caller.require(wanted)


def test_a_caller_may_be_limited_to_markets_and_models():
    caller = Caller("desk", Role.PREDICTOR, frozenset({"fx"}), frozenset({"logistic"}))
    caller.require(Role.PREDICTOR, "fx", "logistic")
    with pytest.raises(ForbiddenError, match="may not ask about the market equity, only about fx"):
        caller.require(market="equity")
    with pytest.raises(ForbiddenError, match="The model xgboost may not answer desk, only logistic"):
        caller.require(market="fx", model="xgboost")
    assert caller.sees("fx", "logistic")
    assert not caller.sees("equity", "logistic")
    assert not caller.sees("fx", "xgboost")
    with pytest.raises(UnknownNameError, match="market 'gold'"):
        limited_to(["gold"], [])


def test_a_key_is_long_recognised_and_shown_by_nothing():
    made = make_key()
    assert len(made.text) == LENGTH
    assert made.text[PREFIX] == made.prefix == prefix_of(made.text)
    assert made.text not in repr(made)
    assert len({make_key().text for _ in range(100)}) == 100


def test_the_file_of_accounts_is_its_owners_alone_and_holds_no_key(own_door):
    folder = folder_of(own_door.root)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    content = (folder / FILE).read_bytes()
    for key in own_door.keys.values():
        assert key.encode() not in content
        assert key.split("_", 2)[2].encode() not in content


@pytest.mark.parametrize("role", Role)
def test_a_key_says_who(door, role):
    key = door.keys[f"the-{role}"]
    for sent in (
        headers(authorization=f"Bearer {key}"),
        headers(authorization=f"bearer  {key}"),
        headers(x_api_key=key),
    ):
        found = opened(door.root).caller(sent, "192.0.2.7")
        assert (found.name, found.role, found.way, found.credential) == (f"the-{role}", role, "key", prefix_of(key))


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer finq_"},
        {"x_api_key": ""},
        {"x_api_key": "\xff" * 59},
        {"cookie": "finq="},
        {"cookie": "other=1; __Host-finq=x.y.z"},
    ],
)
def test_nobody_is_let_in_without_showing_who(door, sent):
    with pytest.raises(UnauthenticatedError):
        opened(door.root).caller(headers(**sent), "127.0.0.1")


@settings(max_examples=60)
@given(position=st.integers(0, LENGTH - 1), letter=st.sampled_from("abcXYZ019_-"))
def test_a_key_with_another_letter_is_none(door, access, position, letter):
    key = door.keys["the-admin"]
    other = key[:position] + letter + key[position + 1 :]
    if other == key:
        assert access.caller(headers(x_api_key=other)).role is Role.ADMIN
    else:
        with pytest.raises(UnauthenticatedError):
            access.caller(headers(x_api_key=other))


NAMES = st.sampled_from([b"authorization", b"x-api-key", b"cookie", b"origin"])


@settings(max_examples=60)
@given(st.lists(st.tuples(NAMES, st.binary()), max_size=5))
def test_whatever_the_headers_hold_the_answer_is_a_refusal(access, sent):
    with pytest.raises(RequestError) as refused:
        access.caller(sent, None)
    assert refused.value.status in (401, 403)


def test_changes_reach_a_running_service(own_door):
    access = opened(own_door.root)
    desk, viewer, operator = (
        headers(x_api_key=own_door.keys[name]) for name in ("fx-desk", "the-viewer", "the-operator")
    )
    assert access.caller(desk).markets == {"fx"}
    own_door.store.revoke_key(prefix_of(own_door.keys["fx-desk"]))
    own_door.store.change_account("the-viewer", disabled=True)
    own_door.store.change_account("the-operator", role="viewer")
    access.refresh()
    for sent in (desk, viewer):
        with pytest.raises(UnauthenticatedError, match="was revoked"):
            access.caller(sent)
    assert access.caller(operator).role is Role.VIEWER
    own_door.store.change_account("the-viewer", disabled=False)
    access.refresh()
    assert access.caller(viewer).name == "the-viewer"


def test_a_key_expires_and_its_last_day_is_kept(own_door):
    made = own_door.store.make_key("the-viewer", "short", timedelta(days=2))
    now = own_door.store.clock().timestamp()
    times = [now]
    access = opened(own_door.root, clock=lambda: times[0])
    assert access.caller(headers(x_api_key=made.text)).name == "the-viewer"
    access.refresh()
    (kept,) = (key for key in own_door.store.list_keys() if key.prefix == made.prefix)
    assert kept.last_used == own_door.store.clock().date()
    assert kept.label == "short"
    times[0] = now + 2 * 86_400
    access.refresh()
    with pytest.raises(UnauthenticatedError, match="has expired"):
        access.caller(headers(x_api_key=made.text))


def test_accounts_that_cannot_be_read_let_in_for_a_while_only(own_door, caplog):
    times = [own_door.store.clock().timestamp()]
    access = opened(own_door.root, clock=lambda: times[0])
    sent = headers(x_api_key=own_door.keys["the-viewer"])
    (folder_of(own_door.root) / FILE).write_bytes(b"no database at all" * 100)
    times[0] += STALE_S - 1
    access.refresh()
    access.refresh()
    assert access.caller(sent).name == "the-viewer"
    assert caplog.text.count("The accounts cannot be read") == 1
    times[0] += 2
    with pytest.raises(UnavailableError):
        access.caller(sent)


# Where nobody is asked ------------------------------------------------------------------------------------------------

LOCAL = "127.0.0.1"


def test_without_accounts_this_machine_is_asked_nothing(tmp_path):
    access = opened(tmp_path, AuthMode.AUTO)
    assert "nobody else is let in" in access.told()
    for host in ("127.0.0.1:8000", "localhost", "[::1]:8000", "finq"):
        assert access.caller(headers(host=host), LOCAL).way == "open"


@pytest.mark.parametrize(
    ("peer", "sent"),
    [
        ("192.0.2.1", {}),
        ("::ffff:10.0.0.1", {}),
        (None, {}),
        ("not an address", {}),
        (LOCAL, {"x_forwarded_for": "127.0.0.1"}),
        (LOCAL, {"forwarded": "for=127.0.0.1"}),
        (LOCAL, {"x_real_ip": "127.0.0.1"}),
        (LOCAL, {"via": "1.1 proxy"}),
        (LOCAL, {"host": "rebound.example.com"}),
        (LOCAL, {"host": "93.184.216.34:8000"}),
    ],
)
def test_others_are_asked_although_they_look_near(tmp_path, peer, sent):
    """A proxy on this machine, and a page whose name was given this address."""
    with pytest.raises(UnauthenticatedError, match="finq auth add NAME --role admin"):
        opened(tmp_path, AuthMode.AUTO).caller(headers(**sent), peer)


def test_with_accounts_everybody_is_asked(door):
    access = opened(door.root, AuthMode.AUTO)
    assert "there are 5 accounts" in access.told()
    with pytest.raises(UnauthenticatedError, match="finq auth key NAME"):
        access.caller(headers(), LOCAL)


def test_asking_can_be_switched_off_and_on(tmp_path):
    assert opened(tmp_path, AuthMode.OFF).caller(headers(), "192.0.2.1").role is Role.ADMIN
    assert "FINQ_AUTH=off" in opened(tmp_path, AuthMode.OFF).told()
    with pytest.raises(UnauthenticatedError):
        opened(tmp_path, AuthMode.ON).caller(headers(), LOCAL)


@pytest.mark.parametrize("mode", [AuthMode.AUTO, AuthMode.OFF])
def test_a_page_of_another_site_is_refused_where_nobody_is_asked(tmp_path, mode):
    access = opened(tmp_path, mode, origins=frozenset({b"https://app.example.com"}))
    for origin in ("https://evil.example.com", "null", "http://127.0.0.1:9999"):
        with pytest.raises(ForbiddenError, match="another site"):
            access.caller(headers(origin=origin), LOCAL)
    for origin in ("http://127.0.0.1:8000", "https://app.example.com"):
        assert access.caller(headers(origin=origin), LOCAL).way == "open"


@pytest.mark.parametrize("name", ["", "a b", "a" * 65, "-x", "<b>", "a\nb", "ü"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ConfigurationError, match="is no name of an account"):
        checked_name(name)


def test_an_account_is_added_once_and_a_wrong_name_is_told(own_door):
    with pytest.raises(ConfigurationError, match="There is an account 'the-viewer' already"):
        own_door.store.add_account("the-viewer", Role.ADMIN)
    with pytest.raises(UnknownNameError, match="Did you mean 'the-viewer'"):
        own_door.store.make_key("the-viewr")
    with pytest.raises(UnknownNameError, match="Unknown key 'none'"):
        own_door.store.revoke_key("none")
