-- The same of results: see 0020_events_smaller.sql. They could be made anew, but a part that is half on disk would first
-- have to be noticed.
ALTER TABLE results MODIFY SETTING default_compression_codec = 'ZSTD(3)',
    old_parts_lifetime = 30, min_rows_to_fsync_after_merge = 1
