"""Objects below one place of a bucket: read, written on a condition, uploaded and downloaded by their content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from finq_predictor.adapters.object_store.address import Address
from finq_predictor.adapters.object_store.connection import ABSENT, CHANGED, code_of, connect, translated
from finq_predictor.domain.errors import SourceUnavailableError, StoreError

CHUNK = 1 << 20
PART = 16 << 20
"""Bytes of a part of a large file: as much of it as is in memory at a time."""
LARGEST_NOTE = 64 << 20
_ATTEMPTS = 4
Told = Callable[[int], object]


class Listed(NamedTuple):
    """One object.

    Attributes:
        name: Below the place.
        size: Bytes.
        modified: When it was written, by the clock of the server.
    """

    name: str
    size: int
    modified: datetime


class Read(NamedTuple):
    """A small object and what to name to replace exactly this one."""

    content: bytes
    etag: str


class ObjectStore:
    """One place of a bucket.

    Args:
        address: The place.
        credentials: The entry ``s3`` of the credentials.
    """

    def __init__(self, address: Address, credentials: Mapping[str, Any] | None = None) -> None:
        self.address = address
        self._client = connect(credentials)

    @classmethod
    def at(cls, url: str, credentials: Mapping[str, Any] | None = None) -> ObjectStore:
        """The place of a URL."""
        return cls(Address.parse(url), credentials)

    def read(self, name: str) -> Read | None:
        """A small object, whole; None where there is none."""
        from botocore.exceptions import ClientError

        with self._doing(f"read {self.address}/{name}"):
            try:
                found = self._client.get_object(**self._at(name))
            except ClientError as error:
                if code_of(error) in ABSENT:
                    return None
                raise
            if found["ContentLength"] > LARGEST_NOTE:
                raise StoreError(f"{self.address}/{name} has {found['ContentLength']:,} bytes; it is none of ours.")
            return Read(found["Body"].read(), found["ETag"])

    def put(self, name: str, content: bytes, instead_of: str | None = None) -> bool:
        """Write a small object if nobody else did.

        Args:
            name: Below the place.
            content: All of it.
            instead_of: The ``etag`` of the one that it replaces; None where there must be none yet.

        Returns:
            Whether it was written; False where another one is there by now.
        """
        from botocore.exceptions import ClientError

        condition = {"IfNoneMatch": "*"} if instead_of is None else {"IfMatch": instead_of}
        with self._doing(f"write {self.address}/{name}"):
            try:
                self._client.put_object(**self._at(name), Body=content, **condition)
            except ClientError as error:
                if code_of(error) in CHANGED | ABSENT:
                    return False
                raise
        return True

    def size(self, name: str) -> int | None:
        """Bytes of an object; None where there is none."""
        from botocore.exceptions import ClientError

        with self._doing(f"look at {self.address}/{name}"):
            try:
                return int(self._client.head_object(**self._at(name))["ContentLength"])
            except ClientError as error:
                if code_of(error) in ABSENT:
                    return None
                raise

    def upload(self, path: Path, name: str, told: Told = bool) -> None:
        """Write an object from a file, whole or not at all; what arrives is compared with what was sent.

        Args:
            path: The file.
            name: Below the place; what is there is replaced.
            told: Called with numbers of bytes that were sent.
        """
        from boto3.s3.transfer import TransferConfig, create_transfer_manager
        from s3transfer.subscribers import BaseSubscriber

        class Sent(BaseSubscriber):  # type: ignore[misc]  # the library has no types
            def on_progress(self, bytes_transferred: int, **_: object) -> None:
                told(bytes_transferred)

        config = TransferConfig(multipart_threshold=2 * PART, multipart_chunksize=PART, use_threads=False)
        where, extra = self._at(name), {"ChecksumAlgorithm": "SHA256"}
        with (
            self._doing(f"write {self.address}/{name}"),
            create_transfer_manager(self._client, config) as transfers,
        ):
            transfers.upload(str(path), where["Bucket"], where["Key"], extra, [Sent()]).result()

    def download(self, name: str, path: Path, content: str, told: Told = bool) -> None:
        """Write a file from an object; a connection that breaks goes on where it broke.

        Args:
            name: Below the place.
            path: A file that is not there yet, in a folder that is.
            content: SHA-256 that it must have.
            told: Called with numbers of bytes that have come.

        Raises:
            StoreError: If there is no such object, or it holds something else.
            SourceUnavailableError: If the connection broke too often.
        """
        digest, come = sha256(), 0
        with path.open("wb") as file:
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    with self._doing(f"read {self.address}/{name}"):
                        for chunk in self._chunks(name, come):
                            file.write(chunk)
                            digest.update(chunk)
                            come += len(chunk)
                            told(len(chunk))
                    break
                except SourceUnavailableError:
                    if attempt == _ATTEMPTS:
                        raise
        if digest.hexdigest() != content:
            raise StoreError(
                f"{self.address}/{name} is damaged: it does not hold what its name says. Store it anew from where it "
                "is whole: finq data push --again."
            )

    def names(self, prefix: str) -> Iterator[Listed]:
        """Every object below a prefix, in the order of the names."""
        start = self.address.key(prefix)
        cut = len(self.address.key(""))
        with self._doing(f"list {self.address}/{prefix}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.address.bucket, Prefix=start
            ):
                for each in page.get("Contents", ()):
                    yield Listed(each["Key"][cut:], int(each["Size"]), each["LastModified"])

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; what is not there is no error."""
        wanted = list(names)
        with self._doing(f"remove from {self.address}"):
            for start in range(0, len(wanted), 1000):
                keys = [{"Key": self.address.key(name)} for name in wanted[start : start + 1000]]
                done = self._client.delete_objects(Bucket=self.address.bucket, Delete={"Objects": keys, "Quiet": True})
                if failed := done.get("Errors"):
                    raise StoreError(
                        f"{len(failed)} objects below {self.address} could not be removed ({failed[0].get('Code')}). "
                        "May these keys delete?"
                    )

    def _chunks(self, name: str, start: int) -> Iterator[bytes]:
        if not start:
            body = self._client.get_object(**self._at(name))["Body"]
        else:
            if self.size(name) == start:
                return
            body = self._client.get_object(**self._at(name), Range=f"bytes={start}-")["Body"]
        try:
            yield from body.iter_chunks(CHUNK)
        finally:
            body.close()

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self.address.bucket, "Key": self.address.key(name)}

    def _doing(self, what: str) -> Any:
        return translated(what, self.address.bucket)
