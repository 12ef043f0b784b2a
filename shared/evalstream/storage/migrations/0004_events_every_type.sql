-- What objects of every annotation type need beside numbers: which object each one is nested in (how many entries
-- before it its parent stands, 0 for none), what numbers alone cannot say, and the scores of all options. Lists run
-- parallel: events from before have one entry an object too.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS coordinates        LowCardinality(String) AFTER height,
    ADD COLUMN IF NOT EXISTS text               String AFTER media_url,
    ADD COLUMN IF NOT EXISTS object_parent      Array(UInt32) DEFAULT arrayMap(x -> toUInt32(0), object_id) AFTER object_geometry,
    ADD COLUMN IF NOT EXISTS object_detail      Array(String) DEFAULT arrayMap(x -> '', object_id) AFTER object_parent,
    ADD COLUMN IF NOT EXISTS object_score_label Array(Array(String)) DEFAULT arrayMap(x -> emptyArrayString(), object_id)
        AFTER object_detail,
    ADD COLUMN IF NOT EXISTS object_score       Array(Array(Float64)) DEFAULT arrayMap(x -> emptyArrayFloat64(), object_id)
        AFTER object_score_label
