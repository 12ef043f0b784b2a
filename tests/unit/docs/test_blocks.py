"""Every block of Python on these pages runs, and prints what is shown below it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.docs.blocks import blocks, printed

#: How many blocks each page has at least. What they print is shown below each.
PAGES = {"client.md": 1, "exporting.md": 1, "intervals.md": 1, "library.md": 5, "tutorial.md": 6}
README = "../README.md"
#: What the blocks of the README take for granted: two files, a service with a dataset and a run, and what a model has
#: found. An engine of their own is in the place of the service.
GIVEN = """
import json
from pathlib import Path
import evalstream

truth = {"images": [{"id": 1, "width": 64, "height": 64}], "categories": [{"id": 1, "name": "car"}]}
truth["annotations"] = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 20, 20], "area": 400, "iscrowd": 0}]
results = [{"image_id": 1, "category_id": 1, "bbox": [4, 4, 20, 18], "score": 0.9}]
Path("instances.json").write_text(json.dumps(truth))
Path("results.json").write_text(json.dumps(results))
boxes, labels, scores = [[4, 4, 24, 22]], ["car"], [0.9]
"""
SERVED = """
with evalstream.connect("engine") as client:
    client.upload("coco", truth, predictions=results, run="yolo-s")
"""
#: The tutorial makes the demo's workload, of which the training takes half a minute of CPU: it has the same models.
TRAINED = """
import pickle
from evalstream_demo import workload
workload.TRAINING_SCENES, workload.train_runs = 0, lambda _: pickle.loads(open({path!r}, "rb").read())
"""


def of_readme(script: str) -> str:
    if "connect(" in script:
        assert 'connect("http://127.0.0.1:8000")' in script
        script = SERVED + script.replace("http://127.0.0.1:8000", "engine")
    return GIVEN + script


@pytest.fixture(scope="module")
def found(demo_models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What each block printed, by page; all run from one process, for to import everything takes seconds of CPU."""
    scripts = []
    for page in (*PAGES, README):
        folder = tmp_path_factory.mktemp(Path(page).stem)
        own = [script for script, _ in blocks(page)]
        if page == README:
            own = [of_readme(script) for script in own]
        if page == "tutorial.md":
            own[0] = TRAINED.format(path=str(demo_models)) + own[0]
        scripts += [(page, folder, script) for script in own]
    texts = printed([(folder, script) for _, folder, script in scripts])
    of_pages: dict[str, list[str]] = {page: [] for page in (*PAGES, README)}
    for (page, *_), text in zip(scripts, texts, strict=True):
        of_pages[page].append(text)
    return of_pages


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_print_what_is_shown(found: dict[str, list[str]], page: str) -> None:
    shown = [text for _, text in blocks(page)]
    assert len(shown) >= PAGES[page]
    assert all(shown), "what they print is to be shown"
    own = found[page]
    if page == "library.md":  # pycocotools tells before that how long it read
        own = [text[-len(expected) :] for text, expected in zip(own, shown, strict=True)]
    assert own == shown


def test_the_blocks_of_the_readme_run(found: dict[str, list[str]]) -> None:
    assert found[README]
