"""Signing in on the page: the cookie and its marks, other sites that try, and pages of listed origins."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie

import pytest

from finq_predictor.serving.app import create_app
from finq_predictor.serving.settings import AuthMode, Settings
from serving.access.doors import PASSWORD, make_door
from serving.conftest import Client

OURS = "http://finq"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    root = tmp_path_factory.mktemp("page")
    make_door(root, password=True)
    settings = Settings(data_root=root, auth=AuthMode.ON, cors_origins=("https://app.example.com",), poll_seconds=0.05)
    with Client(create_app(settings)) as found:
        yield found


@pytest.fixture(autouse=True)
def a_minute_later(client):
    """Else the tests together would try too often."""
    work = client.app.state.runtime.signing_in
    for rate in (work._of_name, work._of_place):
        rate._counts.clear()


def sign_in(client, name="the-viewer", password=PASSWORD, **headers):
    data = {"name": name, "password": password}
    answer = client.post("/session", data=data, headers={"Origin": OURS, **headers})
    client._http.cookies.clear()
    return answer


def cookie_of(answer) -> str:
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    return f"{cookie.key}={cookie.value}"


def test_a_person_signs_in_and_out(client):
    page = client.get("/login")
    assert page.status_code == 200
    assert "<form" in page.text
    for field in ("name", "password"):
        assert f'<label for="{field}">' in page.text
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert (cookie["samesite"], cookie["path"], cookie["secure"]) == ("strict", "/", "")
    assert cookie["httponly"] is True
    mine = {"Cookie": cookie_of(answer)}
    assert client.get("/auth/me", headers=mine).json()["way"] == "session"
    assert "Signed in as the-viewer" in client.get("/login", headers=mine).text
    out = client.post("/session/end", headers={**mine, "Origin": OURS})
    client._http.cookies.clear()
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert client.get("/auth/me", headers=mine).status_code == 401, "a copy of the cookie is of no use"


def test_over_tls_the_cookie_goes_over_nothing_else(client):
    answer = client.post(
        "https://finq/session", data={"name": "the-viewer", "password": PASSWORD}, headers={"Origin": "https://finq"}
    )
    client._http.cookies.clear()
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert cookie.key == "__Host-finq"
    assert cookie["secure"] is True
    assert client.get("/auth/me", headers={"Cookie": cookie_of(answer)}).status_code == 200


def test_the_cookie_is_no_token_and_a_token_is_no_cookie(client):
    _, _, token = cookie_of(sign_in(client)).partition("=")
    assert client.get("/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    pair = client.post("/auth/token", {"name": "the-viewer", "password": PASSWORD}).json()
    assert client.get("/auth/me", headers={"Cookie": f"finq={pair['access_token']}"}).status_code == 401


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.com", "null", "http://finq.evil.example.com", "http://finq:81", "https://app.example.com"],
)
def test_another_site_can_do_nothing_in_somebodys_name(client, origin):
    mine = {"Cookie": cookie_of(sign_in(client)), "Origin": origin}
    for method, path in (("POST", "/predict"), ("POST", "/session/end"), ("POST", "/auth/revoke"), ("GET", "/auth/me")):
        assert client.request(method, path, headers=mine).status_code == 403, path
    assert sign_in(client, Origin=origin).status_code == 403, "nor sign them in as somebody else"
    assert client.get("/auth/me", headers={"Cookie": mine["Cookie"]}).status_code == 200, "it is still signed in"


@pytest.mark.parametrize(("name", "password"), [("the-viewer", "wrong"), ("nobody", PASSWORD), ("", "")])
def test_what_is_wrong_is_told_and_the_password_is_not_shown(client, name, password):
    answer = sign_in(client, name, password)
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers
    assert PASSWORD not in answer.text


def test_a_name_is_no_html(client):
    answer = sign_in(client, '"><script>alert(1)</script>', "x")
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"name=" + b"a" * 5_000, 413), (b"\xff\xfe", 422), (b"&".join(b"a%d=1" % n for n in range(20)), 422)],
)
def test_a_form_that_is_none_is_refused(client, content, status):
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": OURS}
    assert client.post("/session", content=content, headers=headers).status_code == status


def test_the_pages_allow_forms_to_here_alone(client):
    for answer in (client.get("/login"), sign_in(client, "nobody", "x")):
        policy = answer.headers["content-security-policy"]
        assert "form-action 'self'" in policy
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert answer.headers["referrer-policy"] == "same-origin", "else the browser hides the origin of the form"


def test_only_pages_of_listed_origins_may_read_answers(client):
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    listed = client.request("OPTIONS", "/predict", headers={"Origin": "https://app.example.com", **wanted})
    assert (listed.status_code, listed.headers["access-control-allow-origin"]) == (204, "https://app.example.com")
    assert "Authorization" in listed.headers["access-control-allow-headers"]
    answer = client.get("/auth/me", headers={"Origin": "https://app.example.com"})
    assert answer.status_code == 401, "reading is one thing, being let in another"
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    assert re.search("Origin", answer.headers["vary"])
    for answer in (
        client.request("OPTIONS", "/predict", headers={"Origin": "https://evil.example.com", **wanted}),
        client.get("/livez", headers={"Origin": "https://evil.example.com"}),
        client.get("/livez"),
        listed,
    ):
        assert "access-control-allow-credentials" not in answer.headers
        if answer is not listed:
            assert "access-control-allow-origin" not in answer.headers
