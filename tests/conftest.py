"""What all tests share: where the real data sets lie, how hard hypothesis tries, and which tests run together."""

from __future__ import annotations

import gc
import os
import pickle
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from evalstream_devcluster import kafka_process
from evalstream_devcluster.kafka_jars import java_tool
from evalstream_devcluster.kafka_process import KafkaDevError
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from evalstream_demo.models import Run
    from evalstream_demo.scenes import Scene
    from evalstream_demo.workload import Workload

# While modules are imported and tests are found, nothing becomes garbage, and the collector would look for some again
# and again: a third of the CPU that it takes each process until its first test.
gc.disable()

#: So many in each run that each takes a second at most; tests of rare cases ask for several times as many.
settings.register_profile(
    "default", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what ``make agreement`` needs."""
    parser.addoption(
        "--write-agreement", action="store_true", help="bring docs/agreement.md up to date with the parity tests"
    )


#: A broker of a test's own lives for seconds: it is better started quickly than compiled well.
os.environ.setdefault("KAFKA_HEAP_OPTS", "-Xmx512m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

HERE = Path(__file__).resolve().parent
#: Folders whose tests run one after another: those that start whole clusters would only slow each other down, and those
#: of one engine share it, for one process can have one folder of data open at a time; and one browser, with one service
#: that is asked each question once, takes far less CPU than one for each process.
TOGETHER = {
    "kafka": "clusters",
    "faults": "clusters",
    "attack": "attack",
    "pipeline/queries": "queries",
    "browser": "browser",
}
#: What takes longest, and mostly waits, first: so others compute meanwhile, and nobody waits for it in the end.
FIRST = ("clusters", "browser", "queries", "pipeline", "parity")


def together(path: str) -> str:
    """Name the tests that have to run in one process, one after another, by the path of their file."""
    return next((name for folder, name in TOGETHER.items() if path.startswith(f"{folder}/")), path)


class ByTogether(LoadScopeScheduling):
    """Gives a process all tests that have to run in one."""

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid.partition("::")[0].removeprefix("tests/"))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByTogether:
    """Hand out tests in groups of our own, in the order in which they were collected."""
    return ByTogether(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect garbage from the first test on, and not among what is there by then."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what belongs together, in any order and on any number of processes; what takes long goes first."""

    skip_without_broker(items)

    files: dict[str, int] = {}
    for item in items:
        path = item.path.relative_to(HERE).as_posix()
        files.setdefault(path, len(files))

    def order(item: pytest.Item) -> tuple[int, str, int, bool, bool]:
        path = item.path.relative_to(HERE).as_posix()
        name = together(path)
        rank = next((i for i, first in enumerate(FIRST) if name.startswith(first)), len(FIRST))
        shared = "" if name == path else path.rpartition("/")[0]  # the folder whose fixtures it shares
        # Of one file, those that open engines of their own come before its shared one is open.
        opens = "client" in getattr(item, "fixturenames", ())
        return rank, shared, files[path], opens, item.get_closest_marker("last") is not None

    items.sort(key=order)


def _missing() -> str | None:
    """Say what keeps a broker from being started, if anything."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        return None
    if shutil.which("mvn") is None:
        return "there is no `mvn` on the PATH to fetch Kafka with (Debian, Ubuntu: apt install maven)"
    try:
        java_tool("java")
    except KafkaDevError as error:
        return str(error)
    return None


def skip_without_broker(items: list[pytest.Item]) -> None:
    """Skip the tests that need a broker where there is neither one nor the means to start it; never in CI."""
    marked = [item for item in items if item.get_closest_marker("kafka")]
    if marked and not os.environ.get("CI") and (reason := _missing()) is not None:
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=f"no Kafka broker: {reason}"))


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's workload and its models, made once for all processes that run tests: models take time to train."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo"
    folder.mkdir(exist_ok=True)
    made = folder / "workloads.pickle"
    with kafka_process.locked(folder / "lock"):
        if not made.exists():
            # Which takes a second, also where nobody wants it, and in the process that gives the others their tests.
            from evalstream_demo import workload
            from evalstream_demo.models import train_runs

            def kept(scenes: list[Scene]) -> dict[str, Run]:
                runs = train_runs(scenes)
                (folder / "models.pickle").write_bytes(pickle.dumps(runs))
                return runs

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(workload, "train_runs", kept)
                made.write_bytes(pickle.dumps(workload.make_workloads(folder / "files", scenes=DEMO_SCENES)))
    return folder


@pytest.fixture(scope="session")
def demo(demo_folder: Path) -> dict[str, Workload]:
    """Where the files of the demo's workload are."""
    found: dict[str, Workload] = pickle.loads((demo_folder / "workloads.pickle").read_bytes())
    return found


@pytest.fixture(scope="session")
def demo_models(demo_folder: Path) -> Path:
    """The models that were trained for it, as a pickle of what ``train_runs`` returned."""
    return demo_folder / "models.pickle"


#: How many scenes, and notes, it has in the tests.
DEMO_SCENES = 60
REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "realdata"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Where the real data sets lie; a test that needs them is skipped, and says so, where they are absent."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real data sets are not part of the repository, and not beside it here")
    return REAL_DATA
