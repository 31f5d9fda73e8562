"""A provider to ask, and a clock in which a minute takes no time."""

from __future__ import annotations

import pytest

from fake_time import FakeTime
from provider_server import ProviderServer


@pytest.fixture(scope="session")
def server():
    with ProviderServer() as server:
        yield server


@pytest.fixture
def provider(server):
    server.forget()
    return server


@pytest.fixture
def clock():
    return FakeTime()
