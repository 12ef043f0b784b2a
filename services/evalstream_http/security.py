"""API keys with scopes."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

Scope = Literal["read", "write"]
SCOPES: Final = ("read", "write")

_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
_bearer = HTTPBearer(auto_error=False, description="an API key, where the service was given any")


def parse_keys(text: str) -> dict[str, frozenset[str]]:
    """Read ``KEY=read,OTHER=read+write``; surrounding white space and empty entries do not count.

    Raises
    ------
    ValueError
        If an entry has no scope or an unknown one. The message does not repeat the key.
    """
    keys: dict[str, frozenset[str]] = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in text.replace("\n", ",").split(","))), 1):
        key, _, scopes = entry.rpartition("=")
        found = frozenset(scopes.split("+"))
        if not key or not found <= set(SCOPES):
            raise ValueError(f"API key {number}: write KEY=read, KEY=write or KEY=read+write")
        keys[key] = found
    return keys


def check_exposure(host: str, keys: Mapping[str, frozenset[str]]) -> None:
    """Refuse to serve beyond this machine without keys.

    Raises
    ------
    ValueError
        If ``host`` is not a loopback address and there is no key.
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not keys:
        raise ValueError(
            f"to listen on {host}, beyond this machine, set EVALSTREAM_API_KEYS (KEY=read,OTHER=read+write) first"
        )


def checked_keys(text: str, host: str) -> dict[str, frozenset[str]]:
    """Read the API keys of a service that is to listen on ``host``; what is wrong with either is a ``ValueError``."""
    keys = parse_keys(text)
    check_exposure(host, keys)
    return keys


def require(scope: Scope) -> Callable[..., None]:
    """Make a dependency that lets a request through only with a key of this scope (or where no keys are set)."""

    def check(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        keys: Mapping[str, frozenset[str]] = request.app.state.api_keys
        if not keys:
            return
        if credentials is None:
            raise HTTPException(401, "an API key is needed: send `Authorization: Bearer KEY`", _CHALLENGE)
        given = credentials.credentials.encode("latin-1")  # as which headers are read, whatever was sent
        # Compare with every key, so that the time taken tells nothing of which one nearly fitted.
        scopes = [own for key, own in keys.items() if hmac.compare_digest(key.encode(), given)]
        if not scopes:
            raise HTTPException(401, "this API key is not known", _CHALLENGE)
        if scope not in scopes[0]:
            raise HTTPException(403, f"this API key does not have the scope `{scope}`")

    return check
