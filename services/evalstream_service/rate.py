"""Rate limits of API keys: at most so many requests in any 60 seconds."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Final

WINDOW_SECONDS: Final = 60.0


class Rates:
    """Times of each key's requests in the last minute. One process counts its own requests only."""

    def __init__(self) -> None:
        self._requests: defaultdict[str, deque[float]] = defaultdict(deque)

    def take(self, key: str, per_minute: int, now: float) -> float:
        """Count a request if there is room for it, and return 0; otherwise return the seconds until there is."""
        requests = self._requests[key]
        while requests and requests[0] <= now - WINDOW_SECONDS:
            requests.popleft()
        if len(requests) < per_minute:
            requests.append(now)
            return 0.0
        # The rate may have been lowered since: room is there when so many are left that one more fits.
        return requests[-per_minute] + WINDOW_SECONDS - now
