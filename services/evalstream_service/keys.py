"""API keys: what each may do, how they are made, and how a request's key is found among them."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Annotated, Final, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Scope = Literal["read", "write", "admin"]
SCOPES: Final = get_args(Scope)

#: How every generated key begins, so that people and scanners for leaked secrets know one when they see it.
PREFIX: Final = "evs_"
#: Random bytes of a generated key.
TOKEN_BYTES: Final = 32
#: Each of the last minute's requests is remembered by its time.
PER_MINUTE_LIMIT: Final = 100_000


class ApiKey(BaseModel):
    """A key as it is kept: everything about it but the key itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$", max_length=100)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the key, in hexadecimal")
    scopes: tuple[Scope, ...] = Field(min_length=1)
    datasets: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=("*",), min_length=1, description="names, or patterns with *, ? and [...]"
    )
    per_minute: int | None = Field(default=None, ge=1, le=PER_MINUTE_LIMIT, description="requests in any 60 seconds")
    created_at: AwareDatetime

    @property
    def sees_everything(self) -> bool:
        """Whether the key is for every dataset, whatever its name."""
        return "*" in self.datasets

    def sees(self, dataset: str) -> bool:
        """Whether the key is for this dataset."""
        return any(fnmatchcase(dataset, pattern) for pattern in self.datasets)


def digest(token: bytes) -> str:
    """Hash a key for keeping.

    One round of SHA-256, without a salt: slow hashes protect passwords, which can be guessed. A generated key has 256
    random bits. Nobody can try them all however fast the hash is, and no two keys are the same. A slow hash would only
    make every request slow.
    """
    return sha256(token).hexdigest()


def new_key(
    name: str, scopes: Iterable[str], datasets: Iterable[str] = ("*",), per_minute: int | None = None
) -> tuple[str, ApiKey]:
    """Generate a key; return it with what is kept of it.

    Raises
    ------
    ValueError
        If the name, a scope, a dataset or the rate is not allowed.
    """
    token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    kept = {
        "name": name,
        "sha256": digest(token.encode()),
        "scopes": tuple(dict.fromkeys(scopes)),
        "datasets": tuple(datasets),
        "per_minute": per_minute,
        "created_at": datetime.now(UTC),
    }
    return token, ApiKey.model_validate(kept)


def find_key(keys: Iterable[ApiKey], given: bytes) -> ApiKey | None:
    """Find the key that a request was sent with."""
    wanted = digest(given)
    # Compare with every key, so that the time taken tells nothing of which one nearly fitted.
    matching = [key for key in keys if hmac.compare_digest(key.sha256, wanted)]
    return matching[0] if matching else None


def parse_keys(text: str) -> Sequence[ApiKey]:
    """Read ``KEY=read,OTHER=read+write``; surrounding white space and empty entries do not count.

    Such keys are for every dataset, at any rate. Their names say where in the text they stand.

    Raises
    ------
    ValueError
        If an entry has no scope or an unknown one. The message does not repeat the key.
    """
    keys: dict[str, ApiKey] = {}
    now = datetime.now(UTC)
    for number, entry in enumerate(filter(None, (part.strip() for part in text.replace("\n", ",").split(","))), 1):
        token, _, scopes = entry.rpartition("=")
        granted = set(scopes.split("+"))
        if not token or not granted <= set(SCOPES):
            raise ValueError(f"API key {number}: write KEY=read, or several scopes ({', '.join(SCOPES)}) joined by +")
        keys[token] = ApiKey(
            name=f"environment-{number}",
            sha256=digest(token.encode()),
            scopes=tuple(scope for scope in SCOPES if scope in granted),
            created_at=now,
        )
    return tuple(keys.values())
