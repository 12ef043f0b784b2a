"""``evalstream reconcile`` and ``evalstream replay``: results anew from events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import orjson
import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from evalstream.pipeline.reconcile import Step, Which, reconciling
from evalstream_cluster.settings import ServiceSettings
from pydantic import ValidationError

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import fail, out, progress_bar


def reconcile(
    failed: Annotated[bool, typer.Option("--failed", help="Also try again what could not be matched.")] = False,
    dataset: Annotated[str | None, typer.Option(help="Only this dataset.")] = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Find results that are missing or out of date, and repair them.

    evalstream reconcile --failed

    Safe at any time, beside running services too: a result that has seen more events is never replaced by one that has
    seen fewer. Where EVALSTREAM_CLICKHOUSE_URL is set the work is done here, on that server; otherwise the service at
    --url does it (`evalstream up`).
    """
    _run(dataset, "failed" if failed else "stale", url, api_key)


def replay(
    dataset: Annotated[str, typer.Option(help="Name of the dataset.")],
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Rebuild every result of a dataset from its events, after an upgrade that changes a policy for instance.

    evalstream replay --dataset street

    Questions are answered all the while, from old and new results. Upgrade all matchers first: one of the old kind
    would go on writing results of the old kind. Where EVALSTREAM_CLICKHOUSE_URL is set the work is done here, on that
    server; otherwise the service at --url does it (`evalstream up`).
    """
    _run(dataset, "all", url, api_key)


def _run(dataset: str | None, which: Which, url: str, api_key: str) -> None:
    settings = _cluster()
    steps = _here(settings, dataset, which) if settings else _by_service(dataset, which, url, api_key)
    step = Step(0, 0)
    with progress_bar() as bar:
        task = bar.add_task("matching", total=None)
        for step in steps:
            bar.update(task, completed=step.done, total=step.total)
    if which == "all" and not step.total:
        fail(f"there is no dataset {dataset!r} with predictions; see `evalstream report` for those there are")
    out.print(f"{step.done:,} data rows matched anew" if step.total else "everything is up to date", highlight=False)


def _cluster() -> ServiceSettings | None:
    """Read the settings of the cluster, if its ClickHouse is named anywhere."""
    try:
        settings = ServiceSettings()
    except ValidationError as error:
        fail("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()))
    return settings if "clickhouse_url" in settings.model_fields_set else None


def _here(settings: ServiceSettings, dataset: str | None, which: Which) -> Iterator[Step]:
    from evalstream_cluster.connection import clickhouse

    try:
        client = clickhouse(settings)
        try:
            yield from reconciling(lambda: client, settings.policies, dataset=dataset, which=which)
        finally:
            client.close()
    except ClickHouseError as error:
        fail(f"ClickHouse cannot be asked; look at EVALSTREAM_CLICKHOUSE_URL, _USER and _PASSWORD. It says: {error}")


def _by_service(dataset: str | None, which: Which, url: str, api_key: str) -> Iterator[Step]:
    with service(url, api_key) as client:
        wanted = {"dataset": dataset, "which": which}
        with client.http.stream("POST", "/v1/reconcile", json=wanted) as answer:
            if answer.is_error:
                answer.read()
            for line in answer.raise_for_status().iter_lines():
                said = orjson.loads(line)
                if "error" in said:
                    fail(f"what was done stays done, but: {said['error']}")
                yield Step(said["done"], said["total"])
