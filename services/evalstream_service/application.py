"""An application that serves HTTP: the routes it is given, guarded, bounded, described and watched like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager

import evalstream
from fastapi import APIRouter, FastAPI

from evalstream_service.browsers import OnlyOwnPages, served_names
from evalstream_service.describe import describe
from evalstream_service.errors import tell_errors
from evalstream_service.load import bound_load
from evalstream_service.observe import health_routes, observe
from evalstream_service.security import KeyRing
from evalstream_service.settings import HttpSettings


def make_application(
    title: str,
    settings: HttpSettings,
    keys: KeyRing,
    routers: Iterable[APIRouter],
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    description: str = "",
    alive: Callable[[], object] = lambda: None,
    ready: Callable[[], bool] = lambda: True,
) -> FastAPI:
    """Make an application; its ``lifespan`` gives it a backend.

    Parameters
    ----------
    routers : iterable of APIRouter
        Its routes, in the order in which they are tried.
    alive, ready : callable
        What ``/health`` and ``/ready`` ask; an error that the first one raises is answered as one of any route.
    """
    app = FastAPI(
        title=title,
        version=evalstream.__version__,
        description=description,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.keys = keys
    bound_load(app, settings)
    describe(app)
    for router in routers:
        # Not `include_router`: FastAPI would make all routes anew at the first request, for there might be a prefix or
        # dependencies: 0.2 s of CPU here, with neither.
        app.router.routes.extend(router.routes)
    tell_errors(app)
    app.add_middleware(OnlyOwnPages, names=served_names(settings.host, settings.allowed_hosts, keys=keys.needed))
    observe(app)
    health_routes(app, alive, ready)
    return app
