"""Selection of a question: a run, under which policy, at which thresholds, over which rows and objects."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from evalstream.errors import EvalstreamError
from evalstream.events.base import Crowd, Name
from evalstream.matching import AREA_RANGES, MAX_IOU_THRESHOLD, POLICIES
from evalstream.ontology import DEPTH_LIMIT
from evalstream.policies import TRAITS, PolicyName, Traits
from evalstream.splits import Split
from evalstream.types import TYPES, AnnotationType

M = TypeVar("M", bound=BaseModel)

_CONDITION = re.compile(r"(?P<name>[^=!<>]+?)\s*(?P<operator>!=|>=|<=|=|>|<)\s*(?P<value>.*)", re.DOTALL)


def _is_condition(text: str) -> str:
    condition = parse_condition(text)
    if condition.operator in ORDERED:
        condition.number()
    return text


class QuestionError(EvalstreamError, ValueError):
    """A question that cannot be answered as it was put; the message says what to change."""


def checked(model: type[M], said: Mapping[str, Any], what: str) -> M:
    """Check what is said with a question.

    Raises
    ------
    QuestionError
        If it cannot be put so; the message names the question, ``what``, and the field.
    """
    try:
        return model.model_validate(dict(said))
    except ValidationError as error:
        errors = ((".".join(map(str, one["loc"])), one["msg"], one["input"]) for one in error.errors())
        wrong = "; ".join(f"{field}: {message} (got {given!r})" for field, message, given in errors)
        raise QuestionError(f"{what}: {wrong}") from None


class Condition(NamedTuple):
    """``name operator value``, as it stands in a URL."""

    name: str
    operator: str
    value: str

    def number(self) -> float:
        """Return the value as a number, for operators that need an order."""
        try:
            number = float(self.value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise QuestionError(f"`{self.operator}` compares numbers, and {self.value!r} is not a number")
        return number


def parse_condition(text: str) -> Condition:
    """Read ``noise>=0.3`` or ``weather=rain``."""
    match = _CONDITION.fullmatch(text)
    if not match:
        raise QuestionError(f"{text!r} is not a condition: write key=value, or key with one of != > >= < <=")
    return Condition(match["name"], match["operator"], match["value"])


def holds(text: str, metadata: Mapping[str, str]) -> bool:
    """Whether a condition holds of a data row's metadata; what is not there is the empty text, and no number."""
    condition = parse_condition(text)
    own = metadata.get(condition.name, "")
    if condition.operator in ORDERED:
        number = _NUMBER.fullmatch(own)
        return number is not None and _COMPARISONS[condition.operator](float(own), condition.number())
    return _COMPARISONS[condition.operator](own, condition.value)


ORDERED: Final = (">", ">=", "<", "<=")
_NUMBER: Final = re.compile(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf(inity)?|nan)", re.IGNORECASE)
_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}

ConditionText = Annotated[str, AfterValidator(_is_condition)]
AreaRange = Literal["all", "small", "medium", "large"]
MissingRows = Literal["leave_out", "count"]
assert TRAITS.keys() == POLICIES.keys()
assert tuple(AREA_RANGES) == AreaRange.__args__  # type: ignore[attr-defined]


class Filter(BaseModel):
    """Under which policy, at which thresholds, over which rows and objects: the query string of every question."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: PolicyName = Field(default="iou-greedy", description="the rule of who matches whom")
    confidence: float = Field(default=0.0, ge=0, le=1, description="predictions below it do not exist")
    iou: float = Field(default=0.5, ge=0, le=1, description="how much a matched pair must overlap")
    split: list[Split] = Field(default=[], description="any of these, `val` for `validation`; all if none")
    feature: list[str] = Field(
        default=[], max_length=100, description="classes or questions, with every declared kind of them; all if none"
    )
    type: list[AnnotationType] = Field(default=[], max_length=len(TYPES), description="annotation types; all if none")
    metadata: list[ConditionText] = Field(
        default=[],
        max_length=20,
        description="conditions on the data row's metadata, all of which must hold: `weather=rain`, `noise>=0.3`",
    )
    roll_up: int | None = Field(
        default=None,
        ge=1,
        le=DEPTH_LIMIT,
        description="count classes below this level of the declared hierarchy as their ancestors there; 1: as top-level"
        " classes. Labels change, after matching; who is matched does not",
    )
    area: AreaRange = Field(default="all", description="COCO's area range; policy `coco` only")
    at_threshold: Literal["match", "no-match"] | None = Field(
        default=None,
        description="whether an IoU exactly at the threshold is enough; if not said, as the policy has it: under "
        "`iou-greedy` it is not, under the others it is",
    )
    both_sides: bool = Field(
        default=False,
        description="only data rows with at least one annotation and one prediction, as Labelbox counts them",
    )
    shared_with: Name | None = Field(
        default=None,
        description="only data rows that this other run has results of too, under the same conditions: what a "
        "difference between two runs is fair over",
    )

    missing_rows: MissingRows = Field(
        default="leave_out",
        description="data rows that are annotated, and of which a run has said nothing: in no figure (`leave_out`), or "
        "counted as rows on which it found nothing, as if every run that is asked for was closed (`count`)",
    )

    @model_validator(mode="after")
    def _area_fits(self) -> Self:
        if self.area != "all" and not self.traits.limited:
            raise ValueError(f"area ranges belong to policy `coco`; `{self.policy}` has none")
        return self

    @property
    def traits(self) -> Traits:
        """Return the traits of the policy."""
        return TRAITS[self.policy]


class Selection(Filter):
    """Selection of a question: a dataset and a run, with the filter."""

    dataset: Name
    run: Name
    data_row: list[str] = Field(default=[], description="only these; all if none")

    def threshold(self, iou: float) -> float:
        """Return where to cut match rectangles for the IoU threshold ``iou`` under this policy and ``at_threshold``.

        There is no float between x and its neighbour. So "IoU above t" says the same as "IoU at least nextafter(t, +)",
        of all pairs at once, and whatever a policy that asks for "at least" makes of the one it makes of the other.
        Strict ones ask for "above": there, "at least t" says the same as "above nextafter(t, -)".
        """
        if self.at_threshold == "match" and self.traits.strict:
            return math.nextafter(iou, -math.inf)
        if self.at_threshold == "no-match" and not self.traits.strict:
            return math.nextafter(iou, math.inf)
        return min(iou, MAX_IOU_THRESHOLD) if self.traits.limited else iou


def object_codes(selection: Selection) -> tuple[int, ...]:
    """Return the codes in column ``crowd`` that make an annotation an object under the selection's policy."""
    return (Crowd.OBJECT, Crowd.DIFFICULT) if selection.traits.difficult_count else (Crowd.OBJECT,)
