-- Every event that was accepted, once: the key is the event itself, so that a redelivered one replaces its own copy.
-- Annotations have an empty run, which brings a data row's annotations and every run's predictions into one range.
CREATE TABLE events
(
    dataset           LowCardinality(String),
    data_row          String,
    run               LowCardinality(String),
    version           UInt64,
    event_id          String,
    operation         LowCardinality(String),
    split             LowCardinality(String),
    width             UInt32,
    height            UInt32,
    media_url         String,
    metadata          Map(LowCardinality(String), String),
    deleted_id        Array(String),
    object_id         Array(String),
    object_type       Array(LowCardinality(String)),
    object_feature    Array(LowCardinality(String)),
    object_label      Array(LowCardinality(String)),
    object_confidence Array(Float64),
    object_area       Array(Float64),
    object_crowd      Array(UInt8),
    object_geometry   Array(Array(Float64)),
    received_at       DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (dataset, data_row, run, version, event_id)
-- An acknowledged event survives the machine, not just the process.
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
