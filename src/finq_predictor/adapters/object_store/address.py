"""Where something lies in an object store, as a URL says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from finq_predictor.adapters.http.credentials import where
from finq_predictor.domain.errors import ConfigurationError

SCHEME = "s3"


@dataclass(frozen=True)
class Address:
    """A place in a bucket.

    Attributes:
        bucket: Name of the bucket.
        prefix: What every key below the place begins with, without a slash at its ends; empty for the whole bucket.
    """

    bucket: str
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read ``s3://bucket/prefix``.

        Raises:
            ConfigurationError: If it is no such URL, or holds what belongs to the credentials.
        """
        parts = urlsplit(url)
        if "@" in parts.netloc or parts.query or parts.fragment:
            # Not repeated: it may hold a key.
            raise ConfigurationError(
                "The URL of an object store is s3://bucket/prefix and no more. A key never stands in it; give it in "
                f"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in {where('s3')}."
            )
        if parts.scheme != SCHEME or not parts.netloc or ":" in parts.netloc:
            raise ConfigurationError(
                f"{url!r} is no URL of an object store; expected s3://bucket/prefix. Where the server stands, if it is "
                "not Amazon's, is said by AWS_ENDPOINT_URL_S3 or `s3: endpoint_url:` of conf/local/credentials.yml."
            )
        prefix = "/".join(part for part in parts.path.split("/") if part)
        if ".." in prefix.split("/"):
            raise ConfigurationError(f"{url!r} leads upwards; give the place itself, s3://bucket/prefix.")
        return cls(parts.netloc, prefix)

    def key(self, name: str) -> str:
        """The key of something below the place."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def split(self) -> tuple[Address, str]:
        """The place above, and the last part of the prefix.

        Raises:
            ConfigurationError: If there is no such part.
        """
        if not self.prefix:
            raise ConfigurationError(f"{self} names a bucket only; expected s3://bucket/prefix/NAME.")
        path = PurePosixPath(self.prefix)
        above = "" if str(path.parent) == "." else str(path.parent)
        return Address(self.bucket, above), path.name

    def __str__(self) -> str:
        return f"{SCHEME}://{self.bucket}/{self.prefix}".rstrip("/")


def is_url(given: object) -> bool:
    """Whether something names a place in an object store rather than a folder."""
    return str(given).startswith(f"{SCHEME}://")
