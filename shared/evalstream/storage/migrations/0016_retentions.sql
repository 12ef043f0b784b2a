-- How long datasets keep what, as it was said last. 0 days, or runs: no bound.
CREATE TABLE retentions
(
    dataset LowCardinality(String),
    version UInt64,
    days    Float64,
    runs    UInt32,
    set_at  DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
ORDER BY dataset
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
