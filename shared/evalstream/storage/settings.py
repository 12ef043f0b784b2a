"""Settings that go with statements to the engine."""

from __future__ import annotations

from typing import Any, Final

#: Settings of every insert. Batches are made before they come here, so the server need not make its own; and a batch
#: must be in the table when the call returns, which asynchronous inserts do not promise by default. Every insert may be
#: repeated anyway; a replicated table must not leave out a block for being equal to one of last week, because a result
#: that goes back to what it was has to replace the one in between.
INSERT: Final[dict[str, Any]] = {"async_insert": 0, "insert_deduplicate": 0}
#: The same as SQL, of an INSERT that selects: the embedded engine would set and take back what comes beside it.
INSERTED: Final = "SETTINGS " + ", ".join(f"{name} = {value}" for name, value in INSERT.items())

#: The same of an insert in which no key stands twice: the engine need not look for those that replace each other, which
#: takes as long as the rest.
INSERT_DISTINCT: Final[dict[str, Any]] = INSERT | {"optimize_on_insert": 0}

#: Settings of every question from outside: bounded in time, memory and what it returns, with an error rather than
#: half an answer when a bound is met.
QUERY: Final[dict[str, Any]] = {
    "max_execution_time": 60,
    "max_memory_usage": 4 * 1024**3,
    "max_result_rows": 5_000_000,
    "result_overflow_mode": "throw",
}

#: Settings of every statement of the embedded engine. It would compile each expression that it meets for the third
#: time, thresholds and all, at a tenth of a second each: more than it gains, over ten rows or half a million objects.
#: And it would merge the steps of a question that is made of a query in a query, one pair after another: that takes up
#: to half of what a question of a small run costs, and makes that of 200,000 predictions no faster.
EMBEDDED: Final[dict[str, Any]] = {
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
    "compile_sort_description": 0,
    "query_plan_merge_expressions": 0,
    "query_plan_remove_unused_columns": 0,
}
