"""How an object store is reached: credentials and server from the environment or the file of keys, nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from finq_predictor.adapters.environment.reading import foreign
from finq_predictor.adapters.http.credentials import CREDENTIALS_FILE, Secret
from finq_predictor.domain.errors import ConfigurationError, SourceRefusedError, SourceUnavailableError, StoreError

FIELDS = ("key", "secret", "token", "endpoint_url", "region")
_IN_ENVIRONMENT = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE")
_REFUSED = {
    "403", "AccessDenied", "AuthorizationHeaderMalformed", "ExpiredToken", "InvalidAccessKeyId", "InvalidClientTokenId",
    "InvalidToken", "SignatureDoesNotMatch",
}  # fmt: skip
ABSENT = {"404", "NoSuchKey"}
CHANGED = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}
_KEYS = (
    f"Give keys that may in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in AWS_PROFILE, or in the entry "
    f"`s3: {{key: ..., secret: ...}}` of {CREDENTIALS_FILE}."
)


def connect(entry: Mapping[str, Any] | None = None) -> Any:
    """A client of boto3; nothing is asked yet.

    Args:
        entry: The entry ``s3`` of the credentials. A key that the environment has goes before it.

    Raises:
        ConfigurationError: If the entry says what nobody reads, or boto3 is not installed.
    """
    given = dict(entry or {})
    if unknown := sorted(set(given) - set(FIELDS)):
        raise ConfigurationError(
            f"The entry `s3` of {CREDENTIALS_FILE} has {', '.join(unknown)}, which nobody reads; expected some of "
            f"{', '.join(FIELDS)}."
        )
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "An object store needs boto3. Install it with: .venv/bin/python -m pip install -e '.[storage]'"
        ) from error

    options: dict[str, Any] = {}
    if given.get("key") and not any(foreign(name) for name in _IN_ENVIRONMENT):
        options = {
            "aws_access_key_id": Secret(str(given["key"]), CREDENTIALS_FILE).reveal(),
            "aws_secret_access_key": Secret(str(given.get("secret", "")), CREDENTIALS_FILE).reveal(),
            "aws_session_token": given.get("token"),
        }
    own = given.get("endpoint_url")
    endpoint = foreign("AWS_ENDPOINT_URL_S3") or foreign("AWS_ENDPOINT_URL") or own
    region = foreign("AWS_REGION") or foreign("AWS_DEFAULT_REGION") or given.get("region")
    config = Config(
        # Three times, or AWS_MAX_ATTEMPTS.
        retries={"mode": "standard"},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=16,
        # A server that is not Amazon's seldom has a name for each bucket.
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    # A server that is not Amazon's has no regions, and yet one has to be named to sign a request.
    region = region or ("us-east-1" if endpoint else None)
    try:
        return boto3.session.Session().client("s3", endpoint_url=endpoint, region_name=region, config=config, **options)
    except ValueError as error:
        raise ConfigurationError(f"The address of the object store cannot be used: {error}.") from error


def code_of(error: Any) -> str:
    """What a server calls an error: its code, or the status where it gives none."""
    said = error.response.get("Error", {})
    return str(said.get("Code") or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))


@contextmanager
def translated(what: str, bucket: str) -> Iterator[None]:
    """Let errors of the library be the product's own, with what to do.

    Args:
        what: What is being done, such as ``"read s3://bucket/a"``.
        bucket: Name of the bucket.

    Raises:
        SourceRefusedError: If the keys are missing, wrong, or not allowed to.
        SourceUnavailableError: If the server does not answer, or the connection broke.
        StoreError: If there is no such bucket, or the server says something else.
    """
    from botocore import exceptions as boto

    try:
        yield
    except boto.ClientError as error:
        raise _said_by_server(what, bucket, code_of(error)) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.ProfileNotFound) as error:
        raise SourceRefusedError(f"There are no keys to {what}. {_KEYS}") from error
    except (boto.HTTPClientError, boto.ConnectionError, boto.IncompleteReadError) as error:
        raise SourceUnavailableError(
            f"The object store did not {what}: {type(error).__name__}. What was done so far stays and is not done "
            "again; look at AWS_ENDPOINT_URL_S3 and the network, then repeat the command."
        ) from error
    except boto.ParamValidationError as error:
        raise ConfigurationError(f"The URL cannot be used to {what}: {' '.join(str(error).split())}") from error


def _said_by_server(what: str, bucket: str, code: str) -> Exception:
    if code == "NoSuchBucket":
        return StoreError(f"There is no bucket {bucket!r} to {what}. Make it, or correct the URL.")
    if code in _REFUSED:
        return SourceRefusedError(f"The object store does not let us {what} ({code}). {_KEYS}")
    if code in ABSENT:
        return StoreError(f"There is nothing to {what}: it was never stored, or was cleared away meanwhile.")
    if code.startswith("5") or code in ("InternalError", "ServiceUnavailable", "SlowDown"):
        return SourceUnavailableError(f"The object store cannot {what} now ({code}). Repeat the command later.")
    return StoreError(f"The object store did not {what} ({code or 'without a reason'}).")
