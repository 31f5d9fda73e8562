"""What an anonymous client can send to stop everybody, and what it is answered."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

NAMES = tuple(f"{a}{b}{c}X" for a in "ABCDEF" for b in "GHIJKLM" for c in "NOPQ")
"""A market of as many names as near misses need to be dear."""
JSON = {"Content-Type": "application/json"}
DAYS = [day.isoformat() for n in range(546) if (day := date(2021, 6, 1) + timedelta(n)).weekday() < 5]
Sent = tuple[str, str, bytes, dict[str, str]]
"""Method, path, body and headers of a request."""


def post(path: str, body: object, **headers: str) -> Sent:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return "POST", path, content, {**JSON, **headers}


def batch(body: object, **headers: str) -> Sent:
    return post("/batch_predict", body, **headers)


def near_misses() -> Sent:
    return batch({"instruments": [f"{one}{letter}" for one in NAMES for letter in "YZ0123456789"]})


ATTACKS: dict[str, Callable[[], list[Sent]]] = {
    "near misses": lambda: [near_misses()],
    "one near miss": lambda: [post("/predict", {"instrument": f"{one}0"}) for one in NAMES],
    "numbers for names": lambda: [batch(b'{"instruments":[' + b"1," * 500_000 + b"1]}")],
    "empty names": lambda: [batch(b'{"instruments":[' + b'"",' * 9_000 + b'""]}')],
    "wrong dates": lambda: [batch({"instruments": ["AGNX"], "prediction_dates": ["x"] * 9_999})],
    "empty objects": lambda: [batch(b'{"requests":[' + b"{}," * 300_000 + b"{}]}")],
    "fields of requests": lambda: [batch({"requests": [{f"{n}": 1 for n in range(15)}] * 5_000})],
    "many fields": lambda: [post("/predict", {f"{n}": 1 for n in range(80_000)})],
    "the same field again": lambda: [post("/predict", b"{" + b'"a":1,' * 150_000 + b'"a":1}')],
    "deep arrays": lambda: [post("/predict", b"[" * 900_000), post("/predict", b'{"a":' * 200_000)],
    "arrays as deep as is read": lambda: [post("/predict", b'{"instrument":' + b"[" * 900 + b"]" * 900 + b"}")],
    "huge numbers": lambda: [post("/predict", b'{"instrument":' + b"9" * 1_000_000 + b"}")],
    "a long string": lambda: [post("/predict", {"instrument": "A" * 1_000_000})],
    "a long field": lambda: [post("/predict", {"A" * 1_000_000: 1})],
    "unicode": lambda: [batch({"instruments": ["\U0001f4a9\u202e\u0130" * 20] * 5_000})],
    "many distinct dates": lambda: [batch({"instruments": ["AGNX"], "prediction_dates": minutes(9_999)})],
    "cold bars": lambda: [batch({"market": "equity", "prediction_dates": DAYS[:100]})],
    "everything at every bar": lambda: [batch({"market": "equity", "prediction_dates": DAYS[:59]})],
    "cold bars, one by one": lambda: [post("/predict", {"instrument": "AGNX", "timestamp": day}) for day in DAYS],
    "rankings": lambda: [("GET", "/ranking", b"", {}), ("GET", "/", b"", {})],
    "query parameters": lambda: [("GET", "/ranking?" + "&".join(f"a{n}=1" for n in range(8_000)), b"", {})],
    "a long path": lambda: [("GET", "/" + "a" * 8_000, b"", {}), ("GET", "/ranking?market=" + "e" * 8_000, b"", {})],
    "compressed": lambda: [batch(gzip.compress(b" " * 100_000_000), **{"Content-Encoding": "gzip"})],
    "another type": lambda: [post("/predict", b"a=1&" * 200_000, **{"Content-Type": "multipart/form-data"})],
    "methods and routes": lambda: [(f"M{n}", f"/r{n}", b"", {}) for n in range(500)],
    "documents": lambda: [("GET", path, b"", {}) for path in ("/docs", "/openapi.json", "/metrics", "/models")],
}
"""Name -> one round of requests."""

ANSWERS: dict[str, tuple[int, ...]] = {
    "near misses": (404,),
    "one near miss": (404,),
    "numbers for names": (413,),
    "empty names": (422,),
    "wrong dates": (422,),
    "empty objects": (413,),
    "fields of requests": (413, 422),
    "many fields": (413,),
    "the same field again": (413,),
    "deep arrays": (413,),
    "arrays as deep as is read": (422,),
    "huge numbers": (413,),
    "a long string": (413,),
    "a long field": (413,),
    "unicode": (413,),
    "many distinct dates": (200,),
    "cold bars": (413,),
    "everything at every bar": (200,),
    "cold bars, one by one": (200,),
    "rankings": (200,),
    "query parameters": (431,),
    "a long path": (404, 422),
    "compressed": (415,),
    "another type": (413,),
    "methods and routes": (400, 404, 405),
    "documents": (200,),
}
"""The statuses that an attack may get, beside 503 `overloaded`."""


def minutes(number: int) -> list[str]:
    return [str(datetime(2022, 3, 1, tzinfo=UTC) + timedelta(minutes=n)) for n in range(number)]
