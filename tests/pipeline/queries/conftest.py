"""One engine with random data for all questions: to make it takes longer than to ask."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent
from evalstream.matching import POLICIES
from evalstream.pipeline.reconcile import reconcile

from tests.feeding import new_engine
from tests.oracles.queries import DataRow
from tests.pipeline.random_data import (
    Data,
    Truth,
    annotation_event,
    crowded_row,
    data_row,
    data_row_names,
    prediction_event,
    random_things,
    random_truth,
    send,
)


@pytest.fixture(scope="package")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Give an empty engine, as ``tests/pipeline`` does, for the whole folder."""
    with new_engine(tmp_path_factory.mktemp("engine")) as client:
        yield client


@pytest.fixture(scope="package")
def data(client: Client) -> Data:
    """Random datasets, in the engine and as plain data."""
    runs: dict[tuple[str, str], list[DataRow]] = {}
    for seed, dataset in enumerate(("images", "größe's \\ data")):
        rng = random.Random(seed)
        truth: Truth = {name: random_truth(rng) for name in data_row_names(20)}
        annotated = {name: said for name, said in truth.items() if rng.random() < 0.9}
        send(client, AnnotationEvent, [annotation_event(dataset, name, *said) for name, said in annotated.items()])
        for run in ("v1", "v2 'beta' é"):
            spoken = [name for name in truth if rng.random() < 0.9]
            found = {name: random_things(rng, "prediction", rng.choice([0, 1, 3, 6, 8])) for name in spoken}
            send(client, PredictionEvent, [prediction_event(dataset, name, run, found[name]) for name in spoken])
            runs[dataset, run] = [data_row(name, annotated.get(name), found[name]) for name in spoken]
    many = crowded_row(random.Random(5))
    send(client, AnnotationEvent, [annotation_event("many", many.data_row, "", {}, many.annotations)])
    send(client, PredictionEvent, [prediction_event("many", many.data_row, "v1", many.predictions)])
    runs["many", "v1"] = [many]
    reconcile(client, list(POLICIES))
    return Data(runs)
