"""An OpenID Connect issuer whose users may ask: its tokens are believed as far as its keys say so.

Its keys are fetched beside the requests and kept; a token of a key that is not known yet has them fetched again, soon
and not often, because anybody can name a key that does not exist.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.serving.access.callers import Caller, Role
from finq_predictor.serving.access.store import FOREIGN
from finq_predictor.serving.errors import ForbiddenError, RequestError, UnauthenticatedError, UnavailableError
from finq_predictor.serving.settings import Settings

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)
SECRET = "FINQ_OIDC_SECRET"
# None of them works with a secret: what everybody may read verifies, and does not sign.
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
_RENEW_S, _SOONEST_S = 300.0, 10.0
_TIMEOUT_S = 5.0
_LONGEST = 1 << 20
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,58}")


class OidcIssuer:
    """Someone else who knows who people are.

    Args:
        address: Its address, as it writes it into `iss`.
        client: What it calls this service.
        audience: That of access tokens for this service.
        claim: Where a token lists what its user is; dots go deeper.
        roles: What each of those may do here.
        clock: Tells the time, in seconds.
    """

    def __init__(
        self,
        address: str,
        client: str,
        audience: str,
        claim: str,
        roles: Mapping[str, Role],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.address, self.client, self.audience = address, client, audience
        self.name = urlsplit(address).hostname or address
        self._claim, self._roles, self._clock = claim.split("."), dict(roles), clock
        self.places: dict[str, str] = {}
        self._keys: dict[str, Any] = {}
        self._fetched = self._tried = float("-inf")
        self._wanted = False
        self._trouble = ""

    def refresh(self) -> None:
        """Fetch its keys where it is time to; what cannot be fetched leaves those of before."""
        now = self._clock()
        due = now - self._fetched > _RENEW_S or self._wanted
        if not due or now - self._tried < _SOONEST_S:
            return
        self._tried = now
        try:
            with self.asking() as web:
                self.places = self._discovered(web)
                self._keys = self._read_keys(_json(web, self.places["jwks_uri"]))
            self._fetched, self._wanted, trouble = now, False, ""
        except RequestError as error:
            trouble = str(error)
        if trouble and trouble != self._trouble:
            logger.error("The keys of the issuer %s cannot be fetched: %s", self.name, trouble)
        self._trouble = trouble

    def caller(self, token: str) -> tuple[Caller, float]:
        """Who an access token is about, and when it expires.

        Raises:
            UnauthenticatedError: If it is none of theirs for this service.
            ForbiddenError: If its user is nobody here.
        """
        claims = self.read(token, self.audience)
        name, role = self.known_as(claims)
        return Caller(name, role, way="issuer", credential=name), float(claims["exp"])

    def read(self, token: str, audience: str) -> dict[str, Any]:
        """What one of their tokens says.

        Raises:
            UnauthenticatedError: If it is none for this audience, or has expired.
        """
        import jwt

        refusal = UnauthenticatedError(f"The token is not valid here; sign in with {self.name} again.")
        try:
            key = self._keys.get(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                self._wanted = True
                raise refusal
            found = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm_name],
                audience=audience,
                issuer=self.address,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError):
            raise refusal from None
        return dict(found)

    def known_as(self, claims: Mapping[str, Any]) -> tuple[str, Role]:
        """The name and role of a user here.

        Raises:
            ForbiddenError: If none of what they are there may do anything here.
        """
        found: Any = claims
        for part in self._claim:
            found = found.get(part) if isinstance(found, Mapping) else None
        given = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        roles = [self._roles[one] for one in given if isinstance(one, str) and one in self._roles]
        if not roles:
            raise ForbiddenError("You are known, and may do nothing here; whoever runs this sets FINQ_OIDC_ROLES.")
        subject = str(claims["sub"])
        plain = subject if _PLAIN.fullmatch(subject) else sha256(subject.encode()).hexdigest()[:32]
        return FOREIGN + plain, max(roles, key=list(Role).index)

    def asking(self) -> httpx.Client:
        """A client for its answers, which are short and come from where it says."""
        import httpx

        return httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False)

    def _discovered(self, web: httpx.Client) -> dict[str, str]:
        found = _json(web, f"{self.address.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.address:
            raise UnavailableError("it calls itself by another name than FINQ_OIDC_ISSUER says.")
        places = {}
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            places[name] = str(found.get(name))
            _require_safe(places[name], name)
        return places

    def _read_keys(self, found: dict[str, Any]) -> dict[str, Any]:
        import jwt

        keys: dict[str, Any] = {}
        listed = found.get("keys")
        for one in listed if isinstance(listed, list) else []:
            try:
                key = jwt.PyJWK(one)
            except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
                # Of a kind that is not known here.
                continue
            if key.key_id is not None and key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig"):
                keys[key.key_id] = key
        if not keys:
            raise UnavailableError("it lists no key that can be used here.")
        return keys


def issuer_of(settings: Settings) -> OidcIssuer | None:
    """The issuer that the settings name; None where they name none.

    Raises:
        ConfigurationError: If they cannot work.
    """
    if not settings.oidc_issuer:
        return None
    _require_safe(settings.oidc_issuer, "FINQ_OIDC_ISSUER", ConfigurationError)
    if not settings.oidc_client_id:
        raise ConfigurationError(
            "FINQ_OIDC_ISSUER is set and FINQ_OIDC_CLIENT_ID is not; give what it calls this service."
        )
    roles = {}
    for pair in settings.oidc_roles:
        value, equals, role = pair.rpartition("=")
        if not equals or role not in list(Role):
            raise ConfigurationError(
                f"FINQ_OIDC_ROLES holds {pair!r}; expected pairs such as traders=predictor, of {', '.join(Role)}."
            )
        roles[value] = Role(role)
    audience = settings.oidc_audience or settings.oidc_client_id
    return OidcIssuer(settings.oidc_issuer, settings.oidc_client_id, audience, settings.oidc_claim, roles)


def client_secret() -> str | None:
    """What shows the issuer that it is this service; None for a client without one."""
    found = read_secret(SECRET, "the secret of the client")
    return None if found is None else found.decode()


def _require_safe(address: str, what: str, kind: type[Exception] = UnavailableError) -> None:
    parts = urlsplit(address)
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise kind(f"{what} is {address[:100]!r}; expected an address that begins with https://.")


def _json(web: httpx.Client, address: str) -> dict[str, Any]:
    import httpx
    import orjson

    try:
        with web.stream("GET", address) as answer:
            content = b""
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > _LONGEST:
                    raise UnavailableError("its answer is too long.")
        found = orjson.loads(content) if answer.status_code == 200 else None
    except (httpx.HTTPError, httpx.InvalidURL, orjson.JSONDecodeError) as error:
        raise UnavailableError(f"it does not answer as it should ({type(error).__name__}).") from None
    if not isinstance(found, dict):
        raise UnavailableError(f"it answered {answer.status_code}, or something else than an object.")
    return found
