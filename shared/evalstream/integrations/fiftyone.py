"""Write the outcome of each object into a FiftyOne data set, under the names that its own evaluation gives.

>>> import evalstream, fiftyone  # doctest: +SKIP
>>> from evalstream.integrations.fiftyone import add_outcomes
>>> dataset = fiftyone.load_dataset("street")  # doctest: +SKIP
>>> evaluation = evalstream.evaluate(dataset, dataset)  # doctest: +SKIP
>>> add_outcomes(dataset, evaluation.rows, confidence=0.4)  # doctest: +SKIP
>>> dataset.filter_labels("predictions", fiftyone.ViewField("eval") == "fp")  # doctest: +SKIP

Samples and labels are known by what they have, so that this module imports no package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from types import SimpleNamespace
from typing import Any, NamedTuple

from evalstream.exporters.pages import PAGE, rows_of
from evalstream.importers.fiftyone import Samples, labels_of
from evalstream.queries.rows import Row, RowObject, Rows


class Added(NamedTuple):
    """Counts of the outcomes that were written, and of samples and labels without one."""

    samples: int
    tp: int
    fp: int
    fn: int
    without_answer: int  # samples that are no data rows of the run: left as they were
    unknown_labels: int  # labels of the others that the run does not have: their fields are cleared


def add_outcomes(
    samples: Samples,
    ask: Callable[..., Rows],
    *,
    ground_truth: str = "ground_truth",
    predictions: str = "predictions",
    eval_key: str = "eval",
    data_row: Callable[[Any], str] = lambda sample: str(sample["filepath"]),
    **said: Any,
) -> Added:
    """Write the outcome of each detection into its fields, as ``evaluate_detections`` does, and save the samples.

    Each label gets ``eval`` ("tp", "fp" or "fn"), ``eval_iou`` and ``eval_id``, the id of its match; each sample
    ``eval_tp``, ``eval_fp`` and ``eval_fn``. Labels outside the filter or below the confidence threshold, and those
    that the policy ignores, have None there: no value of an earlier evaluation stays.

    Parameters
    ----------
    samples : fiftyone.Dataset or view
        Whose labels the run was read of: they are known by their ids.
    ask : callable
        Question ``rows``: ``evaluation.rows``, or ``functools.partial(client.rows, "street", "v8")``.
    ground_truth, predictions : str
        The fields of samples.
    eval_key : str
        What the names of fields begin with.
    data_row : callable
        Names the data row of a sample; by default by the path of its file.
    **said
        Filters and thresholds of the question: ``policy``, ``confidence``, ``iou`` ….

    Returns
    -------
    Added
    """
    asked = SimpleNamespace(rows=lambda _dataset, _run, **more: ask(**more))
    counts = dict.fromkeys(Added._fields, 0)
    left = iter(samples.iter_samples())
    while some := list(islice(left, PAGE)):
        names = [data_row(sample) for sample in some]
        rows = rows_of(asked, "", "", {**said, "data_row": names}, lambda _what, _done, _total: None)  # type: ignore[arg-type]
        by_name = {row.data_row: row for row in rows}
        for sample, name in zip(some, names, strict=True):
            if name not in by_name:
                counts["without_answer"] += 1
                continue
            row = by_name[name]
            for field, objects in ((ground_truth, row.annotations), (predictions, row.predictions)):
                counts["unknown_labels"] += _write(labels_of(sample[field]), objects, eval_key)
            for outcome, count in _counts(row):
                sample[f"{eval_key}_{outcome}"] = count
                counts[outcome] += count
            sample.save()
            counts["samples"] += 1
    if hasattr(samples, "add_dynamic_sample_fields"):
        samples.add_dynamic_sample_fields()  # so that the App and views know the new fields of labels
    return Added(**counts)


def _write(labels: list[Any], objects: list[RowObject], key: str) -> int:
    """Write into the labels of one field; count those that are no object of the run."""
    by_id = {one.id: one for one in objects}
    unknown = 0
    for label in labels:
        one = by_id.get(str(label.id))
        unknown += one is None
        counted = one is not None and one.outcome in ("tp", "fp", "fn")
        label[key] = one.outcome if one is not None and counted else None
        # FiftyOne's own values where there is no match.
        label[f"{key}_iou"] = one.iou if one is not None and counted else None
        label[f"{key}_id"] = (one.matched or "") if one is not None and counted else ""
    return unknown


def _counts(row: Row) -> Iterator[tuple[str, int]]:
    for outcome, objects in (("tp", row.predictions), ("fp", row.predictions), ("fn", row.annotations)):
        yield outcome, sum(one.outcome == outcome for one in objects)
