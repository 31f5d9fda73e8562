"""What was measured, from files and from the API, as one scrape."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from finq_predictor.adapters.alarms.settings import Target
from finq_predictor.adapters.http import bodies
from finq_predictor.adapters.http.credentials import Key, Secret
from finq_predictor.adapters.http.faults import UnreadableError
from finq_predictor.adapters.http.guard import Guard, Reply
from finq_predictor.adapters.http.hosts import HOSTS, Hosts
from finq_predictor.adapters.http.policy import Policy
from finq_predictor.adapters.http.redaction import Redactor
from finq_predictor.adapters.prometheus_text import prometheus_text
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.alarms.samples import Labels, Scrape, labels_of
from finq_predictor.domain.errors import ConfigurationError, DataError, SourceError
from finq_predictor.domain.metrics.surroundings import TEXT_FILE_WRITTEN, UP
from finq_predictor.domain.monitoring.gauges import Gauge

_ONCE = Policy(connect_seconds=3.0, read_seconds=5.0, total_seconds=8.0, attempts=1, largest_body=32 << 20)
METRICS_KEY = "FINQ_METRICS_KEY"
Samples = dict[str, dict[Labels, float]]


@dataclass(frozen=True)
class Read:
    """What was read.

    Attributes:
        scrape: What was measured.
        problems: What could not be read, and what to do.
    """

    scrape: Scrape
    problems: tuple[str, ...]


def scrape(
    at: float,
    files: Mapping[str, Path],
    targets: Iterable[Target],
    *,
    gauges: Iterable[Gauge] = (),
    hosts: Hosts = HOSTS,
    key: Key | None = None,
) -> Read:
    """Read all that was measured.

    As Prometheus does, it says of each API whether it answers (``up``), and of each file when it was written. One file
    that is damaged keeps nobody from hearing of the rest.

    Args:
        at: The moment, in seconds since 1970.
        files: Files of metrics by the name under which they are told; one that is not there is left out.
        targets: The APIs.
        gauges: What was measured here.
        hosts: The hosts that are known.
        key: What lets in those that want one.

    Raises:
        ConfigurationError: If the address of a target is none.
    """
    samples: Samples = defaultdict(dict)
    problems = []
    for name, file in files.items():
        try:
            _add(samples, list(_of_file(name, file)))
        except DataError as error:
            problems.append(str(error))
    _add(samples, parsed(prometheus_text(gauges), "what was measured"))
    for target in targets:
        url = target.url
        text = _page(url, hosts, key if target.key else None)
        instance = urlsplit(url).netloc
        samples[UP.name][labels_of({"job": target.job, "instance": instance})] = float(text is not None)
        if text is not None:
            _add(samples, parsed(text, url), {"instance": instance})
    return Read(Scrape(at, dict(samples)), tuple(problems))


def metrics_key(targets: Iterable[Target], environment: Mapping[str, str] | None = None) -> Key | None:
    """What lets into targets that want a key; None where none does.

    Raises:
        ConfigurationError: If one does, and nobody gave a key.
    """
    if not any(target.key for target in targets):
        return None
    found = read_secret(METRICS_KEY, "the key of a viewer", environment)
    if found is None:
        raise ConfigurationError(
            f"A target wants a key; put that of a viewer into {METRICS_KEY}, or a file that {METRICS_KEY}_FILE names."
        )
    return Key.bearer(Secret(found.decode("ascii", errors="replace"), METRICS_KEY))


def parsed(text: str, place: object) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and value of each sample.

    Raises:
        DataError: If the text is none that Prometheus could read; names the place.
    """
    from prometheus_client.parser import text_string_to_metric_families

    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                yield sample.name, sample.labels, float(sample.value)
    except (ValueError, KeyError, IndexError) as error:
        raise DataError(
            f"{place} holds no metrics as Prometheus reads them: {error}. Let it be written anew."
        ) from None


def _of_file(name: str, file: Path) -> Iterator[tuple[str, dict[str, str], float]]:
    try:
        text, written = file.read_text(encoding="utf-8"), file.stat().st_mtime
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}. Let it be written anew.") from None
    yield TEXT_FILE_WRITTEN.name, {"file": name}, written
    yield from parsed(text, file)


def _page(url: str, hosts: Hosts, key: Key | None) -> str | None:
    """The metrics of an API; None where it does not tell them."""
    import httpx

    from finq_predictor.adapters.http.sending import Sender

    try:
        address = httpx.URL(url)
        if not address.host or address.scheme not in ("http", "https"):
            raise httpx.InvalidURL(url)
    except httpx.InvalidURL:
        raise ConfigurationError(f"The target {url!r} is no address; expected http://HOST:PORT/metrics.") from None
    sender = Sender(_ONCE, () if key is None else (key,), {}, None)
    redact = Redactor(() if key is None else (key.secret.reveal(),))
    guard = Guard("finq-api", _ONCE, redact=redact, hosts=hosts)
    try:
        return guard.run("GET", url, lambda: sender.send(address), _text)
    except SourceError:
        return None
    finally:
        sender.close()


def _text(reply: Reply[IO[bytes]]) -> str:
    if reply.status != 200:
        raise UnreadableError(f"HTTP status {reply.status}", "Look at its log.")
    text = bodies.as_text(reply.body.read(), "")
    try:
        list(parsed(text, "its page"))
    except DataError as error:
        raise UnreadableError(str(error), "Somebody else may answer there.") from None
    return text


def _add(
    samples: Samples, found: Iterable[tuple[str, dict[str, str], float]], more: dict[str, str] | None = None
) -> None:
    for name, labels, value in found:
        samples[name][labels_of({**labels, **(more or {})})] = value
