"""What commands share that send to an object store and fetch from it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finq_predictor.adapters.object_store.address import Address
    from finq_predictor.adapters.object_store.contents import Progress
    from finq_predictor.adapters.object_store.store import ObjectStore


def store_at(place: str | Address) -> ObjectStore:
    """The object store of a URL, with the keys of whoever stands in the project."""
    from finq_predictor.adapters.credentials_file import read_credentials
    from finq_predictor.adapters.object_store.address import Address
    from finq_predictor.adapters.object_store.store import ObjectStore

    address = Address.parse(place) if isinstance(place, str) else place
    return ObjectStore(address, read_credentials(Path.cwd()).get("s3"))


@contextmanager
def bytes_shown(label: str) -> Iterator[Progress]:
    """Show how many of all bytes are done, on the error stream of a terminal."""
    from tqdm import tqdm

    with tqdm(
        desc=label, unit="B", unit_scale=True, unit_divisor=1000, file=sys.stderr, disable=None, leave=False
    ) as bar:

        def begun(total: int) -> Callable[[int], object]:
            bar.reset(total)
            return lambda done: bar.update(done)

        yield begun
