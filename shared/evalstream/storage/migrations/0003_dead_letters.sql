-- What could not be read, whole, with where it came from and why: nothing is dropped in silence. The id is the place
-- it came from, so that a redelivered record replaces its own copy. What Kafka calls null (a key, a header's value, a
-- whole record) is NULL here too, for it is not the same as empty.
CREATE TABLE dead_letters
(
    id          String,  -- topic/partition/offset of a Kafka record, or the upload's own random name/line
    source      String,  -- a Kafka topic, or the route of an upload
    partition   Int32,   -- -1 for an upload
    position    UInt64,  -- the offset in the partition, or the line in the upload
    key         Nullable(String),
    headers     Map(String, Nullable(String)),
    data_row    String,  -- which data row it spoke of, if that much was legible
    reason      String,
    payload     Nullable(String),
    received_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
