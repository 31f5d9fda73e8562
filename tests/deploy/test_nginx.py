"""The file for nginx, in a real nginx, before the real service; only names of places and times are other ones."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from debian_servers import installed
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.passwords import hash_password
from finq_predictor.serving.access.store import folder_of, open_store
from finq_predictor.serving.access.token_keys import rotate
from finq_predictor.serving.routes import OPERATIONS
from serving import small_market
from serving.servers import BENTO, free_port, running

pytestmark = pytest.mark.slow

PASSWORD = "through a proxy and back"
LONG = 30.0
"""Seconds after which something that should have ended in two never will."""


@pytest.fixture(scope="module")
def nginx() -> str:
    return installed("nginx", "nginx-light")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    small_market.build(root, "fx", bars=400)
    return root


@pytest.fixture(scope="module")
def bearer(root):
    """What an account sends that may predict; its password is `PASSWORD`."""
    store = open_store(root, make=True)
    rotate(folder_of(root))
    store.add_account("desk", Role.PREDICTOR, password=hash_password(PASSWORD))
    return {"Authorization": f"Bearer {store.make_key('desk').text}"}


@pytest.fixture(scope="module")
def service(root, bearer, tmp_path_factory):
    with running(BENTO, tmp_path_factory.mktemp("service"), FINQ_DATA_ROOT=str(root), FINQ_MARKETS="fx") as server:
        yield server


def written(project: Path, folder: Path, service_port: int, **changes: str) -> int:
    """Write what nginx reads, around the file of the project; return the port it listens on."""
    port = free_port()
    text = (project / "deploy" / "nginx" / "finq.conf").read_text(encoding="utf-8")
    for old, new in {
        "listen 127.0.0.1:80;": f"listen 127.0.0.1:{port};",
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{service_port};",
        **changes,
    }.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "finq.conf").write_text(text, encoding="utf-8")
    paths = "\n".join(
        f"  {name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nworker_processes 1;\n"
        f"events {{ worker_connections 512; }}\nhttp {{\n{paths}\n  access_log {folder}/access.log;\n"
        f"  include {folder}/finq.conf;\n}}\n",
        encoding="utf-8",
    )
    return port


@contextlib.contextmanager
def proxy(nginx: str, project: Path, folder: Path, service_port: int, **changes: str) -> Iterator[str]:
    """nginx with the file of the project; yields its base URL."""
    folder.mkdir()
    port = written(project, folder, service_port, **changes)
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=60)
    assert tried.returncode == 0, tried.stderr
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(port: int) -> None:
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nginx does not listen on {port}")


QUICK = {
    "client_header_timeout 10s;": "client_header_timeout 2s;",
    "client_body_timeout 10s;": "client_body_timeout 2s;",
    "keepalive_timeout 30s;": "keepalive_timeout 2s;",
}


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


@pytest.fixture(scope="module")
def url(nginx, project_path, service, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx") / "run"
    with proxy(nginx, project_path, folder, _port(service.url), **QUICK) as found:
        yield found


def test_all_that_is_for_the_outside_comes_through_and_the_rest_is_hidden(url):
    inside = {"/metrics", "/readyz", "/livez", "/healthz"}
    for operation in OPERATIONS:
        for path in operation.paths:
            answer = httpx.request(operation.method.upper(), url + path, timeout=LONG)
            hidden = answer.status_code == 404 and "There is nothing here." in answer.text
            assert hidden == (path in inside), path


def ask(url: str, content: bytes) -> bytes:
    """All that comes until the connection is closed; fails where it never is."""
    received = b""
    with socket.create_connection(("127.0.0.1", _port(url)), timeout=LONG) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(content)
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65536):
                received += piece
    return received


BODY = json.dumps({"instrument": "EUR_USD"}).encode()
HEAD = b"POST /predict HTTP/1.1\r\nHost: finq\r\nContent-Type: application/json\r\n"


def test_an_honest_request_gets_the_answer_of_the_service(url, service, bearer):
    for ask_of in (url, service.url):
        httpx.post(f"{ask_of}/predict", content=BODY, headers=bearer, timeout=LONG)
    answers = [
        httpx.post(f"{at}/predict", content=BODY, headers={"X-Request-ID": "one-1", **bearer}, timeout=LONG)
        for at in (url, f"{service.url}/v1")
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    left, right = (dict(answer.json()) for answer in answers)
    for moving in ("age_hours", "age_open_hours", "answered_at", "prediction_id"):
        left.pop(moving, None), right.pop(moving, None)
    assert left == right
    for path in (
        "/",
        "/docs",
        "/openapi.json",
        "/ready",
        "/health",
        "/v1/models",
        "/ranking?market=fx",
        "/auth/me",
        "/model?market=fx",
        "/scores",
        "/status",
        "/v1/score-card",
    ):
        assert httpx.get(url + path, headers=bearer, timeout=LONG).status_code == 200, path


def test_whoever_does_not_say_who_they_are_is_let_in_by_neither(url, service):
    for at in (url, service.url):
        for path in ("/models", "/v1/ranking", "/auth/me"):
            assert httpx.get(at + path, timeout=LONG).status_code == 401
        assert httpx.post(f"{at}/predict", content=BODY, timeout=LONG).status_code == 401
    led = httpx.get(url, timeout=LONG)
    assert (led.status_code, led.headers["location"]) == (303, "/login")


def test_signing_in_works_through_it(url, bearer):
    pair = httpx.post(f"{url}/auth/token", headers=bearer, timeout=LONG).json()
    mine = {"Authorization": f"Bearer {pair['access_token']}"}
    assert httpx.get(f"{url}/auth/me", headers=mine, timeout=LONG).json()["way"] == "token"
    with httpx.Client(base_url=url, timeout=LONG, headers={"Origin": url}) as browser:
        assert browser.get("/login").status_code == 200
        led = browser.post("/session", data={"name": "desk", "password": PASSWORD})
        assert (led.status_code, led.headers["location"]) == (303, "/")
        assert browser.get("/auth/me").json()["way"] == "session"
        assert browser.post("/session/end").status_code == 303
        assert browser.get("/auth/me").status_code == 401


def test_the_id_of_a_request_goes_through_when_it_is_one(url, bearer):
    told = httpx.post(f"{url}/predict", content=BODY, headers={"X-Request-ID": "trace-7", **bearer}, timeout=LONG)
    assert told.headers["x-request-id"] == told.json()["request_id"] == "trace-7"
    for odd in ("a" * 200, "<script>", 'a"b'):
        told = httpx.post(f"{url}/predict", content=BODY, headers={"X-Request-ID": odd, **bearer}, timeout=LONG)
        assert re.fullmatch(r"[0-9a-f]{32}", told.json()["request_id"])


@pytest.mark.parametrize("path", ["/metrics", "/schema.json", "/docs.json", "/livez", "/score", "/static_content/x"])
def test_what_is_not_for_the_outside_is_not_there(path, url):
    answer = httpx.get(url + path, timeout=LONG)
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "not_found"


@pytest.mark.parametrize(
    "content",
    [
        HEAD + b"X-Long: " + b"a" * 20_000 + b"\r\n\r\n",
        HEAD + b"".join(b"X-%d: a\r\n" % number for number in range(20_000)) + b"\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: finq\r\n\r\n",
    ],
    ids=["one", "many", "url"],
)
def test_headers_that_are_too_long_are_refused(content, url):
    received = ask(url, content)
    assert re.match(rb"HTTP/1\.1 (400|414|431|494) ", received), received[:100]


@pytest.mark.parametrize("content", [b"", b"GET / HT", HEAD, HEAD + b"Content-Length: 100\r\n\r\n{"])
def test_what_does_not_come_is_not_waited_for(content, url):
    started = time.monotonic()
    received = ask(url, content)
    assert received == b"" or received.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - started < LONG


def test_an_answered_client_that_is_silent_is_let_go(url):
    received = ask(url, b"GET /ready HTTP/1.1\r\nHost: finq\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 ")


def test_a_body_that_is_too_long_is_refused(url):
    answer = httpx.post(f"{url}/predict", content=b" " * 1_100_000, timeout=LONG)
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "too_large"


def test_too_many_at_a_time_are_told_to_come_again(nginx, project_path, service, tmp_path):
    few = {"limit_conn finq_connections 50;": "limit_conn finq_connections 2;"}
    with proxy(nginx, project_path, tmp_path / "run", _port(service.url), **few) as url, contextlib.ExitStack() as held:
        for _ in range(2):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", _port(url)), timeout=LONG))
            connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        end = time.monotonic() + 5
        answer = httpx.get(f"{url}/ready", timeout=LONG)
        while answer.status_code == 200 and time.monotonic() < end:
            answer = httpx.get(f"{url}/ready", timeout=LONG)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["error"]["type"] == "too_many"


def test_too_many_in_a_row_are_told_to_come_again(nginx, project_path, service, tmp_path):
    few = {
        "zone=finq_requests:10m rate=50r/s;": "zone=finq_requests:10m rate=1r/s;",
        "limit_req zone=finq_requests burst=100 nodelay;": "limit_req zone=finq_requests burst=3 nodelay;",
    }
    with proxy(nginx, project_path, tmp_path / "run", _port(service.url), **few) as url, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: httpx.get(f"{url}/ready", timeout=LONG).status_code, range(20)))
    assert set(answers) == {200, 429}


def test_a_service_that_is_away_is_told(nginx, project_path, tmp_path):
    with proxy(nginx, project_path, tmp_path / "run", free_port()) as url:
        answer = httpx.get(f"{url}/ready", timeout=LONG)
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "unavailable")


def test_the_lines_for_tls_are_read_by_nginx(nginx, project_path, tmp_path):
    """With a certificate of the test's own the commented lines take the place of those for this machine."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not here; install it with: apt-get install -y openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=finq.example.com", "-days", "2"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=120)
    (tmp_path / "run").mkdir()
    port = written(project_path, tmp_path / "run", free_port())
    file = tmp_path / "run" / "finq.conf"
    text = re.sub(r"    listen 127[^\n]*\n    server_name _;\n", "", file.read_text())
    text = re.sub(r"^    # (?=(?:listen |server_name |ssl_|add_header ))", "    ", text, flags=re.MULTILINE)
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    text = text.replace("/etc/ssl/finq/fullchain.pem", str(certificate)).replace("/etc/ssl/finq/privkey.pem", str(key))
    file.write_text(text.replace("/etc/ssl/finq/clients.pem", str(certificate)))
    command = [nginx, "-t", "-p", str(tmp_path / "run"), "-c", str(tmp_path / "run" / "nginx.conf")]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert tried.returncode == 0, tried.stderr
    assert "ssl_verify_client on" in file.read_text()
