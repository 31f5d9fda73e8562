"""A real browser for tests, skipped with its reason where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def running_chromium() -> Iterator[Any]:
    """Start one without a window, and stop it again."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not here; install it with: apt-get install -y chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()
