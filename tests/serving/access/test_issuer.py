"""Users of an OpenID Connect issuer: their tokens, their sign-in on the page, and what goes wrong with both."""

from __future__ import annotations

import time
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.issuer import issuer_of
from finq_predictor.serving.app import create_app
from finq_predictor.serving.errors import ForbiddenError, UnauthenticatedError
from finq_predictor.serving.settings import AuthMode, Settings
from issuer_server import CLIENT, SECRET, running_issuer
from serving.access.doors import headers, make_door, opened
from serving.conftest import Client, wait_until

ROLES = ("traders=predictor", "watchers=viewer", "ops=operator")


@pytest.fixture(scope="module")
def running():
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(running):
    """The server, as it is when nothing is wrong."""
    running.user, running.wrong, running.name = {"sub": "u-17", "roles": ["traders"]}, {}, None
    running.down, running.asked = False, []
    return running


def settings_for(issuer, **given: object) -> Settings:
    return Settings(auth=AuthMode.ON, oidc_issuer=issuer.url, oidc_client_id=CLIENT, oidc_roles=ROLES, **given)


@pytest.fixture
def access(issuer, tmp_path):
    make_door(tmp_path)
    return opened(tmp_path, issuer=issuer_of(settings_for(issuer)))


def bearer(token: str) -> list[tuple[bytes, bytes]]:
    return headers(authorization=f"Bearer {token}")


def test_their_token_lets_in_with_the_highest_role_it_gives(issuer, access):
    for roles, expected in (
        (["traders"], "predictor"),
        (["watchers", "ops", "else"], "operator"),
        ("watchers", "viewer"),
    ):
        issuer.user["roles"] = roles
        found = access.caller(bearer(issuer.token()))
        assert (found.name, found.role, found.way) == ("oidc.u-17", expected, "issuer")
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"], "the keys are kept"


@pytest.mark.parametrize("roles", [None, [], ["strangers"], {"traders": True}, 7, [["traders"]]])
def test_who_is_nothing_there_may_nothing_here(issuer, access, roles):
    issuer.user["roles"] = roles
    with pytest.raises(ForbiddenError, match="FINQ_OIDC_ROLES"):
        access.caller(bearer(issuer.token()))


def test_the_claim_may_lie_deep(issuer, tmp_path):
    issuer.user = {"sub": "a/b c", "realm_access": {"roles": ["ops"]}}
    access = opened(tmp_path, issuer=issuer_of(settings_for(issuer, oidc_claim="realm_access.roles")))
    found = access.caller(bearer(issuer.token()))
    assert found.role is Role.OPERATOR
    assert found.name.startswith("oidc.")
    assert "/" not in found.name


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another-service"},
        {"aud": None},
        {"iss": "https://evil.example.com"},
        {"exp": int(time.time()) - 5},
        {"exp": None},
        {"sub": None},
        {"iat": int(time.time()) + 3_600},
    ],
)
def test_a_token_for_others_or_of_others_is_not_believed(issuer, access, wrong):
    issuer.wrong = wrong
    with pytest.raises(UnauthenticatedError):
        access.caller(bearer(issuer.token()))


def test_only_their_key_signs(issuer, access):
    payload = jwt.decode(issuer.token(), options={"verify_signature": False})
    forged = [
        jwt.encode(payload, "c" * 40, "HS256", {"kid": issuer.kid}),
        jwt.encode(payload, "secret" * 8, "HS256", {"kid": "shared"}),
        jwt.encode(payload, None, "none", {"kid": issuer.kid}),
        issuer.token()[:-4] + "AAAA",
    ]
    for token in forged:
        with pytest.raises(UnauthenticatedError):
            access.caller(bearer(token))


def test_a_new_key_is_fetched_when_it_is_met_and_not_for_each_stranger(issuer, tmp_path):
    now = [1000.0]
    theirs = issuer_of(settings_for(issuer))
    theirs._clock = lambda: now[0]
    access = opened(tmp_path, issuer=theirs)
    issuer.rotate()
    for _ in range(5):
        with pytest.raises(UnauthenticatedError):
            access.caller(bearer(issuer.token()))
        access.refresh()
    assert issuer.asked.count("/keys") == 1
    now[0] += 11
    access.refresh()
    assert access.caller(bearer(issuer.token())).role is Role.PREDICTOR
    issuer.down = True
    now[0] += 400
    access.refresh()
    assert access.caller(bearer(issuer.token())).name == "oidc.u-17", "what was fetched stays"


def test_an_issuer_that_is_another_is_not_believed(issuer, tmp_path, caplog):
    issuer.name = "https://evil.example.com"
    access = opened(tmp_path, issuer=issuer_of(settings_for(issuer)))
    assert "calls itself by another name" in caplog.text
    with pytest.raises(UnauthenticatedError):
        access.caller(bearer(issuer.token()))


def test_whoever_was_closed_here_stays_out(issuer, tmp_path):
    door = make_door(tmp_path)
    access = opened(tmp_path, issuer=issuer_of(settings_for(issuer)))
    door.store.welcome("oidc.u-17", Role.VIEWER)
    assert access.caller(bearer(issuer.token())).role is Role.PREDICTOR
    door.store.change_account("oidc.u-17", disabled=True)
    access.refresh()
    with pytest.raises(UnauthenticatedError, match="closed here"):
        access.caller(bearer(issuer.token()))
    with pytest.raises(UnauthenticatedError, match="closed here"):
        door.store.welcome("oidc.u-17", Role.VIEWER)
    with pytest.raises(ConfigurationError, match="are those of the issuer"):
        door.store.add_account("oidc.u-18", Role.ADMIN)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"oidc_issuer": "http://login.example.com"}, "begins with https://"),
        ({"oidc_issuer": "ftp://x"}, "begins with https://"),
        ({"oidc_issuer": "https://x", "oidc_client_id": ""}, "FINQ_OIDC_CLIENT_ID is not"),
        ({"oidc_issuer": "https://x", "oidc_roles": ("traders",)}, "expected pairs such as traders=predictor"),
        ({"oidc_issuer": "https://x", "oidc_roles": ("traders=king",)}, "of viewer, predictor, operator, admin"),
    ],
)
def test_settings_that_cannot_work_are_told(given, words):
    with pytest.raises(ConfigurationError, match=words):
        issuer_of(Settings(**{"oidc_client_id": CLIENT, **given}))


# Signing in on the page -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(running, tmp_path_factory):
    root = tmp_path_factory.mktemp("issuer")
    make_door(root)
    patch = pytest.MonkeyPatch()
    patch.setenv("FINQ_OIDC_SECRET", SECRET)
    with Client(create_app(settings_for(running, data_root=root, poll_seconds=0.05))) as found:
        wait_until(lambda: running.url in str(found.app.state.runtime.access.issuer.places), 30)
        yield found
    patch.undo()


def begin(client) -> tuple[str, str]:
    """Where the browser is led to, and the cookie that it keeps."""
    answer = client.get("/session/issuer")
    client._http.cookies.clear()
    assert answer.status_code == 303
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert (cookie["samesite"], cookie["httponly"], cookie["path"]) == ("lax", True, "/session/issuer")
    return answer.headers["location"], f"{cookie.key}={cookie.value}"


def come_back(client, address: str, cookie: str):
    answer = client.get(address, headers={"Cookie": cookie})
    client._http.cookies.clear()
    return answer


def test_somebody_signs_in_with_the_issuer(issuer, client):
    assert "/session/issuer" in client.get("/login").text
    address, cookie = begin(client)
    assert address.startswith(f"{issuer.url}/authorize?")
    back = issuer.authorize(address)
    answer = come_back(client, back, cookie)
    assert answer.status_code == 200, answer.text
    set_cookies = answer.headers.get_list("set-cookie")
    (mine,) = (one.split(";")[0] for one in set_cookies if one.startswith("finq="))
    assert "SameSite=strict" in next(one for one in set_cookies if one.startswith("finq="))
    told = client.get("/auth/me", headers={"Cookie": mine}).json()
    assert (told["name"], told["role"], told["way"]) == ("oidc.u-17", "predictor", "session")
    assert come_back(client, back, cookie).status_code == 401, "a code is good for once"


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"aud": "another-service"},
        {"iss": "https://evil.example.com"},
        {"exp": 1_000_000_000},
        {"azp": "another-service"},
    ],
)
def test_an_answer_for_another_sign_in_signs_nobody_in(issuer, client, wrong):
    issuer.wrong = wrong
    address, cookie = begin(client)
    answer = come_back(client, issuer.authorize(address), cookie)
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert not [one for one in answer.headers.get_list("set-cookie") if one.startswith("finq=")]


def test_what_was_not_begun_here_is_not_ended_here(issuer, client):
    address, cookie = begin(client)
    _, other_cookie = begin(client)
    back = issuer.authorize(address)
    query = parse_qs(urlsplit(back).query)
    for sent, kept in (
        (back, other_cookie),
        (back, ""),
        (back, "finq-login=a.b.c"),
        (back.replace(query["state"][0], "x"), cookie),
        ("/session/issuer/back", cookie),
        ("/session/issuer/back?error=access_denied&state=" + query["state"][0], cookie),
        (f"/session/issuer/back?code=never-made&state={query['state'][0]}", cookie),
    ):
        answer = come_back(client, sent, kept)
        assert answer.status_code == 401, sent
        assert "never-made" not in answer.text


def test_who_may_nothing_here_is_told_so(issuer, client):
    issuer.user["roles"] = ["strangers"]
    address, cookie = begin(client)
    answer = come_back(client, issuer.authorize(address), cookie)
    assert answer.status_code == 403
    assert "FINQ_OIDC_ROLES" in answer.text


def test_without_an_issuer_nobody_is_led_anywhere(tmp_path):
    make_door(tmp_path)
    with Client(create_app(Settings(data_root=tmp_path, auth=AuthMode.ON))) as client:
        assert client.get("/session/issuer").status_code == 401
        assert client.get("/session/issuer/back?code=1&state=2").status_code == 401
        assert "/session/issuer" not in client.get("/login").text
