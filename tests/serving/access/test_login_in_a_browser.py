"""Signing in with a real browser: what it makes of cookies, policies and redirects is what counts."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chromium import running_chromium
from issuer_server import CLIENT, SECRET, SmallIssuer, running_issuer
from serving.access.doors import PASSWORD, make_door
from serving.servers import UVICORN, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser():
    with running_chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def issuer():
    with running_issuer() as found:
        yield found


@pytest.fixture(scope="module")
def url(issuer: SmallIssuer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    make_door(folder / "data", password=True)
    variables = {
        "FINQ_DATA_ROOT": str(folder / "data"),
        "FINQ_OIDC_ISSUER": issuer.url,
        "FINQ_OIDC_CLIENT_ID": CLIENT,
        "FINQ_OIDC_SECRET": SECRET,
        "FINQ_OIDC_ROLES": "traders=predictor",
    }
    with running(UVICORN, folder, wait_for="/livez", **variables) as server:
        yield server.url


@pytest.fixture
def page(browser):
    context = browser.new_context()
    page = context.new_page()
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    yield page
    context.close()


def test_a_person_signs_in_looks_and_signs_out(page, url):
    page.goto(url)
    assert page.url == f"{url}/login"
    page.get_by_label("Name").fill("the-viewer")
    page.get_by_label("Password").fill("not the one")
    page.get_by_role("button", name="Sign in").click()
    assert "Name or password is wrong" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Name").input_value() == "the-viewer"
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/")
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("finq", True, "Strict")
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("fetch('/auth/me').then(answer => answer.json()).then(who => who.name)") == "the-viewer"
    page.get_by_role("link", name="account").click()
    assert page.get_by_role("heading", name="Signed in as the-viewer").is_visible()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{url}/login")
    assert page.context.cookies() == []
    page.goto(url)
    assert page.url == f"{url}/login"
    assert not [line for line in page.said if "Content Security Policy" in line or "Content-Security-Policy" in line]


def test_a_person_signs_in_with_the_issuer(page, url):
    """Whoever asks this issuer is known there, and led back at once."""
    page.goto(f"{url}/login")
    page.get_by_role("link", name="Sign in with 127.0.0.1").click()
    page.wait_for_url(f"{url}/")
    assert page.evaluate("fetch('/auth/me').then(answer => answer.json()).then(who => who.name)") == "oidc.u-17"
    assert [cookie["name"] for cookie in page.context.cookies()] == ["finq"]


def test_another_site_asks_in_nobodys_name(page, url):
    """A page of another origin sends forms and requests with whatever cookies the browser lets it."""
    page.goto(f"{url}/login")
    page.get_by_label("Name").fill("the-admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/")
    evil = (
        f'<form id=out method=post action="{url}/session/end"></form>'
        f'<form id=in method=post action="{url}/session"><input name=name value=a><input name=password value=b></form>'
    )

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(evil.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        for form in ("out", "in"):
            # The same machine under another port is the same site to a browser, so that the cookie comes along.
            page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
            with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
                page.evaluate(f"document.getElementById('{form}').submit()")
            assert answered.value.status == 403, form
            page.wait_for_url(lambda address: address.startswith(url))
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        failed = page.evaluate(f"fetch('{url}/auth/me', {{credentials: 'include'}}).then(() => '', () => 'refused')")
        assert failed == "refused", "the answer cannot be read"
    finally:
        server.shutdown()
        server.server_close()
    page.goto(url)
    assert page.url == f"{url}/", "still signed in"
