-- Positions, ranks and flags are small numbers in wide columns: of 64 of them only the bits that differ are kept.
ALTER TABLE results
    MODIFY COLUMN prediction_rank               CODEC(T64, ZSTD(1)),
    MODIFY COLUMN prediction_own                CODEC(T64, ZSTD(1)),
    MODIFY COLUMN prediction_other              CODEC(T64, ZSTD(1)),
    MODIFY COLUMN `iou_greedy.prediction`       CODEC(T64, ZSTD(1)),
    MODIFY COLUMN `iou_greedy.annotation`       CODEC(T64, ZSTD(1)),
    MODIFY COLUMN `coco.prediction`             CODEC(T64, ZSTD(1)),
    MODIFY COLUMN `coco.annotation`             CODEC(T64, ZSTD(1)),
    MODIFY COLUMN `coco.ignored`                CODEC(T64, ZSTD(1)),
    MODIFY COLUMN `best_candidate.prediction`   CODEC(T64, ZSTD(1)),
    MODIFY COLUMN `best_candidate.annotation`   CODEC(T64, ZSTD(1))
