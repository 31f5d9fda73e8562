"""What nobody else measures: the disk, the end of certificates and how right the model was."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC
from pathlib import Path

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.prometheus_text import prometheus_text
from finq_predictor.adapters.scheduling.figures import FILE as OF_THE_SCHEDULER
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.metrics.surroundings import CERTIFICATE, DISK_FREE
from finq_predictor.domain.monitoring.gauges import Gauge

_PATIENCE_S = 5.0
_NEVER_READ = 0.0
_SURROUNDINGS = "finq_surroundings.prom"


def disk_gauge(places: Iterable[Path]) -> Gauge:
    """Which share of the disk below each folder is free for us; of one that is not there, of the folder above it."""
    return Gauge.of(DISK_FREE, [({"place": str(place)}, _free(place)) for place in places])


def _free(place: Path) -> float:
    there = place.resolve()
    while not there.exists():
        there = there.parent
    usage = shutil.disk_usage(there)
    # What is kept for root is free for nobody else; `free` leaves it out and `total` does not.
    return usage.free / (usage.used + usage.free)


def certificate_gauge(places: Iterable[str]) -> Gauge:
    """When each certificate ends; one that cannot be had ended in 1970, so that it rings.

    Args:
        places: Files in PEM, and ``HOST:PORT`` of servers.
    """
    return Gauge.of(CERTIFICATE, [({"place": place}, _ends(place)) for place in places])


def _ends(place: str) -> float:
    from cryptography import x509

    try:
        pem = Path(place).read_bytes() if Path(place).is_file() else _of_server(place)
        found = x509.load_pem_x509_certificates(pem)
    except (OSError, ValueError):
        return _NEVER_READ
    return min(one.not_valid_after_utc.astimezone(UTC).timestamp() for one in found)


def _of_server(place: str) -> bytes:
    host, _, port = place.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigurationError(f"The certificate {place!r} is neither a file nor HOST:PORT; give one of both.")
    # It is looked at, and nothing is told to whoever shows it: an expired one has to be seen, too.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_S) as connection,
        context.wrap_socket(connection, server_hostname=host.strip("[]")) as wrapped,
    ):
        shown = wrapped.getpeercert(binary_form=True)
    return ssl.DER_cert_to_PEM_cert(shown or b"").encode()


def metric_files(root: Path, folder: Path) -> dict[str, Path]:
    """Files of metrics by the name under which a collector tells them.

    Args:
        root: Folder of the data, where monitoring and the scheduler write.
        folder: Folder in which others leave theirs.
    """
    places = {market: Layout(root).place(market, "monitoring_metrics") for market in MARKETS}
    ours = {f"finq_monitoring_{market}.prom": file for market, file in places.items() if file.is_file()}
    if (scheduled := Layout(root).schedule / OF_THE_SCHEDULER).is_file():
        ours["finq_schedule.prom"] = scheduled
    theirs = {file.name: file for file in sorted(folder.glob("*.prom")) if file.name != _SURROUNDINGS}
    return {**theirs, **ours}


def gather(root: Path, folder: Path, gauges: Iterable[Gauge]) -> list[Path]:
    """Write all metrics of files into one folder, as a collector of text files reads it.

    A file of monitoring keeps the time at which monitoring wrote it.

    Args:
        root: Folder of the data.
        folder: The folder; it is made when it is not there.
        gauges: What was measured now.

    Returns:
        The files, those that others left there included.
    """
    for name, file in metric_files(root, folder).items():
        copy = folder / name
        if file != copy:
            write_text_atomically(copy, file.read_text(encoding="utf-8"))
            written = file.stat()
            os.utime(copy, ns=(written.st_atime_ns, written.st_mtime_ns))
    write_text_atomically(folder / _SURROUNDINGS, prometheus_text(gauges))
    return sorted(folder.glob("*.prom"))
