-- Where runs stand in a series of runs: the epoch of a training, for instance. Said again, the highest version counts.
CREATE TABLE run_steps
(
    dataset LowCardinality(String),
    run     String,
    version UInt64,
    step    Int64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (dataset, run)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
