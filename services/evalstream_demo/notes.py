"""Short notes with names, places, dates and sums of money in them, and two runs that look for these.

The notes are put together from templates. Names that a run has never seen, names that are also ordinary words ("Rose",
"May"), lower case and missing spaces make them hard in the ways that real notes are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

Event = dict[str, Any]

#: Notes that the tagger learns from; they are no part of the workload.
TRAINING_NOTES = 60
_TRAINING_STREAM, _NOTE_STREAM = 2, 3
_SPLITS = ("train", "validation", "test")
_SHARES = (0.2, 0.2, 0.6)

_KNOWN_PEOPLE = ("Ana Lima", "Jonas Weber", "Rose", "Priya", "Zoë Martin", "Tom Baker", "Mei Chen", "Omar")
_NEW_PEOPLE = ("May Singh", "Łukasz", "Grace Hill", "Will", "Ngozi Obi", "Summer Dale", "Ada")
_KNOWN_PLACES = ("Lisbon", "Kraków", "Oslo", "Main Street", "Reading", "Lima")
_NEW_PLACES = ("São Paulo", "Bath", "Mobile", "Station Road", "Nice", "Kyoto")
_MONTHS = ("January", "March", "April", "May", "July", "October", "December")
_TEMPLATES = (
    "{person} paid {amount} for the tickets to {place}.",
    "Meet {person} in {place} on {date} ☕",
    "Lunch with {person}, {amount} each, then the train to {place}",
    "{date}: call {person} about the {amount} invoice",
    "The house on {place} costs {amount}; ask {person} before {date}.",
    "Will {person} be reading in {place}?",
    "💶 The rent for {date} is {amount}",
    "{person} and {person} fly from {place} to {place} on {date}",
    "It may rain in {place}, so {person} moved it to {date}",
    "A nice rose for {person}: {amount}",
)
#: How many of the templates the lessons use: the other notes are said in ways that nobody has learnt.
_TAUGHT = 6
_TOKEN = re.compile(r"\w+|[^\w\s]")


class Span(NamedTuple):
    """A named piece of a text: [start, end) in code points, what it is, and how sure somebody is of it."""

    start: int
    end: int
    feature: str
    confidence: float = 1.0


class Text(NamedTuple):
    """A note and what is truly in it."""

    text: str
    spans: list[Span]
    style: str


class Note(NamedTuple):
    """A note as events: the truth, and what each run says of it."""

    annotations: Event
    predictions: dict[str, Event]


def note_events(count: int, seed: int) -> list[Note]:
    """Write notes, and let the runs read them.

    Returns
    -------
    list of Note
        Of runs ``rules`` (patterns and a list of names) and ``tagger`` (logistic regression over tokens).
    """
    lessons = [
        write_note(np.random.default_rng((seed, _TRAINING_STREAM, n)), _TEMPLATES[:_TAUGHT], new=0.1)
        for n in range(TRAINING_NOTES)
    ]
    tagger = train_tagger(lessons)
    notes = []
    for number in range(1, count + 1):
        rng = np.random.default_rng((seed, _NOTE_STREAM, number))
        split = str(rng.choice(_SPLITS, p=_SHARES))
        note = write_note(rng, _TEMPLATES, new=0.5)
        known: Event = {"dataset": "notes", "data_row": f"note-{number:04d}", "operation": "replace", "version": 1}
        row = {"split": split, "text": note.text, "metadata": {"style": note.style, "length": len(note.text)}}
        by_run = {"rules": by_rules(note.text), "tagger": by_tagger(tagger, note.text)}
        notes.append(
            Note(
                {**known, "row": row, "annotations": [_span(n, span) for n, span in enumerate(note.spans, 1)]},
                {
                    run: {
                        **known,
                        "run": run,
                        "predictions": [
                            _span(n, span) | {"confidence": round(span.confidence, 6)}
                            for n, span in enumerate(spans, 1)
                        ],
                    }
                    for run, spans in by_run.items()
                },
            )
        )
    return notes


def _span(number: int, span: Span) -> Event:
    return {"type": "span", "id": str(number), "feature": span.feature, "span": [span.start, span.end]}


def write_note(rng: np.random.Generator, templates: Sequence[str], *, new: float) -> Text:
    """Write one note after one of the templates; ``new`` is how often a name is one that no lesson has."""
    style = str(rng.choice(("tidy", "lower case"), p=(0.75, 0.25)))
    text, spans = "", []
    for piece in re.split(r"(\{\w+\})", str(rng.choice(templates))):
        if piece.startswith("{"):
            words = _fill(piece[1:-1], rng, new)
            spans.append(Span(len(text), len(text) + len(words), piece[1:-1]))
            text += words
        else:
            text += piece
    # Python's lower() keeps the length of every letter used here, so the offsets stay true.
    return Text(text.lower() if style == "lower case" else text, spans, style)


def _fill(feature: str, rng: np.random.Generator, new: float) -> str:
    unseen = rng.random() < new
    if feature == "person":
        return str(rng.choice(_NEW_PEOPLE if unseen else _KNOWN_PEOPLE))
    if feature == "place":
        return str(rng.choice(_NEW_PLACES if unseen else _KNOWN_PLACES))
    if feature == "amount":
        value = int(rng.integers(2, 2000))
        return str(rng.choice((f"€{value}", f"{value} euros", f"${value}.50", f"{value} USD")))
    day, month = int(rng.integers(1, 29)), str(rng.choice(_MONTHS))
    return str(rng.choice((f"{day} {month}", f"{month} {day}", f"{day:02d}/0{int(rng.integers(1, 10))}/2026")))


_RULES = {
    "amount": re.compile(r"[€$]\s?\d+(?:\.\d+)?|\b\d+\s(?:euros|USD)\b"),
    "date": re.compile(
        rf"\b\d{{2}}/\d{{2}}/\d{{4}}\b|\b\d{{1,2}}\s(?:{'|'.join(_MONTHS)})\b|\b(?:{'|'.join(_MONTHS)})\b"
    ),
    "place": re.compile("|".join(map(re.escape, _KNOWN_PLACES))),
    "person": re.compile("|".join(map(re.escape, (name.split()[0] for name in _KNOWN_PEOPLE)))),
}
#: How often each rule was right on notes like these, roughly: a rule knows no other doubt.
_TRUST = {"amount": 0.97, "date": 0.8, "place": 0.7, "person": 0.6}


def by_rules(text: str) -> list[Span]:
    """Find what patterns and a list of first names find."""
    spans = [
        Span(hit.start(), hit.end(), feature, _TRUST[feature])
        for feature, rule in _RULES.items()
        for hit in rule.finditer(text)
    ]
    return sorted(spans)


def train_tagger(notes: list[Text]) -> Any:
    """Train a logistic regression that says of each token what it is a part of."""
    features, answers = [], []
    for note in notes:
        tokens = list(_TOKEN.finditer(note.text))
        features += _describe(tokens)
        answers += [
            next((span.feature for span in note.spans if span.start <= token.start() < span.end), "")
            for token in tokens
        ]
    return make_pipeline(DictVectorizer(), LogisticRegression(C=1.0, max_iter=500)).fit(features, answers)


def by_tagger(tagger: Any, text: str) -> list[Span]:
    """Find runs of neighbouring tokens that are most likely part of one thing; the least sure token counts."""
    tokens = list(_TOKEN.finditer(text))
    probabilities = tagger.predict_proba(_describe(tokens))
    spans: list[Span] = []
    before = ""
    for token, row in zip(tokens, probabilities, strict=True):
        feature, sure = str(tagger.classes_[row.argmax()]), float(row.max())
        if feature and feature == before:
            last = spans[-1]
            spans[-1] = last._replace(end=token.end(), confidence=min(sure, last.confidence))
        elif feature:
            spans.append(Span(token.start(), token.end(), feature, sure))
        before = feature
    return spans


def _describe(tokens: list[re.Match[str]]) -> list[dict[str, Any]]:
    words = ["", *(token[0] for token in tokens), ""]
    return [
        {
            "word": words[i].lower(),
            "end": words[i][-3:].lower(),
            "capital": words[i][:1].isupper(),
            "number": words[i].isdigit(),
            "before": words[i - 1].lower(),
            "after": words[i + 1].lower(),
            "number before": words[i - 1].isdigit(),
        }
        for i in range(1, len(words) - 1)
    ]
