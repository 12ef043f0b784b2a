-- As in `events`, in every column that holds labels.
ALTER TABLE row_results
    UPDATE
        annotation_label = arrayMap((feature, label) -> if(label = feature OR startsWith(label, concat(feature, '=')),
        concat(replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\='), substring(label, length(feature) + 1)), label),
        annotation_feature, annotation_label),
        prediction_label = arrayMap((feature, label) -> if(label = feature OR startsWith(label, concat(feature, '=')),
        concat(replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\='), substring(label, length(feature) + 1)), label),
        prediction_feature, prediction_label),
        match_actual = arrayMap((feature, label) -> if(label = feature OR startsWith(label, concat(feature, '=')),
        concat(replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\='), substring(label, length(feature) + 1)), label),
        match_actual_feature, match_actual),
        match_predicted = arrayMap((feature, label) -> if(label = feature OR startsWith(label, concat(feature, '=')),
        concat(replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\='), substring(label, length(feature) + 1)), label),
        match_predicted_feature, match_predicted)
    WHERE arrayExists(feature -> position(feature, '=') > 0 OR position(feature, '\\') > 0, annotation_feature)
        OR arrayExists(feature -> position(feature, '=') > 0 OR position(feature, '\\') > 0, prediction_feature)
    SETTINGS mutations_sync = 2
