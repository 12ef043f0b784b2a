-- Boxes of two decimals as whole numbers: an entry for every object, empty where its numbers are in the column before.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS object_hundredths Array(Array(Int32)) DEFAULT arrayMap(x -> emptyArrayInt32(), object_id)
        CODEC(T64, ZSTD(1)) AFTER object_geometry
