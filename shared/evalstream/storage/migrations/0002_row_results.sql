-- Of older tables alone.
-- What a policy makes of one data row of one run: its objects, and the match rectangles between them, as parallel
-- arrays. One row, so that a data row is replaced at once and whole. The version is the number of events folded in:
-- a result that has seen more replaces one that has seen less, whoever writes last.
CREATE TABLE row_results
(
    dataset               LowCardinality(String),
    run                   LowCardinality(String),
    policy                LowCardinality(String),
    data_row              String,
    version               UInt64,
    is_deleted            UInt8 DEFAULT 0,
    error                 String,
    split                 LowCardinality(String),
    width                 UInt32,
    height                UInt32,
    media_url             String,
    metadata              Map(LowCardinality(String), String),
    annotation_id         Array(String),
    annotation_type       Array(LowCardinality(String)),
    annotation_feature    Array(LowCardinality(String)),
    annotation_label      Array(LowCardinality(String)),
    annotation_area       Array(Float64),
    annotation_crowd      Array(UInt8),
    annotation_geometry   Array(Array(Float64)),
    prediction_id         Array(String),
    prediction_type       Array(LowCardinality(String)),
    prediction_feature    Array(LowCardinality(String)),
    prediction_label      Array(LowCardinality(String)),
    prediction_confidence Array(Float64),
    prediction_area       Array(Float64),
    prediction_rank       Array(UInt32),
    prediction_geometry   Array(Array(Float64)),
    -- one entry a rectangle; prediction and annotation are positions, from 0, in the arrays above
    match_prediction         Array(UInt32),
    match_annotation         Array(UInt32),
    match_type               Array(LowCardinality(String)),
    match_predicted_feature  Array(LowCardinality(String)),
    match_actual_feature     Array(LowCardinality(String)),
    match_predicted          Array(LowCardinality(String)),
    match_actual             Array(LowCardinality(String)),
    match_iou                Array(Float64),
    match_confidence_low     Array(Float64),
    match_confidence_high    Array(Float64),
    match_iou_low            Array(Float64),
    match_iou_high           Array(Float64),
    match_area_range         Array(UInt8),
    match_ignored            Array(UInt8)
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (dataset, run, policy, data_row)
