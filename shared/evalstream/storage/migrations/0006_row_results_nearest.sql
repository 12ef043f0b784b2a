-- Of older tables alone.
-- Of each prediction, whatever the policy: the annotation of its own label that it overlaps most, and that of any other
-- label (positions from 0, -1 for none), and how much. Why a prediction is wrong is read off these.
ALTER TABLE row_results
    ADD COLUMN IF NOT EXISTS prediction_own       Array(Int32) AFTER prediction_rank,
    ADD COLUMN IF NOT EXISTS prediction_own_iou   Array(Float64) AFTER prediction_own,
    ADD COLUMN IF NOT EXISTS prediction_other     Array(Int32) AFTER prediction_own_iou,
    ADD COLUMN IF NOT EXISTS prediction_other_iou Array(Float64) AFTER prediction_other
