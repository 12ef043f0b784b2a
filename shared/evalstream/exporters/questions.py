"""Options of exports, and the description that every export carries; light, for routes declare them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from pydantic import BaseModel, Field

import evalstream
from evalstream.events.base import Name
from evalstream.queries.position import Position
from evalstream.queries.rows import RowConditions
from evalstream.selection import Filter, QuestionError

if TYPE_CHECKING:
    from evalstream.exporters.state import State

Format = Literal["ndjson", "csv", "parquet", "coco"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
MislabelsFormat = Literal["labelbox", "label-studio", "cvat"]
MISLABELS_FORMATS: Final[tuple[MislabelsFormat, ...]] = get_args(MislabelsFormat)
ReportFormat = Literal["html", "markdown", "json"]
#: The most candidate mislabels of a kind: as many as an answer holds.
MOST: Final = 500
#: Below it a prediction is no reason to look at a label again, unless that is said.
CONFIDENCE: Final = 0.5
#: Filters of objects.
OF_OBJECTS: Final = ("feature", "type", "area", "roll_up")


class ExportQuery(Filter, RowConditions):
    """A filter, which rows, and the format."""

    format: Format = Field(
        default="ndjson", description="a data row a line (`ndjson`), a label a line (`csv`, `parquet`), or COCO files"
    )

    def check(self) -> None:
        """Refuse what the format cannot hold.

        Raises
        ------
        QuestionError
            If COCO files of one area range are asked for.
        """
        if self.format == "coco" and self.area != "all":
            raise QuestionError(
                "area: COCO files hold all areas, and are asked for one when they are evaluated; leave it out"
            )


class MislabelsQuery(Filter):
    """A filter of data rows, how many candidates, and for which labelling tool."""

    confidence: float = Field(default=CONFIDENCE, ge=0, le=1, description="predictions below it do not exist")
    limit: int = Field(default=100, ge=1, le=MOST, description="the most candidates of each kind")
    format: MislabelsFormat = Field(description="Labelbox import lines, tasks of Label Studio, or CVAT for images 1.1")

    def check(self) -> None:
        """Refuse filters of objects.

        Raises
        ------
        QuestionError
            If there is one: whole data rows are written.
        """
        usual = MislabelsQuery.model_fields
        if filtered := [name for name in OF_OBJECTS if getattr(self, name) != usual[name].get_default()]:
            raise QuestionError(f"{', '.join(filtered)}: whole data rows are written, so objects cannot be filtered")


class ReportQuery(Filter):
    """A filter, and another run."""

    versus: Name | None = Field(default=None, description="another run, to compare it with over the rows of both")


class ReportDocument(ReportQuery):
    """The same, and how it is written."""

    format: ReportFormat = Field(
        default="html", description="one page that opens without a network, Markdown, or every answer whole"
    )


class About(BaseModel):
    """Description of an export, from which it can be made again."""

    dataset: str
    run: str
    format: str
    question: dict[str, Any] = Field(description="policy, thresholds, filters and conditions, with all defaults")
    evalstream: str = Field(description="the version that made it")
    time: datetime
    positions: dict[str, Position] = Field(description="of each run that was asked for, when it began")
    notes: list[str] = Field(description="what was not settled, as sentences")


def about(dataset: str, run: str, query: ExportQuery | MislabelsQuery, begun: State) -> dict[str, Any]:
    """Give what an export says of itself: the fields of :class:`About`, but for its notes."""
    question = query.model_dump(mode="json", exclude={"format"})
    known = {"dataset": dataset, "run": run, "format": query.format, "question": question}
    return known | {"evalstream": evalstream.__version__, "time": datetime.now(UTC), "positions": begun.positions}
