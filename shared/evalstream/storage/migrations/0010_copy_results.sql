-- Of older tables alone.
-- What is in the table that held a row for each policy, with the objects in each of them, into the one that has them once.
-- Policies that have seen different events make rows of different versions, of which the highest stays; what its
-- `policies` do not name has yet to be matched, and so has what an older evalstream stored less of (`prediction_own`).
INSERT INTO results (
    dataset, run, data_row, version, policies, error, split, width, height, coordinates, media_url, text, metadata,
    annotation_id, annotation_type, annotation_feature, annotation_label, annotation_area, annotation_crowd,
    annotation_geometry, annotation_parent, annotation_detail, prediction_id, prediction_type, prediction_feature,
    prediction_label, prediction_area, prediction_confidence, prediction_rank, prediction_own, prediction_own_iou,
    prediction_other, prediction_other_iou, prediction_geometry, prediction_parent, prediction_detail,
    prediction_score_label, prediction_score, measure_name, measure_actual, measure_predicted, measure_annotation,
    measure_prediction, measure_confidence, measure_value,
    `iou_greedy.prediction`, `iou_greedy.annotation`, `iou_greedy.type`, `iou_greedy.predicted_feature`,
    `iou_greedy.actual_feature`, `iou_greedy.predicted`, `iou_greedy.actual`, `iou_greedy.iou`,
    `iou_greedy.confidence_low`, `iou_greedy.confidence_high`, `iou_greedy.iou_low`, `iou_greedy.iou_high`,
    `iou_greedy.area_range`, `iou_greedy.ignored`,
    `coco.prediction`, `coco.annotation`, `coco.type`, `coco.predicted_feature`, `coco.actual_feature`,
    `coco.predicted`, `coco.actual`, `coco.iou`, `coco.confidence_low`, `coco.confidence_high`, `coco.iou_low`,
    `coco.iou_high`, `coco.area_range`, `coco.ignored`,
    `best_candidate.prediction`, `best_candidate.annotation`, `best_candidate.type`,
    `best_candidate.predicted_feature`, `best_candidate.actual_feature`, `best_candidate.predicted`,
    `best_candidate.actual`, `best_candidate.iou`, `best_candidate.confidence_low`, `best_candidate.confidence_high`,
    `best_candidate.iou_low`, `best_candidate.iou_high`, `best_candidate.area_range`, `best_candidate.ignored`
)
SELECT
    dataset, run, data_row, version, arraySort(groupArray(policy)), max(error), any(split), any(width), any(height),
    any(coordinates), any(media_url), any(text), any(metadata), any(annotation_id), any(annotation_type),
    any(annotation_feature), any(annotation_label), any(annotation_area), any(annotation_crowd),
    any(annotation_geometry), any(annotation_parent), any(annotation_detail), any(prediction_id),
    any(prediction_type), any(prediction_feature), any(prediction_label), any(prediction_area),
    any(prediction_confidence), any(prediction_rank), any(prediction_own), any(prediction_own_iou),
    any(prediction_other), any(prediction_other_iou), any(prediction_geometry), any(prediction_parent),
    any(prediction_detail), any(prediction_score_label), any(prediction_score), any(measure_name),
    any(measure_actual), any(measure_predicted), any(measure_annotation), any(measure_prediction),
    any(measure_confidence), any(measure_value),
    anyIf(match_prediction, policy = 'iou-greedy'), anyIf(match_annotation, policy = 'iou-greedy'),
    anyIf(match_type, policy = 'iou-greedy'), anyIf(match_predicted_feature, policy = 'iou-greedy'),
    anyIf(match_actual_feature, policy = 'iou-greedy'), anyIf(match_predicted, policy = 'iou-greedy'),
    anyIf(match_actual, policy = 'iou-greedy'), anyIf(match_iou, policy = 'iou-greedy'),
    anyIf(match_confidence_low, policy = 'iou-greedy'), anyIf(match_confidence_high, policy = 'iou-greedy'),
    anyIf(match_iou_low, policy = 'iou-greedy'), anyIf(match_iou_high, policy = 'iou-greedy'),
    anyIf(match_area_range, policy = 'iou-greedy'), anyIf(match_ignored, policy = 'iou-greedy'),
    anyIf(match_prediction, policy = 'coco'), anyIf(match_annotation, policy = 'coco'),
    anyIf(match_type, policy = 'coco'), anyIf(match_predicted_feature, policy = 'coco'),
    anyIf(match_actual_feature, policy = 'coco'), anyIf(match_predicted, policy = 'coco'),
    anyIf(match_actual, policy = 'coco'), anyIf(match_iou, policy = 'coco'),
    anyIf(match_confidence_low, policy = 'coco'), anyIf(match_confidence_high, policy = 'coco'),
    anyIf(match_iou_low, policy = 'coco'), anyIf(match_iou_high, policy = 'coco'),
    anyIf(match_area_range, policy = 'coco'), anyIf(match_ignored, policy = 'coco'),
    anyIf(match_prediction, policy = 'best-candidate'), anyIf(match_annotation, policy = 'best-candidate'),
    anyIf(match_type, policy = 'best-candidate'), anyIf(match_predicted_feature, policy = 'best-candidate'),
    anyIf(match_actual_feature, policy = 'best-candidate'), anyIf(match_predicted, policy = 'best-candidate'),
    anyIf(match_actual, policy = 'best-candidate'), anyIf(match_iou, policy = 'best-candidate'),
    anyIf(match_confidence_low, policy = 'best-candidate'), anyIf(match_confidence_high, policy = 'best-candidate'),
    anyIf(match_iou_low, policy = 'best-candidate'), anyIf(match_iou_high, policy = 'best-candidate'),
    anyIf(match_area_range, policy = 'best-candidate'), anyIf(match_ignored, policy = 'best-candidate')
FROM row_results FINAL
GROUP BY dataset, run, data_row, version
HAVING min(length(prediction_own) = length(prediction_id))
-- However large the table: beyond these bytes groups wait on disk.
SETTINGS max_bytes_before_external_group_by = 1000000000, max_bytes_ratio_before_external_group_by = 0
