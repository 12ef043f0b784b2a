-- What could not be read, whole, with where it came from and why: nothing is dropped in silence.
CREATE TABLE dead_letters
(
    source      String,  -- a Kafka topic, or the route of an upload
    partition   Int32,   -- -1 for an upload
    position    UInt64,  -- the offset in the partition, or the line in the upload
    key         String,
    reason      String,
    payload     String,
    received_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (received_at, source, partition, position)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
