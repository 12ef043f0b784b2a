-- Of older tables alone.
-- As in `events`, in every column that holds labels.
ALTER TABLE results
    UPDATE
        annotation_label = arrayMap((feature, label) -> if(label = feature OR startsWith(label, concat(feature, '=')),
            concat(replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\='), substring(label, length(feature) + 1)), label),
            annotation_feature, annotation_label),
        prediction_label = arrayMap((feature, label) -> if(label = feature OR startsWith(label, concat(feature, '=')),
            concat(replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\='), substring(label, length(feature) + 1)), label),
            prediction_feature, prediction_label),
        `iou_greedy.actual` = arrayMap((feature, label) -> if(label = feature OR startsWith(label, concat(feature, '=')),
            concat(replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\='), substring(label, length(feature) + 1)), label),
            `iou_greedy.actual_feature`, `iou_greedy.actual`),
        `iou_greedy.predicted` = arrayMap((feature, label) -> if(label = feature OR startsWith(label, concat(feature, '=')),
            concat(replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\='), substring(label, length(feature) + 1)), label),
            `iou_greedy.predicted_feature`, `iou_greedy.predicted`),
        `coco.actual` = arrayMap((feature, label) -> if(label = feature OR startsWith(label, concat(feature, '=')),
            concat(replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\='), substring(label, length(feature) + 1)), label),
            `coco.actual_feature`, `coco.actual`),
        `coco.predicted` = arrayMap((feature, label) -> if(label = feature OR startsWith(label, concat(feature, '=')),
            concat(replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\='), substring(label, length(feature) + 1)), label),
            `coco.predicted_feature`, `coco.predicted`),
        `best_candidate.actual` = arrayMap((feature, label) -> if(label = feature OR startsWith(label, concat(feature, '=')),
            concat(replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\='), substring(label, length(feature) + 1)), label),
            `best_candidate.actual_feature`, `best_candidate.actual`),
        `best_candidate.predicted` = arrayMap((feature, label) -> if(label = feature OR startsWith(label, concat(feature, '=')),
            concat(replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\='), substring(label, length(feature) + 1)), label),
            `best_candidate.predicted_feature`, `best_candidate.predicted`)
    WHERE arrayExists(feature -> position(feature, '=') > 0 OR position(feature, '\\') > 0, annotation_feature)
        OR arrayExists(feature -> position(feature, '=') > 0 OR position(feature, '\\') > 0, prediction_feature)
    SETTINGS mutations_sync = 2
