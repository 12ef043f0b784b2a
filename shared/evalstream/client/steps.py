"""Operations on a service as steps, for a thread that waits or a coroutine to take.

An operation is a generator. It yields the requests that it wants sent, is given their answers, and returns what it was
for. :class:`operation` makes it a method of both clients, so that each is written once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping
from functools import partial, update_wrapper
from typing import Any, Concatenate, Final, Generic, NamedTuple, ParamSpec, Self, TypeVar, overload

import httpx
from tenacity import RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from evalstream.questions import Later, Now

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds that a service may have a client wait before it tries again.
LONGEST_PAUSE: Final = 120
ATTEMPTS: Final = 6
#: Statuses of a service that may do later what it does not do now.
BUSY: Final = frozenset({429, 502, 503, 504})


class Request(NamedTuple):
    """A request to send."""

    method: str
    path: str
    query: Mapping[str, Any] = {}
    content: bytes | None = None
    kind: str = "application/json"
    #: Send it again even where nobody answers; only of what changes nothing the second time.
    insist: bool = False
    #: Seconds to wait for the answer, where it may take longer than others.
    patience: float | None = None
    #: Statuses that are an answer as good as any; others from 400 on are errors.
    expected: frozenset[int] = frozenset()

    def answered(self, response: httpx.Response) -> httpx.Response:
        """Give an answer if it is one; otherwise raise what httpx raises."""
        return response if response.status_code in self.expected else response.raise_for_status()

    def arguments(self) -> dict[str, Any]:
        """Say it in the words of httpx."""
        own: dict[str, Any] = {"method": self.method, "url": self.path, "params": dict(self.query)}
        if self.content is not None:
            own |= {"content": self.content, "headers": {"Content-Type": self.kind}}
        return own if self.patience is None else own | {"timeout": self.patience}


class Flow(NamedTuple):
    """Requests to send, so many at a time: the next one is made when there is room for it."""

    requests: Iterator[Request]
    at_once: int
    #: Told the number of each request, from 0, with its answer, in the order in which answers come.
    answered: Callable[[int, httpx.Response], None]


class Pause(NamedTuple):
    """Wait for so many seconds."""

    seconds: float


Steps = Generator[Request | Flow | Pause, Any, T]


class Done(NamedTuple, Generic[T]):
    """All steps are taken."""

    value: T


def advance(steps: Steps[T], answer: Any) -> Request | Flow | Pause | Done[T]:
    """Give the answer to the last step, none before the first; return the next one."""
    try:
        return steps.send(answer)
    except StopIteration as done:
        return Done(done.value)


class operation(Generic[P, T]):  # noqa: N801 -- a decorator
    """Make a method of both clients of a generator: one waits for what the other lets be awaited."""

    def __init__(self, steps: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        self.steps = steps
        update_wrapper(self, steps)  # type: ignore[arg-type]

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Now, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Later, owner: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Take the steps as this client takes them."""
        if client is None:
            return self
        return update_wrapper(partial(self._taken, client), self.steps)

    def _taken(self, client: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
        return client._take(self.steps(client, *args, **kwargs))


def retries(request: Request) -> dict[str, Any]:
    """Say how often, and after which pauses, tenacity is to send a request that found no answer."""
    return {
        "stop": stop_after_attempt(ATTEMPTS),
        "wait": _pause,
        "retry": retry_if_exception(partial(_may_pass, request)),
        "reraise": True,
    }


#: The pause between attempts, unless the service asks for a longer one.
_growing = wait_exponential_jitter(multiplier=0.5, max=10)


def _pause(attempt: RetryCallState) -> float:
    """Wait for as long as a service that refuses more for now says, and a little longer each time."""
    error = attempt.outcome and attempt.outcome.exception()
    asked = error.response.headers.get("Retry-After", "") if isinstance(error, httpx.HTTPStatusError) else ""
    return _growing(attempt) + min(int(asked) if asked.isdecimal() else 0, LONGEST_PAUSE)


def _may_pass(request: Request, error: BaseException) -> bool:
    """Whether the failure may pass: a server that is busy, or no answer to what may be sent twice.

    A question that took too long (504) would do so again.
    """
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in (BUSY if request.insist else BUSY - {504})
    return request.insist and isinstance(error, httpx.TransportError)
