-- As in `events`: see 0023_events_hundredths.sql.
ALTER TABLE results
    ADD COLUMN IF NOT EXISTS annotation_hundredths Array(Array(Int32)) DEFAULT arrayMap(x -> emptyArrayInt32(), annotation_id)
        CODEC(T64, ZSTD(1)) AFTER annotation_geometry,
    ADD COLUMN IF NOT EXISTS prediction_hundredths Array(Array(Int32)) DEFAULT arrayMap(x -> emptyArrayInt32(), prediction_id)
        CODEC(T64, ZSTD(1)) AFTER prediction_geometry
