"""A server that is told everything by the well-known names, and keeps what it says where they say."""

from __future__ import annotations

import shutil

import httpx
import pytest
import redis
from sqlalchemy import create_engine, text

from finq_predictor.serving.access.access import Access
from finq_predictor.serving.settings import AuthMode, Settings
from postgres_server import running_postgres
from redis_server import running_redis
from serving import small_market
from serving.conftest import started, wait_until
from serving.servers import BENTO, serving


def test_a_server_takes_the_well_known_names(short_folder):
    root, (folder, cache) = short_folder / "data", (short_folder / name for name in ("postgres", "redis"))
    folder.mkdir()
    cache.mkdir()
    small_market.build(root, "fx", bars=300)
    with running_postgres(folder) as database, running_redis(cache) as memory:
        plain = database.replace("postgresql+psycopg://", "postgres://")
        known = {"DATABASE_URL": plain, "REDIS_URL": memory, "API_HOST": "127.0.0.1"}
        command = BENTO[: BENTO.index("--host")]
        with serving(
            command,
            short_folder,
            port_by="API_PORT",
            seconds=240.0,
            FINQ_DATA_ROOT=str(root),
            FINQ_MARKETS="fx",
            **known,
        ) as url:
            answer = httpx.post(f"{url}/predict", json={"instrument": "EUR_USD"}, timeout=30)
            assert answer.json()["recorded"] is True, answer.text
            engine = create_engine(database)

            def kept() -> list[str]:
                try:
                    with engine.connect() as connection:
                        return list(connection.scalars(text("SELECT id FROM served_predictions")))
                except Exception:
                    # Before the keeper has made the tables.
                    return []

            wait_until(lambda: kept() == [answer.json()["prediction_id"]], 60)
            with redis.Redis.from_url(memory) as shared:
                wait_until(lambda: shared.dbsize() > 0, 30)
            # Whoever is on this machine may still ask: there are tables for accounts now, and nobody in them.
            assert httpx.get(f"{url}/ready", timeout=10).status_code == 200
            assert httpx.post(f"{url}/predict", json={"instrument": "EUR_USD"}, timeout=30).status_code == 200
            engine.dispose()


def test_an_unknown_variable_is_told_by_the_service(two_markets, monkeypatch):
    monkeypatch.setenv("FINQ_CACHE_BAR", "3")
    with started(None, loaded=False) as client:
        ready = client.get("/ready")
        assert ready.status_code == 503
        assert "FINQ_CACHE_BAR" in client.get("/health").text


def test_a_database_for_everything_is_no_place_for_accounts_before_it_has_tables(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'all.db'}")
    access = Access(AuthMode.AUTO, tmp_path)
    access.refresh()
    assert (access.trouble, access.open_here) == (None, True)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x")
    access = Access(AuthMode.AUTO, tmp_path)
    access.refresh()
    # Nobody knows whether there are accounts, so nobody is let in.
    assert access.trouble is not None
    assert not access.open_here
    monkeypatch.setenv("FINQ_ACCESS_URL", f"sqlite:///{tmp_path / 'all.db'}")
    access = Access(AuthMode.AUTO, tmp_path)
    access.refresh()
    assert not access.open_here


@pytest.mark.parametrize("name", ["FINQ_REDIS_URL", "REDIS_URL"])
def test_a_wrong_address_is_refused_without_showing_it(two_markets, monkeypatch, name, tmp_path):
    monkeypatch.setenv("FINQ_DATA_ROOT", str(shutil.copytree(two_markets, tmp_path / "data")))
    monkeypatch.setenv(name, "http://:hid4en@host")
    with started(None, loaded=False) as client:
        told = client.get("/health").text
        assert name in told
        assert "hid4en" not in told
    monkeypatch.delenv(name)
    assert Settings.from_environment().workers == 1
