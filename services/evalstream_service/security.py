"""Authorisation: API keys from the environment and from the key file, and what routes demand of them."""

from __future__ import annotations

import ipaddress
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from evalstream_service.key_file import KeyFileError, State, read_keys, state_of
from evalstream_service.keys import ApiKey, Scope, find_key, parse_keys
from evalstream_service.rate import Rates

log = logging.getLogger(__name__)
_audit_log = logging.getLogger("evalstream.audit")

_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
_bearer = HTTPBearer(auto_error=False, description="an API key, where the service was given any")


class KeyRing:
    """The keys in force: fixed ones, and those of a file that is read again when it has changed.

    Where a file is named, a key is always needed, even while the file is missing or holds none: revoking the last key
    must not open the service.
    """

    def __init__(self, fixed: Iterable[ApiKey] = (), file: Path | None = None) -> None:
        self._fixed = tuple(fixed)
        self._file = file
        self._read: tuple[State, Sequence[ApiKey] | KeyFileError] = (None, ())
        self.needed = bool(self._fixed) or file is not None
        self.rates = Rates()

    def in_force(self) -> Sequence[ApiKey]:
        """Give the keys in force now.

        Raises
        ------
        KeyFileError
            If the file cannot be used. Then nobody gets in, for what it said before may have been revoked.
        """
        if self._file is None:
            return self._fixed
        try:
            state = state_of(self._file)
        except OSError as error:
            raise KeyFileError(f"{self._file}: {error.strerror}") from error
        if state != self._read[0]:
            self._read = (state, self._reread(self._file))
        outcome = self._read[1]
        if isinstance(outcome, KeyFileError):
            raise outcome
        return (*self._fixed, *outcome)

    def _reread(self, file: Path) -> Sequence[ApiKey] | KeyFileError:
        try:
            keys = read_keys(file)
        except KeyFileError as error:
            log.error("API keys cannot be read, so no key is accepted: %s", error)
            return error
        log.info("API keys in force: %s", ", ".join(key.name for key in (*self._fixed, *keys)) or "none")
        return keys


def check_exposure(host: str, *, keys_needed: bool) -> None:
    """Refuse to serve beyond this machine without keys.

    Raises
    ------
    ValueError
        If ``host`` is not a loopback address and everybody would be let in.
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not keys_needed:
        raise ValueError(
            f"to listen on {host}, beyond this machine, set EVALSTREAM_KEYS_FILE (see `evalstream keys`) or"
            " EVALSTREAM_API_KEYS (KEY=read,OTHER=read+write) first"
        )


def checked_keys(text: str, file: Path | None, host: str) -> KeyRing:
    """Read the API keys of a service that is to listen on ``host``; what is wrong with either is a ``ValueError``."""
    ring = KeyRing(parse_keys(text), file)
    check_exposure(host, keys_needed=ring.needed)
    ring.in_force()
    return ring


def require(scope: Scope) -> Callable[..., Awaitable[None]]:
    """Make a dependency that lets a request through only with a key of this scope (or where no keys are needed).

    The key must also be for the dataset in the route's path, if there is one. A route without one asks :func:`sees`.
    """

    # Not a plain function: that would wait for a thread, and whoever has no key would wait along with who has one.
    async def check(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> None:
        ring: KeyRing = request.app.state.keys
        request.state.api_key = None
        if not ring.needed:
            return
        if credentials is None:
            raise HTTPException(401, "an API key is needed: send `Authorization: Bearer KEY`", _CHALLENGE)
        key = _find(ring, credentials.credentials.encode("latin-1"))  # as which headers are read, whatever was sent
        if key is None:
            raise HTTPException(401, "this API key is not known", _CHALLENGE)
        _take(ring.rates, key)
        if scope not in key.scopes:
            raise HTTPException(403, f"this API key does not have the scope `{scope}`")
        request.state.api_key = key
        dataset = request.path_params.get("dataset")
        if dataset is not None:
            demand(request, dataset)

    return check


def sees(request: Request, dataset: str) -> bool:
    """Whether the key of a request that was let through is for this dataset."""
    key = _key_of(request)
    return key is None or key.sees(dataset)


def allows(request: Request, scope: Scope) -> bool:
    """Whether the key of a request that was let through has a scope, too."""
    key = _key_of(request)
    return key is None or scope in key.scopes


def sees_everything(request: Request) -> bool:
    """Whether the key of a request that was let through is for every dataset there is and will be."""
    key = _key_of(request)
    return key is None or key.sees_everything


def demand(request: Request, dataset: str | None) -> None:
    """Refuse the request unless its key is for this dataset, or for all where it is None.

    The answer is the same whether or not there is such a dataset.
    """
    if dataset is None and not sees_everything(request):
        raise HTTPException(403, "this API key is not for all datasets; name one that it is for")
    if dataset is not None and not sees(request, dataset):
        raise HTTPException(403, f"this API key is not for the dataset {dataset!r}")


def audit(request: Request, action: str, **what: Any) -> None:
    """Log who did something that an administrator may have to account for, as one line of JSON."""
    key = _key_of(request)
    audit_line(None if key is None else key.name, action, **what)


def audit_line(key: str | None, action: str, **what: Any) -> None:
    """Log what was done with a key, or without one by the service itself, as one line of JSON."""
    _audit_log.info("%s", orjson.dumps({"key": key, "action": action, **what}).decode())


def _key_of(request: Request) -> ApiKey | None:
    key: ApiKey | None = request.state.api_key
    return key


def _find(ring: KeyRing, given: bytes) -> ApiKey | None:
    try:
        return find_key(ring.in_force(), given)
    except KeyFileError:
        raise HTTPException(503, "the service cannot read its API keys; its log says why") from None


def _take(rates: Rates, key: ApiKey) -> None:
    if key.per_minute is None:
        return
    wait = rates.take(key.sha256, key.per_minute, time.monotonic())
    if wait:
        detail = f"this API key may ask {key.per_minute} times a minute; try again in {math.ceil(wait)} s"
        raise HTTPException(429, detail, {"Retry-After": str(math.ceil(wait))})
