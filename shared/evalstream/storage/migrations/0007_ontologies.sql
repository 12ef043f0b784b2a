-- What was declared of datasets: every revision, whole. The one with the highest version, then id, is in force. The id
-- is a hash of the content, so that a declaration sent twice is one. Beside the document itself stand, for questions
-- that roll classes up, each declared class and its ancestors, from the top of the hierarchy down to the class.
CREATE TABLE ontologies
(
    dataset       LowCardinality(String),
    version       UInt64,
    id            String,
    document      String CODEC(ZSTD),
    class_name    Array(String),
    class_lineage Array(Array(String)) CODEC(ZSTD),
    received_at   DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (dataset, version, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
