"""Tokens: what is believed, what is not, and that each refresh token is good for once."""

from __future__ import annotations

import base64
import json
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from finq_predictor.adapters.database.engine import downgrade, engine_of, upgrade
from finq_predictor.domain.errors import ConfigurationError, StoreError
from finq_predictor.serving.access import signing_in as signing_in_module
from finq_predictor.serving.access.access import Access
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.passwords import hash_password
from finq_predictor.serving.access.signing_in import SigningIn
from finq_predictor.serving.access.store import AccessStore, folder_of, open_store
from finq_predictor.serving.access.token_keys import FILE, SECRET, read_token_keys, rotate
from finq_predictor.serving.access.tokens import ISSUER, LONGEST, Purpose
from finq_predictor.serving.errors import ForbiddenError, TooManyError, UnauthenticatedError, UnavailableError
from finq_predictor.serving.settings import Settings
from postgres_server import running_postgres
from serving.access.doors import PASSWORD, headers, make_door, opened


@pytest.fixture
def door(tmp_path):
    return make_door(tmp_path)


@pytest.fixture
def signing_in(door):
    access = opened(door.root)
    return SigningIn(access, Settings(data_root=door.root))


def bearer(token: str) -> list[tuple[bytes, bytes]]:
    return headers(authorization=f"Bearer {token}")


def tokens_of(signing_in, name="the-predictor"):
    return signing_in.tokens_for(signing_in.access.snapshot.accounts[name])


def test_a_token_says_who_and_the_accounts_say_what_they_may(signing_in, door):
    access = signing_in.access
    made = tokens_of(signing_in)
    assert made.access not in repr(made)
    assert made.refresh not in repr(made)
    for _ in range(2):
        found = access.caller(bearer(made.access))
        assert (found.name, found.role, found.way) == ("the-predictor", Role.PREDICTOR, "token")
    door.store.change_account("the-predictor", role="viewer")
    access.refresh()
    assert access.caller(bearer(made.access)).role is Role.VIEWER, "the role is not the token's"


def forged(door, *, key=None, algorithm="HS256", kid=None, **claims) -> str:
    """A token like ours, in all but what is given."""
    ours = read_token_keys(folder_of(door.root)).current
    content = {
        "iss": ISSUER,
        "aud": str(Purpose.API),
        "sub": "the-admin",
        "sid": "s" * 32,
        "gen": 0,
        "iat": int(time.time()),
        "exp": int(time.time()) + 600,
        "jti": "j",
        **claims,
    }
    content = {name: value for name, value in content.items() if value is not None}
    return jwt.encode(content, ours.signing if key is None else key, algorithm, {"kid": kid or ours.id})


def raw(header: object, payload: object, signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


CLAIMS = {"iss": ISSUER, "aud": "finq-api", "sub": "the-admin", "sid": "s", "gen": 0, "iat": 1, "exp": 4e9, "jti": "j"}
FORGED = {
    "another secret": lambda door, kid: forged(door, key=b"x" * 64),
    "an unknown key": lambda door, kid: forged(door, kid="nobody"),
    "no algorithm": lambda door, kid: raw({"alg": "none", "kid": kid}, CLAIMS),
    "no algorithm, in capitals": lambda door, kid: raw({"alg": "NONE", "kid": kid}, CLAIMS),
    "an algorithm without a signature": lambda door, kid: raw({"alg": "HS256", "kid": kid}, CLAIMS),
    "a longer hash": lambda door, kid: forged(door, algorithm="HS512"),
    "a key of its own": lambda door, kid: raw({"alg": "EdDSA", "kid": kid, "jwk": {"kty": "OKP"}}, CLAIMS, b"x" * 64),
    "no kid": lambda door, kid: raw({"alg": "HS256"}, CLAIMS),
    "a kid that is a list": lambda door, kid: raw({"alg": "HS256", "kid": [kid]}, CLAIMS),
    "expired": lambda door, kid: forged(door, exp=int(time.time()) - 1),
    "from tomorrow": lambda door, kid: forged(door, iat=int(time.time()) + 86_400),
    "never expires": lambda door, kid: forged(door, exp=None),
    "expires at no number": lambda door, kid: forged(door, exp="soon"),
    "for the page": lambda door, kid: forged(door, aud="finq-page"),
    "for nobody": lambda door, kid: forged(door, aud=None),
    "of another issuer": lambda door, kid: forged(door, iss="https://evil.example.com"),
    "of an unknown account": lambda door, kid: forged(door, sub="nobody"),
    "of another generation": lambda door, kid: forged(door, gen=1),
    "a generation that is no number": lambda door, kid: forged(door, gen="x"),
    "without a session": lambda door, kid: forged(door, sid=None),
    "too long": lambda door, kid: forged(door, more="x" * LONGEST),
    "deep": lambda door, kid: base64.urlsafe_b64encode(b'{"a":' + b"[" * 2900).decode() + ".e30.e30",
    "no token": lambda door, kid: "a.b.c",
    "dots": lambda door, kid: "." * 100,
    "no text": lambda door, kid: "\xff\xfe.\xff.\xff",
}


@pytest.mark.parametrize("name", FORGED)
def test_what_we_did_not_sign_for_this_is_not_believed(door, name):
    assert opened(door.root).caller(bearer(forged(door))).role is Role.ADMIN, "it is only what is changed that matters"
    token = FORGED[name](door, read_token_keys(folder_of(door.root)).current.id)
    with pytest.raises(UnauthenticatedError) as refused:
        opened(door.root).caller(bearer(token))
    assert token not in str(refused.value)


def pem(key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("make", "algorithm"),
    [
        (ed25519.Ed25519PrivateKey.generate, "EdDSA"),
        (lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256"),
    ],
)
def test_a_public_key_is_no_secret_that_signs(door, monkeypatch, tmp_path, make, algorithm):
    """Whoever may choose the algorithm signs with what everybody knows."""
    key = make()
    file = tmp_path / "token.pem"
    file.write_text(pem(key))
    monkeypatch.setenv(f"{SECRET}_FILE", str(file))
    ours = read_token_keys(folder_of(door.root)).current
    assert ours.algorithm == algorithm
    assert opened(door.root).caller(bearer(forged(door, algorithm=algorithm))).name == "the-admin"
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header, payload = raw({"alg": "HS256", "kid": ours.id}, {**CLAIMS, "exp": int(time.time()) + 60}).split(".")[:2]
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        f"{header}.{payload}".encode(), public
    )
    confused = f"{header}.{payload}." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    with pytest.raises(UnauthenticatedError):
        opened(door.root).caller(bearer(confused))


def test_keys_that_are_too_weak_are_refused_and_not_shown(door, monkeypatch, tmp_path):
    file = tmp_path / "weak"
    for content in (
        "short-secret",
        pem(ec.generate_private_key(ec.SECP256R1())),
        "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----",
    ):
        file.write_text(content)
        monkeypatch.setenv(f"{SECRET}_FILE", str(file))
        with pytest.raises(ConfigurationError, match="expected") as refused:
            read_token_keys(folder_of(door.root))
        assert content not in str(refused.value)
    monkeypatch.setenv(SECRET, "y" * 40)
    with pytest.raises(ConfigurationError, match="are both set"):
        read_token_keys(folder_of(door.root))


def test_a_rotated_secret_reads_what_the_former_one_signed(signing_in, door):
    access, before = signing_in.access, tokens_of(signing_in)
    rotate(folder_of(door.root))
    access.refresh()
    after = tokens_of(signing_in)
    for made in (before, after):
        assert access.caller(bearer(made.access)).name == "the-predictor"
    rotate(folder_of(door.root), forget=True)
    access.refresh()
    for made in (before, after):
        with pytest.raises(UnauthenticatedError):
            access.caller(bearer(made.access))
    assert "secret" not in repr(access.token_keys).replace("token.secret", "")


def test_a_forgotten_secret_is_forgotten_although_accounts_could_not_be_read(signing_in, door, monkeypatch):
    access, made = signing_in.access, tokens_of(signing_in)
    access.caller(bearer(made.access))
    rotate(folder_of(door.root), forget=True)

    def away() -> None:
        raise StoreError("away")

    with monkeypatch.context() as patch:
        patch.setattr(access.store, "snapshot", away)
        access.refresh()
    access.refresh()
    with pytest.raises(UnauthenticatedError):
        access.caller(bearer(made.access))


def test_without_a_secret_keys_work_and_tokens_are_not_made(door):
    (folder_of(door.root) / FILE).unlink()
    access = opened(door.root)
    assert access.caller(headers(x_api_key=door.keys["the-viewer"])).name == "the-viewer"
    with pytest.raises(UnavailableError, match="finq auth rotate-secret"):
        tokens_of(SigningIn(access, Settings(data_root=door.root)))


def test_a_password_opens_a_session_and_guessing_ends_soon(tmp_path):
    door = make_door(tmp_path)
    signing_in = SigningIn(opened(door.root), Settings(data_root=door.root), clock=lambda: 1000.0)
    door.store.change_account("the-viewer", password=hash_password(PASSWORD))
    signing_in.access.refresh()
    assert signing_in.account("the-viewer", PASSWORD, "192.0.2.1").name == "the-viewer"
    for name, password in (("the-viewer", "wrong"), ("nobody", PASSWORD), ("the-admin", PASSWORD)):
        with pytest.raises(UnauthenticatedError, match="Name or password is wrong"):
            signing_in.account(name, password, "192.0.2.1")
    door.store.change_account("the-viewer", disabled=True)
    signing_in.access.refresh()
    with pytest.raises(UnauthenticatedError):
        signing_in.account("the-viewer", PASSWORD, "192.0.2.1")
    for _ in range(7):
        signing_in._of_name.take("192.0.2.1 the-viewer")
    with pytest.raises(TooManyError, match="10 tries to sign in as one account"):
        signing_in.account("the-viewer", PASSWORD, "192.0.2.1")


def test_guessing_takes_little_of_a_core_wherever_it_comes_from(signing_in, monkeypatch):
    guessed = []
    monkeypatch.setattr(signing_in_module, "is_password", lambda kept, given: bool(guessed.append(given)))

    def guess(place: int, name: int) -> type[Exception]:
        with pytest.raises((UnauthenticatedError, TooManyError)) as refused:
            signing_in.account(f"name-{name}", "x", f"192.0.2.{place}")
        return refused.type

    signing_in._clock = lambda: 0.0
    for rate in (signing_in._of_name, signing_in._of_place, signing_in._of_all):
        rate._clock = lambda: 0.0
    assert [guess(1, name) for name in range(31)][-1] is TooManyError
    for number in range(2_000):
        guess(2 + number % 100, number)
    assert len(guessed) == 240


def test_tokens_are_not_made_from_tokens(signing_in):
    with pytest.raises(ForbiddenError, match="for a password or an API key"):
        signing_in.tokens_for_caller(signing_in.access.caller(bearer(tokens_of(signing_in).access)))


def test_a_session_that_is_ended_is_ended_everywhere(signing_in, door):
    other = opened(door.root)
    one, two = tokens_of(signing_in), tokens_of(signing_in)
    assert other.caller(bearer(one.access)).name == other.caller(bearer(two.access)).name
    signing_in.end(other.caller(bearer(one.access)).credential)
    other.refresh()
    for access in (signing_in.access, other):
        with pytest.raises(UnauthenticatedError, match="revoked"):
            access.caller(bearer(one.access))
        assert access.caller(bearer(two.access)).name == "the-predictor"
    with pytest.raises(UnauthenticatedError):
        signing_in.renew(one.refresh)
    signing_in.end_by_refresh("nothing that was ever made")
    signing_in.end_by_refresh(two.refresh)
    with pytest.raises(UnauthenticatedError):
        signing_in.access.caller(bearer(two.access))


def test_all_tokens_of_an_account_end_and_its_keys_do_not(signing_in, door):
    made = tokens_of(signing_in)
    door.store.change_account("the-predictor", new_generation=True)
    signing_in.access.refresh()
    with pytest.raises(UnauthenticatedError):
        signing_in.access.caller(bearer(made.access))
    with pytest.raises(UnauthenticatedError):
        signing_in.renew(made.refresh)
    assert signing_in.access.caller(headers(x_api_key=door.keys["the-predictor"])).name == "the-predictor"


def test_verified_tokens_are_remembered_and_no_more_than_so_many(signing_in, monkeypatch):
    import finq_predictor.serving.access.access as module

    monkeypatch.setattr(module, "_MOST_SEEN", 3)
    made = [tokens_of(signing_in).access for _ in range(5)]
    for token in made:
        signing_in.access.caller(bearer(token))
    assert len(signing_in.access._held.seen) == 3
    with pytest.raises(UnauthenticatedError):
        signing_in.access.caller(bearer("a.b.c"))
    assert len(signing_in.access._held.seen) == 3, "what is not valid is not remembered"


# Sessions in both databases -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres():
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder)) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'access.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    engine = engine_of(url, "FINQ_ACCESS_URL", "finq auth accounts")
    upgrade(engine)
    store = AccessStore(engine)
    store.add_account("desk", Role.PREDICTOR, frozenset({"fx"}), frozenset({"logistic"}))
    yield store
    downgrade(engine)
    engine.dispose()


LONG = timedelta(hours=1)


def test_a_refresh_token_is_good_for_once_and_a_second_time_ends_the_session(store):
    (account,) = store.accounts()
    session, first = store.open_session(account, LONG)
    found, same, second = store.renew_session(first, LONG)
    assert (found.name, same, found.markets, found.models) == ("desk", session, {"fx"}, {"logistic"})
    number = store.number()
    assert store.snapshot().revoked == frozenset()
    assert store.renew_session(first, LONG) is None, "it was used"
    assert store.snapshot().revoked == {session}
    assert store.number() > number, "workers notice"
    assert store.renew_session(second, LONG) is None, "whoever stole it has nothing"
    assert store.renew_session("never made", LONG) is None


def test_of_those_who_come_at_the_same_time_one_gets_a_token(store):
    (account,) = store.accounts()
    _, token = store.open_session(account, LONG)
    got, start = [], threading.Barrier(4)

    def ask() -> None:
        start.wait()
        got.append(store.renew_session(token, LONG))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len([one for one in got if one is not None]) == 1
    assert len(got) == 4


def test_what_has_expired_opens_nothing_and_is_forgotten(store):
    (account,) = store.accounts()
    _, token = store.open_session(account, timedelta(seconds=-1))
    assert store.renew_session(token, LONG) is None
    session, _ = store.open_session(account, LONG)
    store.end_session(session, timedelta(seconds=-1))
    store.open_session(account, LONG)
    assert store.session_of(token) is None
    assert store.snapshot().revoked == frozenset()


def test_accounts_and_keys_come_back_as_they_were_put(store):
    made = store.make_key("desk", "nightly", LONG)
    (kept,) = store.list_keys()
    assert (kept.prefix, kept.account, kept.label, kept.last_used) == (made.prefix, "desk", "nightly", None)
    assert kept.expires_at - kept.created_at >= LONG
    assert made.text not in repr(kept)
    store.note_used([made.prefix], kept.created_at.date())
    assert store.list_keys()[0].last_used == kept.created_at.date()
    store.revoke_key(made.prefix)
    store.revoke_key(made.prefix)
    assert store.list_keys()[0].revoked_at is not None
    assert store.snapshot().keys == {}


def test_the_service_never_makes_its_tables(tmp_path):
    with pytest.raises(ConfigurationError, match="Make one: finq auth add NAME --role admin"):
        open_store(tmp_path)
    make_door(tmp_path)
    downgrade(open_store(tmp_path).engine, "base")
    with pytest.raises(StoreError, match="Bring it there with: finq auth accounts"):
        open_store(tmp_path)


def test_an_address_that_is_none_is_not_repeated(tmp_path, monkeypatch):
    monkeypatch.setenv("FINQ_ACCESS_URL", "mysql://user:hidden@host/db")
    access = Access("on", tmp_path)
    access.refresh()
    assert "hidden" not in access._trouble
    assert "FINQ_ACCESS_URL" in access._trouble
