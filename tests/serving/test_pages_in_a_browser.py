"""The pages in a real browser: on a phone, with the keyboard, and by the rules that people who cannot see rely on."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from chromium import running_chromium
from serving.servers import Server

pytestmark = pytest.mark.slow
AXE = "axe-core@4.14.1"
TOLD = ["/", "/instrument?name=AAPL", "/model?market=fx", "/scores", "/status", "/login"]
PATHS = [*TOLD, "/instrument?name=TSLA", "/docs"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    """The rules as a script, fetched when they are needed: they are no part of this project."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not here, which fetches axe-core; install it with: apt-get install -y npm")
    folder = tmp_path_factory.mktemp("axe")
    try:
        done = subprocess.run(
            [npm, "pack", AXE, "--silent"], cwd=folder, capture_output=True, text=True, timeout=60, env=dict(os.environ)
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm has not fetched {AXE} within a minute; is there a network?")
    if done.returncode:
        pytest.skip(f"npm cannot fetch {AXE}: {done.stderr.strip()[-200:]}")
    with tarfile.open(next(Path(folder).glob("*.tgz"))) as packed:
        script = packed.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


@pytest.fixture(scope="module")
def browser():
    with running_chromium() as opened:
        yield opened


@pytest.fixture
def page(browser, request):
    width, scheme = getattr(request, "param", (1280, "light"))
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    yield page
    context.close()


def opened(page, server: Server, path: str) -> None:
    assert page.goto(server.url + path).status == 200
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


@pytest.mark.parametrize(
    ("page", "paths"),
    [((1280, "light"), PATHS), ((390, "dark"), ["/", "/instrument?name=TSLA", "/status"])],
    ids=["desktop", "phone"],
    indirect=["page"],
)
def test_no_rule_is_broken_in_light_or_dark(page, paths, uvicorn_server, axe):
    for path in paths:
        opened(page, uvicorn_server, path)
        page.evaluate(axe)
        found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
        faults = [(one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]]
        assert (path, faults) == (path, [])
    assert page.said == [], "the policy of the page stops nothing of its own"


@pytest.mark.parametrize("page", [(390, "light"), (320, "dark")], ids=["phone", "small"], indirect=True)
def test_nobody_scrolls_sideways_on_a_phone(page, uvicorn_server):
    for path in PATHS:
        opened(page, uvicorn_server, path)
        wide, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= screen, path


FOCUSED = """() => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
  const shown = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const there = box.width > 0 && box.left >= 0 && box.bottom > 0 && box.top < innerHeight;
  return [[...document.querySelectorAll("*")].indexOf(one), shown && there];
}"""
REACHABLE = """() => { const all = [...document.querySelectorAll("*")];
  return all.filter(one => one.matches("a[href], button, input, summary, [tabindex='0']") && one.checkVisibility())
    .map(one => all.indexOf(one)) }"""


def test_the_keyboard_reaches_every_control_in_order_and_shows_where_it_is(page, uvicorn_server):
    for path in TOLD:
        opened(page, uvicorn_server, path)
        wanted, met = page.evaluate(REACHABLE), []
        for _ in wanted:
            page.keyboard.press("Tab")
            met.append(page.evaluate(FOCUSED))
        assert [place for place, _ in met] == wanted, path
        assert all(shown for _, shown in met), path


def test_the_keyboard_skips_to_the_content_and_opens_an_instrument(page, uvicorn_server):
    opened(page, uvicorn_server, "/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.get_by_role("link", name="AAPL").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/instrument?name=AAPL*")
    assert page.get_by_role("heading", level=1).inner_text() == "AAPL Equity"
    assert page.get_by_role("img", name="Price and probability of AAPL").is_visible()


def test_what_is_smuggled_in_does_not_run(page, uvicorn_server):
    """Even past the escaping: the policy lets run what it knows by its hash, and nothing else."""
    opened(page, uvicorn_server, "/")
    page.evaluate(
        """() => { const one = document.createElement("div");
        one.innerHTML = '<img src=x onerror="window.ran = 1"><p style="color: red">x</p>'; document.body.append(one);
        const script = document.createElement("script"); script.textContent = "window.ran = 2";
        document.body.append(script) }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    assert [line for line in page.said if "Content Security Policy" in line]
