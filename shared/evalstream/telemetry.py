"""Every metric, once, with what it tells you. All names begin with ``evalstream_``; times are in seconds."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

# What came in, and what became of it. `outcome`: accepted, rejected. A rising share of rejected is a producer's bug.
EVENTS = Counter("evalstream_events_total", "Events read, by kind and outcome.", ["kind", "outcome"])

# Records put aside because they could not be read. Any increase deserves a look at `evalstream dead-letters list`.
DEAD_LETTERS = Counter("evalstream_dead_letters_total", "Records kept as dead letters, by source.", ["source"])

# How much each stage takes on at a time: many small batches mean that overhead dominates.
BATCH_SIZE = Histogram(
    "evalstream_batch_records",
    "Records a batch, by stage.",
    ["stage"],
    buckets=(1, 3, 10, 30, 100, 300, 1000, 3000, 10000),
)

# How long each stage takes for a batch, storage included: where the time goes.
BATCH_SECONDS = Histogram("evalstream_batch_seconds", "Time for a batch, by stage.", ["stage"], buckets=_FAST)

# How long ClickHouse takes to put a batch on disk, by table: when this grows, everything behind it waits.
INSERT_SECONDS = Histogram("evalstream_insert_seconds", "Time of an insert, by table.", ["table"], buckets=_FAST)

# The one that matters to users: from the moment an event was accepted until every question reflects it.
FRESHNESS = Histogram(
    "evalstream_freshness_seconds",
    "From event accepted to queryable.",
    buckets=(0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300),
)

# How far a consumer is behind the end of its partitions. Growing without end: too few consumers, or a stuck one.
LAG = Gauge(
    "evalstream_consumer_lag_records", "Records not yet handled, by topic and partition.", ["topic", "partition"]
)

# Attempts that failed and were made again: storage or broker trouble, before it becomes an outage.
RETRIES = Counter("evalstream_retries_total", "Attempts repeated after a failure, by stage.", ["stage"])

# Commits refused after a rebalance. The records come again, to whoever owns the partition now; a few are normal.
COMMITS_REFUSED = Counter("evalstream_commits_refused_total", "Offset commits refused after a rebalance.")

# When this process last finished a batch; with lag above 0 and this standing still, it is stuck.
LAST_BATCH = Gauge("evalstream_last_batch_timestamp_seconds", "When the last batch was finished.", ["stage"])

# Whether the process may be sent work: partitions assigned, and nothing in hand for too long.
READY = Gauge("evalstream_ready", "1 if the service is ready.")

# Rows whose numbers do not reflect all events yet, and rows that could not be matched, for each run.
ROWS_PENDING = Gauge("evalstream_rows_pending", "Data rows not up to date.", ["dataset", "run"])
ROWS_FAILED = Gauge("evalstream_rows_failed", "Data rows that could not be matched.", ["dataset", "run"])

# How good each run is, at the default thresholds (confidence 0, IoU 0.5, policy iou-greedy): model quality over time.
QUALITY = Gauge("evalstream_run_score", "Precision, recall and F1 of each run.", ["dataset", "run", "score"])

# Requests turned away with 429, by what they were: questions, progress, changes. A few in a burst are normal; if they
# do not end, the service is too small, or somebody asks too much.
SHED = Counter("evalstream_requests_shed_total", "Requests turned away for load, by kind.", ["kind"])

# Questions that were answered by another one's computation, for they were equal and asked at the same time.
JOINED = Counter("evalstream_questions_joined_total", "Questions answered together with an equal one.")

# Questions from users, by route and status; their time is what an analyst waits.
QUESTIONS = Histogram(
    "evalstream_http_request_seconds",
    "Time to answer, by route, method and status.",
    ["route", "method", "status"],
    buckets=_FAST,
)
