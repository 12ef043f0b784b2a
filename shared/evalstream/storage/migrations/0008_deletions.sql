-- Tombstones: what was deleted, and up to which version. An empty run or data row means every one. An event or declaration
-- of at most that version is dead, whenever it arrives; a newer one lives. Nothing leaves this table, for how many
-- tombstones cover a data row of a run is part of the version of its results.
CREATE TABLE deletions
(
    dataset    LowCardinality(String),
    run        LowCardinality(String),
    data_row   String,
    version    UInt64,
    floor      UInt64 DEFAULT version + 1,  -- what lives has at least this version
    deleted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (dataset, run, data_row, version)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
