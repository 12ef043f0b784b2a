"""Answers of a service to changes: uploads, declarations, deletions."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

#: All rejected lines are counted, and kept as dead letters; so many are also told one by one.
REASONS_TOLD: Final = 10_000


class RejectedLine(BaseModel):
    """A line that could not be read."""

    line: int = Field(description="from 1")
    data_row: str = Field(description="empty where the line does not say")
    reason: str


class Upload(BaseModel):
    """Result of an upload. Accepted lines are on disk; rejected ones are kept as dead letters."""

    accepted: int
    rejected: int
    errors: list[RejectedLine] = Field(description=f"the first {REASONS_TOLD} rejected lines")
    position: str | None = Field(
        default=None,
        description="what questions reflect that wait for it (`at_least`); null: not known, for Kafka was sent a record"
        " twice and does not say where it is",
    )


class Completed(BaseModel):
    """Result of closing a run."""

    dataset: str
    run: str
    annotated: int = Field(description="data rows of the dataset that are annotated")
    closed: int = Field(
        description="of these, the ones that the run had said nothing of: from now on nothing was found on them"
    )
    position: str | None = Field(default=None, description="what questions reflect that wait for it, as of an upload")


#: Data rows that are asked for at a time.
FILES_LIMIT: Final = 400


class FileNames(BaseModel):
    """Names of files, by data row, that are about to be sent."""

    model_config = ConfigDict(extra="forbid", strict=True)

    file_names: dict[str, str] = Field(max_length=FILES_LIMIT)


class OtherFiles(BaseModel):
    """Data rows that are there already, with other files."""

    other_files: dict[str, str] = Field(description="by data row, the name of the file that it has")


class RunStep(BaseModel):
    """Position of a run in a series of runs."""

    model_config = ConfigDict(extra="forbid", strict=True)

    step: int = Field(ge=-(2**63), lt=2**63, description="such as the epoch of a training")


class Declaration(BaseModel):
    """Result of a declaration. It is on disk."""

    version: int
    id: str = Field(description="a hash of the content")
    in_force: bool = Field(description="false: there is one of a higher version")
    revisions: int = Field(description="declarations so far, this one included")


class Deleted(BaseModel):
    """Counts of what was deleted, from just before. No question finds any of it."""

    dataset: str
    run: str | None = Field(description="null: not of one run only")
    data_row: str | None = Field(description="null: not of one data row only")
    version: int | None = Field(
        description="events of at most this version are dead, also those that come later; null after a dry run"
    )
    deleted_at: datetime | None = Field(description="null after a dry run: nothing was deleted")
    data_rows: int = Field(description="data rows that the events speak of")
    events: int
    results: int = Field(description="one for each run, policy and data row")
    declarations: int = Field(description="of the dataset, where all of it is deleted")
    dead_letters: int = Field(description="of the dataset or the data row; those of a run are kept")
