"""CoNLL columns to events: one data row a sentence, its text the tokens with a space between.

The format: a line a token, its columns apart by tabs or spaces, the first the token itself; an empty line ends a
sentence (https://www.clips.uantwerpen.be/conll2000/chunking/). Entities are read from the tags by seqeval, and so are
the ones that seqeval scores: leniently, as the script conlleval does, or strictly by a tagging scheme.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

from evalstream.events.decoding import Reader, Record, decode
from evalstream.events.models import AnnotationEvent, PredictionEvent
from evalstream.importers.options import ConllOptions, Scheme, TagForm
from evalstream.importers.problems import ImporterError
from evalstream.importers.rows import Imported, Row, Side

#: File names that end so hold CoNLL columns.
SUFFIXES: Final = frozenset({".conll", ".iob", ".bio", ".txt", ".tsv"})

_LENIENT: Final = re.compile(r"O|[BIES](-.+)?")
_ANY_TAG: Final = re.compile(r"O|[BIESLU]|[BIESLU][-_].+|.+[-_][BIESLU]", re.IGNORECASE)
_DOCUMENT: Final = "-DOCSTART-"  # a line between documents (CoNLL 2003), and no token


class ConllError(ImporterError):
    """A file of CoNLL columns that cannot be read; the message names the file and the line."""


_LENIENTLY: Final = ConllOptions()


class Sentence(NamedTuple):
    """Some lines of a file: where they begin (from 1), and the columns of each."""

    path: Path
    line: int
    columns: list[list[str]]

    @property
    def tokens(self) -> list[str]:
        """The first column."""
        return [columns[0] for columns in self.columns]


def read_sentences(path: Path) -> list[Sentence]:
    """Read a file of CoNLL columns.

    Raises
    ------
    ConllError
        If it is no text in UTF-8, or a line has less columns than the one before it in the sentence.
    """
    sentences: list[Sentence] = []
    columns: list[list[str]] = []
    try:
        # Lines end where files end them, and not at each of Unicode's separators, which a token may well hold.
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate([*file, ""], 1):
                text = line.rstrip("\n")
                if not columns and _is_comment(text):
                    continue
                if text.strip(" \t") and not text.startswith(_DOCUMENT):
                    columns.append(text.split("\t") if "\t" in text else re.split(" +", text.strip(" ")))
                    if len(columns[-1]) != len(columns[0]) or not columns[-1][0]:
                        raise ConllError(
                            f"{path}: line {number}: {len(columns[-1])} columns where the sentence began with "
                            f"{len(columns[0])}, or no token in the first"
                        )
                elif columns:
                    sentences.append(Sentence(path, number - len(columns), columns))
                    columns = []
    except OSError as error:
        raise ConllError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConllError(f"{path}: not UTF-8: {error}") from None
    return sentences


def _is_comment(line: str) -> bool:
    """Whether a line before a sentence is about it, as in CoNLL-U: ``# id 1``; a token ``#`` has a tag at the end.

    >>> _is_comment("# id 1"), _is_comment("# SYM O"), _is_comment("#tag O")
    (True, False, False)
    """
    return line.startswith("# ") and not _ANY_TAG.fullmatch(line.split()[-1])


def usual(tag: str, form: TagForm) -> str:
    """Write a tag as ``B-TYPE``, from another form.

    >>> usual("org_b", "type_b"), usual("ORG-I", "TYPE-B"), usual("o", "b-type")
    ('B-org', 'I-ORG', 'O')

    Raises
    ------
    ConllError
        If it has not this form.
    """
    sign = "_" if "_" in form else "-"
    first, separator, last = tag.rpartition(sign) if form.lower().startswith("type") else tag.partition(sign)[::-1]
    kind, mark = (first, last) if separator else ("", tag)
    right = mark.islower() if form.islower() else mark.isupper()
    if len(mark) != 1 or not right:
        raise ConllError(f"the tag {tag!r} is not written like {form}")
    return f"{mark.upper()}-{kind}" if kind else mark.upper()


def check_same_tokens(annotated: Sequence[Sentence], predicted: Sequence[Sentence]) -> None:
    """Make sure that two files hold the same sentences, or say where they part."""
    for number, (one, other) in enumerate(zip(annotated, predicted, strict=False), 1):
        if one.tokens != other.tokens:
            raise ConllError(
                f"sentence {number} has other tokens in {one.path} (line {one.line}) than in {other.path} "
                f"(line {other.line})"
            )
    if len(annotated) != len(predicted):
        raise ConllError(f"{len(annotated)} sentences are annotated, and {len(predicted)} predicted")


def annotation_events(
    sentences: Sequence[Sentence], dataset: str, version: int, options: ConllOptions = _LENIENTLY
) -> Iterator[bytes]:
    """Turn tags into annotation events, one ``replace`` for every sentence, named by its number from 1.

    Tags are read strictly by a scheme, as seqeval's ``mode='strict'``, or leniently, as its default mode.

    Raises
    ------
    ConllError
        If a tag cannot be read, or an event would not be valid.
    """
    reader = Reader(AnnotationEvent)
    for number, sentence in enumerate(sentences, 1):
        known = {"dataset": dataset, "data_row": str(number), "operation": "replace", "version": version}
        facts = {"row": {"text": " ".join(sentence.tokens)}}
        yield _checked(known | facts | {"annotations": _spans(sentence, options)}, sentence, reader)


def prediction_events(
    sentences: Sequence[Sentence],
    dataset: str,
    run: str,
    version: int,
    options: ConllOptions = _LENIENTLY,
) -> Iterator[bytes]:
    """Turn tags into prediction events of one run, as :func:`annotation_events` does into annotations."""
    reader = Reader(PredictionEvent)
    for number, sentence in enumerate(sentences, 1):
        known = {"dataset": dataset, "data_row": str(number), "run": run, "operation": "replace", "version": version}
        yield _checked(known | {"predictions": _spans(sentence, options)}, sentence, reader)


def read(path: Path, side: Side, options: ConllOptions = _LENIENTLY) -> Imported:
    """Read a file as data rows: one a sentence, named by its number from 1.

    Raises
    ------
    ImporterError
        If it cannot be read, or a tag of it cannot.
    """
    try:
        rows = [
            Row(
                str(number),
                {"text": " ".join(sentence.tokens)},
                spans,
                [f"sentence at line {sentence.line}"] * len(spans),
            )
            for number, sentence in enumerate(read_sentences(path), 1)
            for spans in [_spans(sentence, options)]
        ]
    except ConllError as error:
        raise ImporterError(str(error)) from None
    names = sorted({item["feature"] for row in rows for item in row.objects})
    return Imported(str(path), side, rows, names, [f"The tags of column {options.column}."], [])


def entities(tags: Sequence[str], scheme: Scheme | None = None) -> list[tuple[str, int, int]]:
    """Read the entities of a sentence from its tags with seqeval: type, first token, last token plus one.

    >>> entities(["B-PER", "I-PER", "O", "I-LOC"])
    [('PER', 0, 2), ('LOC', 3, 4)]
    >>> entities(["B-PER", "I-PER", "O", "I-LOC"], "IOB2")
    [('PER', 0, 2)]
    """
    try:
        from seqeval import scheme as schemes
        from seqeval.metrics.sequence_labeling import get_entities
    except ModuleNotFoundError:
        raise ConllError("tags are read by seqeval, which is not installed: pip install 'evalstream[ner]'") from None

    if scheme is None:
        wrong = next((tag for tag in tags if not _LENIENT.fullmatch(tag)), None)
        if wrong is not None:
            of_bilou = wrong.partition("-")[0] in ("L", "U")
            raise ConllError(
                f"the tag {wrong!r} is neither O nor one of B, I, E, S, alone or before -TYPE"
                + ("; --scheme BILOU reads it" if of_bilou else "")
            )
        return [(kind, first, last + 1) for kind, first, last in get_entities(list(tags))]
    try:
        return [(one.tag, one.start, one.end) for one in schemes.Tokens(list(tags), getattr(schemes, scheme)).entities]
    except KeyError as error:
        raise ConllError(f"a tag begins with {error}, which {scheme} does not know") from None
    except ValueError as error:
        raise ConllError(f"not {scheme}: {error}") from None


def _spans(sentence: Sentence, options: ConllOptions) -> list[dict[str, Any]]:
    column = options.column
    try:
        tags = [columns[column] for columns in sentence.columns]
        if options.form != "B-TYPE":
            tags = [usual(tag, options.form) for tag in tags]
        spans = entities(tags, options.scheme)
    except IndexError:
        count = len(sentence.columns[0])
        raise ConllError(f"{sentence.path}: line {sentence.line}: {count} columns, and no column {column}") from None
    except ConllError as error:
        raise ConllError(f"{sentence.path}: sentence at line {sentence.line}: {error}") from None
    start = list(accumulate((len(token) + 1 for token in sentence.tokens), initial=0))
    return [{"type": "span", "feature": kind, "span": [start[i], start[j] - 1]} for kind, i, j in spans]


def _checked(event: dict[str, object], sentence: Sentence, reader: Reader) -> bytes:
    payload = to_json(event)
    rejected = decode([Record(payload, 0, 0)], reader).rejected
    if rejected:
        raise ConllError(f"{sentence.path}: sentence at line {sentence.line}: {rejected[0].reason}")
    return payload
