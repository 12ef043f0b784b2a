"""Answers to questions: one option, several, a text or a number.

They stand on a data row by themselves ("weather"), or nested in an object ("colour" of a car) or in another answer.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from evalstream.class_labels import class_label
from evalstream.events.base import (
    ANSWERS_LIMIT,
    Confidence,
    Feature,
    Number,
    Object,
    Part,
    Prose,
    Strict,
    nested,
)
from evalstream.events.objects.metrics import ObjectMetrics

#: The type of a checklist itself; of each option chosen it is ``checklist``. The list is no object, its options are.
QUESTION = "question"


def _asked_once(answers: Sequence[Object]) -> Sequence[Object]:
    count = Counter(answer.feature for answer in answers)
    twice = [feature for feature, times in count.items() if times > 1]
    if twice:
        raise ValueError(f"the question {twice[0]!r} is answered twice in one place")
    return answers


Scores = Annotated[
    dict[Feature, Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]], Field(max_length=ANSWERS_LIMIT)
]


class Predicted(ObjectMetrics):
    """Fields of predictions only."""

    confidence: Confidence = Field(default=1.0, description="in [0, 1]; missing is 1; below 0 the object is ignored")


class Scored(Strict):
    """Scores of all options, which ROC curves and calibration need."""

    scores: Scores = Field(
        default_factory=dict, description="the model's score of every option, chosen or not, each in [0, 1]"
    )


class _Radio(Object):
    type: Literal["radio"]
    answer: Feature = Field(description="the one option chosen")

    def _part(self) -> Part:
        # Question and answer: so the "yes" of two questions stay two classes.
        return Part("radio", self.feature, class_label(self.feature, self.answer))


class RadioAnnotation(_Radio):
    """The true answer to a question with one answer."""

    classifications: AnnotatedAnswers = Field(default_factory=list, description="questions that this answer leads to")

    def parts(self) -> list[Part]:
        """The answer, and those nested in it."""
        return nested(self._part(), self.classifications)


class RadioPrediction(_Radio, Predicted, Scored):
    """A predicted answer to a question with one answer."""

    classifications: PredictedAnswers = Field(default_factory=list, description="questions that this answer leads to")

    def parts(self) -> list[Part]:
        """The answer, and those nested in it."""
        part = self._part()._replace(confidence=self.confidence, scores=self.scores)
        return nested(part, self.classifications, self.metric_parts())


class _Checklist(Object):
    type: Literal["checklist"]
    answers: Annotated[list[Feature], Field(max_length=ANSWERS_LIMIT)] = Field(
        description="the options chosen; none is an answer too"
    )

    @model_validator(mode="after")
    def _chosen_once(self) -> Self:
        if len(set(self.answers)) != len(self.answers):
            twice = next(name for name, count in Counter(self.answers).items() if count > 1)
            raise ValueError(f"the option {twice!r} is chosen twice")
        return self

    def _parts(
        self, question: Part, under: Mapping[str, Sequence[Object]], confidence: Mapping[str, float], most: float = 1.0
    ) -> list[Part]:
        """Give the list, and each option chosen, with what is nested under it: called ``question/option/…``."""
        parts = [question]
        for answer in self.answers:
            option = Part(
                "checklist",
                f"{self.feature}/{answer}",
                class_label(self.feature, answer),
                confidence=min(confidence.get(answer, 1.0), most),
            )
            own = nested(option, under.get(answer, ()))
            own[0] = own[0]._replace(feature=self.feature, parent=len(parts))
            parts += own
        return parts


def _under_the_one_chosen(given: Any, known: ValidationInfo) -> Any:
    """Read a list of questions, which names no option, as those under the one option that is chosen.

    Raises
    ------
    ValueError
        If several are, or none.
    """
    if not isinstance(given, list):
        return given
    answers = known.data.get("answers", [])
    if given and len(answers) != 1:
        raise ValueError(
            f"a list of questions is under the one option chosen, and there are {len(answers)}: write"
            ' {"OPTION": [questions under it]}'
        )
    return {answers[0]: given} if given else {}


def _check_chosen(answers: Sequence[str], under: Mapping[str, Sequence[Object]]) -> None:
    unknown = under.keys() - set(answers)
    if unknown:
        raise ValueError(f"`classifications` has questions under the option {min(unknown)!r}, which is not chosen")


class ChecklistAnnotation(_Checklist):
    """The true answer to a question with any number of answers."""

    classifications: AnnotatedUnder = Field(
        default_factory=dict,
        description="questions that an option leads to, by the option, which must be chosen; of the only option chosen"
        " their list alone will do",
    )

    @model_validator(mode="after")
    def _under_chosen(self) -> Self:
        _check_chosen(self.answers, self.classifications)
        return self

    def parts(self) -> list[Part]:
        """The list, each option chosen, and the answers nested under it."""
        return self._parts(Part(QUESTION, self.feature, ""), self.classifications, {})


class ChecklistPrediction(_Checklist, Predicted, Scored):
    """A predicted answer to a question with any number of answers; an option's score, if any, is its confidence."""

    classifications: PredictedUnder = Field(
        default_factory=dict,
        description="questions that an option leads to, by the option, which must be chosen; of the only option chosen"
        " their list alone will do",
    )

    @model_validator(mode="after")
    def _under_chosen(self) -> Self:
        _check_chosen(self.answers, self.classifications)
        return self

    def parts(self) -> list[Part]:
        """The list, each option chosen, and the answers nested under it."""
        question = Part(QUESTION, self.feature, "", confidence=self.confidence, scores=self.scores)
        parts = self._parts(question, self.classifications, self.scores, self.confidence)
        metrics = [part._replace(parent=len(parts) + i) for i, part in enumerate(self.metric_parts())]
        return parts + metrics


class _Plain(Object):
    """An answer that leads to no other question."""

    @abstractmethod
    def _part(self) -> Part:
        """The answer, without what a prediction adds."""

    def parts(self) -> list[Part]:
        """The answer."""
        return [self._part()]


class _PlainPrediction(_Plain, Predicted):
    def parts(self) -> list[Part]:
        """The answer, and its metrics."""
        return nested(self._part()._replace(confidence=self.confidence), metrics=self.metric_parts())


class _Text(_Plain):
    type: Literal["text"]
    answer: Prose = Field(description="free text")

    def _part(self) -> Part:
        return Part("text", self.feature, class_label(self.feature), detail=self.answer)


class TextAnnotation(_Text):
    """The true text: a caption, a transcript, a translation."""


class TextPrediction(_Text, _PlainPrediction):
    """A predicted text."""


class _Number(_Plain):
    type: Literal["number"]
    answer: Number = Field(description="a quantity, for regression")

    def _part(self) -> Part:
        return Part("number", self.feature, class_label(self.feature), geometry=(self.answer,))


class NumberAnnotation(_Number):
    """The true number."""


class NumberPrediction(_Number, _PlainPrediction):
    """A predicted number."""


AnnotatedAnswers = Annotated[
    list[
        Annotated[
            RadioAnnotation | ChecklistAnnotation | TextAnnotation | NumberAnnotation, Field(discriminator="type")
        ]
    ],
    Field(max_length=ANSWERS_LIMIT),
    AfterValidator(_asked_once),
]
PredictedAnswers = Annotated[
    list[
        Annotated[
            RadioPrediction | ChecklistPrediction | TextPrediction | NumberPrediction, Field(discriminator="type")
        ]
    ],
    Field(max_length=ANSWERS_LIMIT),
    AfterValidator(_asked_once),
]
AnnotatedUnder = Annotated[
    dict[Feature, AnnotatedAnswers],
    Field(max_length=ANSWERS_LIMIT),
    BeforeValidator(_under_the_one_chosen, json_schema_input_type=dict[Feature, AnnotatedAnswers] | AnnotatedAnswers),
]
PredictedUnder = Annotated[
    dict[Feature, PredictedAnswers],
    Field(max_length=ANSWERS_LIMIT),
    BeforeValidator(_under_the_one_chosen, json_schema_input_type=dict[Feature, PredictedAnswers] | PredictedAnswers),
]
