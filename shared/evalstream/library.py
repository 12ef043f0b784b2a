"""What people hold in their hands to an evaluation."""

from __future__ import annotations

from collections.abc import Callable

from evalstream.evaluation import Evaluation
from evalstream.importers.coco import (
    CocoType,
    Source,
    annotation_events,
    prediction_events,
    read_results,
    read_truth,
)
from evalstream.importers.problems import refuse
from evalstream.selection import PolicyName

_NAME = "evaluated"


def evaluate(
    annotations: Source,
    predictions: Source,
    *,
    type: CocoType = "bbox",  # noqa: A002 -- the word of events, questions and the command line
    policy: PolicyName = "coco",
    strict: bool = False,
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Evaluation:
    """Evaluate predictions against annotations, in memory.

    Parameters
    ----------
    annotations : path or mapping
        COCO ground truth, as a file or as a JSON reader gives it.
    predictions : path or sequence of mappings
        COCO results: a list of detections.
    type : {"bbox", "segm", "keypoints"}
        What to compare (pycocotools' ``iouType``).
    policy : {"coco", "iou-greedy", "best-candidate"}
        Who matches whom, unless a figure is asked for under another policy.
    strict : bool
        Refuse files with any record that cannot be read. Otherwise such records are left out, each told in
        ``Evaluation.problems`` and their number in the notes of every answer.
    on_progress : callable
        Called with what is being done, how much of it is done, and of how much.

    Returns
    -------
    Evaluation

    Raises
    ------
    ImporterError
        If a file cannot be read; with ``strict``, if any record cannot.
    """
    on_progress("reading annotations", 0, 2)
    truth = read_truth(annotations, type)
    on_progress("reading predictions", 1, 2)
    found = read_results(predictions, truth, type)
    problems = [*truth.problems, *found.problems]
    if strict:
        refuse(problems)
    return Evaluation(
        annotation_events(truth, _NAME, 1, type),
        prediction_events(found, truth, _NAME, _NAME, 1, type),
        policy=policy,
        categories=truth.categories.names,
        notes=[*truth.notes, *found.notes],
        problems=problems,
        on_progress=lambda done, total: on_progress("matching", done, total),
    )
