-- Of older tables alone.
-- The same of results, and what was measured of objects and pairs beside their overlap. A measure has one entry in each
-- of the measure columns: of an object, a pair (positions from 0, -1 for none) or a pair of labels; it holds at
-- confidence thresholds up to its confidence. What its values mean depends on its name.
ALTER TABLE row_results
    ADD COLUMN IF NOT EXISTS coordinates            LowCardinality(String) AFTER height,
    ADD COLUMN IF NOT EXISTS text                   String AFTER media_url,
    ADD COLUMN IF NOT EXISTS annotation_parent      Array(Int32) DEFAULT arrayMap(x -> toInt32(-1), annotation_id)
        AFTER annotation_geometry,
    ADD COLUMN IF NOT EXISTS annotation_detail      Array(String) DEFAULT arrayMap(x -> '', annotation_id) AFTER annotation_parent,
    ADD COLUMN IF NOT EXISTS prediction_parent      Array(Int32) DEFAULT arrayMap(x -> toInt32(-1), prediction_id)
        AFTER prediction_geometry,
    ADD COLUMN IF NOT EXISTS prediction_detail      Array(String) DEFAULT arrayMap(x -> '', prediction_id) AFTER prediction_parent,
    ADD COLUMN IF NOT EXISTS prediction_score_label Array(Array(String)) DEFAULT arrayMap(x -> emptyArrayString(), prediction_id)
        AFTER prediction_detail,
    ADD COLUMN IF NOT EXISTS prediction_score       Array(Array(Float64)) DEFAULT arrayMap(x -> emptyArrayFloat64(), prediction_id)
        AFTER prediction_score_label,
    ADD COLUMN IF NOT EXISTS measure_name           Array(LowCardinality(String)),
    ADD COLUMN IF NOT EXISTS measure_actual         Array(LowCardinality(String)),
    ADD COLUMN IF NOT EXISTS measure_predicted      Array(LowCardinality(String)),
    ADD COLUMN IF NOT EXISTS measure_annotation     Array(Int32),
    ADD COLUMN IF NOT EXISTS measure_prediction     Array(Int32),
    ADD COLUMN IF NOT EXISTS measure_confidence     Array(Float64),
    ADD COLUMN IF NOT EXISTS measure_value          Array(Array(Float64))
