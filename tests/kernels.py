"""Compile every kernel once, before several processes want them all at a time: every question, of every type.

What is compiled is kept beside the modules, and found by whichever process comes next.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import get_args

from evalstream.matching import POLICIES
from evalstream.ontology import Ontology
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.intervals import Group
from evalstream.storage.ontologies import declare
from evalstream_local.app import make_app
from evalstream_local.settings import LocalSettings

from tests.asking import asking
from tests.feeding import send
from tests.pipeline.awkward import AWKWARD
from tests.pipeline.test_every_question import OF_RUNS, RUN, ask

NAME = "every type"


def main() -> None:
    data = AWKWARD[NAME]
    with (
        tempfile.TemporaryDirectory() as folder,
        asking(make_app(LocalSettings(_env_file=None, data=Path(folder)))) as service,
    ):
        client = service.app.state.clients()  # type: ignore[attr-defined]
        for dataset, ontology in ((NAME, Ontology()), ("across", Ontology(across_types=True))):
            declare(client, dataset, ontology, 1)
            runs = {data.run: data.predictions, "second": data.predictions}
            send(client, dataset, data.annotations, runs, rows=data.rows, metrics=data.metrics)
        reconcile(client, list(POLICIES))
        for path in OF_RUNS:
            for policy in POLICIES:
                ask(service, path, NAME, {"policy": policy, "versus": "second"})
        for group in get_args(Group):
            for policy in POLICIES:
                ask(service, f"{RUN}intervals", NAME, {"policy": policy, "versus": "second", "group": group})


if __name__ == "__main__":
    main()
