"""Evaluate files and arrays: the entry of the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalstream.evaluation import Evaluation
from evalstream.evaluator import Evaluator
from evalstream.geometry.sigmas import PUBLISHED, SigmasName
from evalstream.importers.arrays import BoxFormat, Fields
from evalstream.importers.coco_dataset import is_dataset
from evalstream.importers.columns import CocoType
from evalstream.importers.files import (
    Input,
    Options,
    annotations_table,
    predictions_table,
    read_annotations,
    read_predictions,
    typed,
)
from evalstream.importers.hugging_face import refuse_splits
from evalstream.importers.problems import ImporterError
from evalstream.ontology import NOTHING_DECLARED, Frequency, Ontology, OntologyClass
from evalstream.policies import PolicyName

_NAME = "evaluated"


def evaluate(
    annotations: Input | Mapping[Any, Fields],
    predictions: Input | Mapping[Any, Fields],
    *,
    type: CocoType | None = None,  # noqa: A002 -- the word of events, questions and the command line
    policy: PolicyName = "coco",
    strict: bool = False,
    classes: Sequence[str] | None = None,
    box_format: BoxFormat = "xyxy",
    sigmas: SigmasName | Sequence[float] | None = None,
    options: Options | None = None,
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Evaluation:
    """Evaluate predictions against annotations, in memory.

    Parameters
    ----------
    annotations : path or mapping
        Ground truth: COCO, as a file or as a JSON reader gives it; or a file or folder of another format in
        ``docs/importing.md``, a data frame of answers (pandas, polars, Arrow), or a data set of Hugging Face or
        FiftyOne. Or, by image, mappings of fields to arrays: :mod:`evalstream.importers.arrays`.
    predictions : path, sequence of mappings, or mapping
        COCO results: a list of detections, or a data set that holds them; or the same formats. Or arrays by image; an
        image that is not among them has no predictions.
    type : {"bbox", "segm", "keypoints"}, optional
        What to compare (pycocotools' ``iouType``); without, boxes, or what predictions hold where they hold none,
        which a note says.
    policy : {"coco", "iou-greedy", "best-candidate"}
        Who matches whom, unless a figure is asked for under another policy.
    strict : bool
        Refuse files with any record that cannot be read, as arrays always are. Otherwise such records are left out,
        each told in ``Evaluation.problems`` and their number in the notes of every answer.
    classes, box_format
        Of arrays: what their labels and boxes mean, as in :class:`evalstream.evaluator.Evaluator`.
    sigmas : {"coco", "crowdpose", "wholebody", "hand"} or sequence of float, optional
        Of the keypoints of every class; without, COCO's for 17 keypoints, and 1/n each for another number.
    options : Options, optional
        What files do not say themselves: :class:`evalstream.importers.files.Options`.
    on_progress : callable
        Called, of files, with what is being done, how much of it is done, and of how much.

    Returns
    -------
    Evaluation

    Raises
    ------
    ImporterError
        If a file cannot be read; with ``strict``, if any record cannot; if any array cannot.
    """
    for source in (annotations, predictions):
        refuse_splits(source)
    if isinstance(predictions, Mapping) and not is_dataset(predictions):
        if type == "keypoints":
            raise ImporterError("predictions: arrays are of boxes and masks; skeletons are read as COCO has them")
        return _evaluate_arrays(
            annotations, predictions, Evaluator(classes, type or "bbox", box_format=box_format, policy=policy)
        )
    on_progress("reading annotations", 0, 2)
    given = options or Options()
    given, said = typed(annotations, predictions, given._replace(type=type) if type is not None else given)
    if strict:
        given = given._replace(on_error="refuse")
    same = isinstance(annotations, str | Path) and annotations == predictions
    # Of one CoNLL file for both, the tags of the annotations stand before those of the predictions.
    truth = read_annotations(annotations, given._replace(conll=given.conll._replace(column=-2)) if same else given)
    on_progress("reading predictions", 1, 2)
    results = read_predictions(predictions, truth, given)
    categories, notes, frequency = truth.categories, [*said, *truth.notes, *results.notes], truth.frequency
    problems = [*truth.problems, *results.problems]
    annotated, predicted = annotations_table(truth, _NAME, given), predictions_table(results, _NAME, given)
    del truth, results  # the tables hold all that matching looks at
    return Evaluation(
        annotated,
        predicted,
        policy=policy,
        categories=categories,
        notes=notes,
        problems=problems,
        ontology=_declared(categories, sigmas, frequency),
        on_progress=lambda done, total: on_progress("matching", done, total),
    )


def _declared(
    classes: Sequence[str], sigmas: SigmasName | Sequence[float] | None, frequency: Mapping[str, Frequency]
) -> Ontology:
    """Declare the sigmas of every class, and how frequent it is.

    Raises
    ------
    ImporterError
        If the name is none of those that are published, or a sigma is not above 0.
    """
    if sigmas is None and not frequency:
        return NOTHING_DECLARED
    if isinstance(sigmas, str):
        if sigmas not in PUBLISHED:
            raise ImporterError(f"sigmas: none are published as {sigmas!r}; these are: {', '.join(PUBLISHED)}")
        sigmas = PUBLISHED[sigmas]
    if sigmas is not None and (not sigmas or not all(0 < sigma <= 10 for sigma in sigmas)):
        raise ImporterError(f"sigmas: must be above 0 and at most 10 (got {list(sigmas)})")
    of_all = None if sigmas is None else list(map(float, sigmas))
    return Ontology(
        classes=[OntologyClass(name=name, sigmas=of_all, frequency=frequency.get(name)) for name in classes]
    )


def _evaluate_arrays(annotations: Any, predictions: Mapping[Any, Fields], evaluator: Evaluator) -> Evaluation:
    if not isinstance(annotations, Mapping):
        raise ImporterError("annotations: must be arrays by image, as the predictions are")
    unknown = predictions.keys() - annotations.keys()
    if unknown:
        raise ImporterError(f"predictions: image {min(map(str, unknown))}: the annotations have no such image")
    nothing: Fields = {"boxes": [], "masks": [], "labels": [], "scores": []}
    for image, own in annotations.items():
        evaluator.update(image, predictions.get(image, nothing), own)
    return evaluator.compute()
