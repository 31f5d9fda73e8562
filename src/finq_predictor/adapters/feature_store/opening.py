"""Which online store a process uses: the file below the data, or the Redis that the environment names."""

from __future__ import annotations

from pathlib import Path

from finq_predictor.adapters.feature_store.stored import OnlineStore
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.adapters.signing import signing_key
from finq_predictor.domain.errors import ConfigurationError

URL = "FINQ_FEATURE_STORE_URL"


def open_store(root: Path) -> OnlineStore:
    """The online store of a folder of data; nothing is asked of it yet.

    Args:
        root: Folder of the data.

    Raises:
        ConfigurationError: If the address or the key cannot be used, or the library for Redis is not there.
    """
    url, key = read_secret(URL, "the address"), signing_key()
    if url is None:
        from finq_predictor.adapters.feature_store.sqlite import SqliteStore

        return SqliteStore(Layout(root).online_features, key)
    try:
        from finq_predictor.adapters.feature_store.redis import RedisStore

        return RedisStore(url.decode(), key, URL)
    except ImportError:
        raise ConfigurationError(
            f"{URL} names a Redis, and its library is not installed; install the extra `serve`, or unset the variable."
        ) from None
