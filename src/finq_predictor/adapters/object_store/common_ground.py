"""What a folder of data and an object store had last in common, so that neither takes the other's work away."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.object_store.address import Address
from finq_predictor.adapters.snapshots.store import SnapshotStore


class Exchanged(NamedTuple):
    """One snapshot under both its ids, which differ where it was published here as a repetition; None before any."""

    there: str | None = None
    here: str | None = None


def exchanged(local: SnapshotStore, address: Address) -> Exchanged:
    """The snapshot that was pushed or pulled last, however long ago."""
    note = _note(local, address)
    if not note.exists():
        return Exchanged()
    there, here = note.read_text(encoding="ascii").split()
    return Exchanged(there, here)


def remember(local: SnapshotStore, address: Address, found: Exchanged) -> None:
    """Note what was pushed or pulled."""
    if exchanged(local, address) != found:
        write_text_atomically(_note(local, address), f"{found.there}\n{found.here}\n")


def _note(local: SnapshotStore, address: Address) -> Path:
    return local.folder / f"exchanged-{sha256(str(address).encode()).hexdigest()[:12]}"
