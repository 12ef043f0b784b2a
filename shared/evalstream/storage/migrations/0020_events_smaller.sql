-- Compressed well from the first part on, and not only when parts have become large, which in a small store none is.
-- What merging has replaced is removed after half a minute instead of eight: until then a load takes its place twice.
-- The engine waits that long because what it has merged may not be on disk yet when the power fails, and events are
-- acknowledged. So what is merged is synced before; then nothing needs the parts that it was merged of but readers that
-- have begun, and for them they are kept anyhow.
ALTER TABLE events MODIFY SETTING default_compression_codec = 'ZSTD(3)',
    old_parts_lifetime = 30, min_rows_to_fsync_after_merge = 1
