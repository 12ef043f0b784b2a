#include "../native/kernels.h"

enum { FALSE_POSITIVE, TRUE_POSITIVE, IGNORED };

/* The first of ascending values that is not below a number. */
static int64_t first_from(const double *values, int64_t n, double number) {
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (values[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool filled(Floats *out, int64_t count) {
    out->at = ALLOCATE(count, double), out->n = count;
    for (int64_t i = 0; out->at && i < count; i++) out->at[i] = -1.0;
    return out->at;
}

KERNEL curves_curves(Ints start, Bytes outcomes, Ints rank, Floats score, Ints annotations, Floats recalls, Ints most,
                     double spacing, int64_t thresholds, Floats *precision, Floats *final, Floats *scores) {
    int64_t classes = annotations.n, detections = rank.n, numbers = most.n;
    int64_t room = longest((Ints){start.at, classes}, (Ints){start.at + 1, classes});
    OWNED double *precision_at = ALLOCATE(room, double), *recall_at = ALLOCATE(room, double);
    OWNED double *score_at = ALLOCATE(room, double);
    if (!precision_at || !recall_at || !score_at) return OUT_OF_MEMORY;
    if (!filled(precision, thresholds * recalls.n * classes * numbers) || !filled(final, thresholds * classes * numbers)
        || !filled(scores, thresholds * recalls.n * classes * numbers))
        return OUT_OF_MEMORY;
    for (int64_t k = 0; k < classes; k++) {
        if (!annotations.at[k]) continue;
        for (int64_t m = 0; m < numbers; m++) {
            for (int64_t t = 0; t < thresholds; t++) {
                /* Points after a true positive: at others precision is lower than before, and recall no higher. */
                int64_t tp = 0, seen = 0, some = 0;
                double top = 0.0;
                const uint8_t *outcome = &outcomes.at[t * detections];
                for (int64_t i = start.at[k]; i < start.at[k + 1]; i++) {
                    if (rank.at[i] >= most.at[m]) continue;
                    if (!some++) top = score.at[i];
                    if (outcome[i] == IGNORED) continue;
                    seen++;
                    if (outcome[i] != TRUE_POSITIVE) continue;
                    recall_at[tp] = (double)(tp + 1) / (double)annotations.at[k];
                    precision_at[tp] = (double)(tp + 1) / ((double)seen + spacing);
                    score_at[tp++] = score.at[i];
                }
                for (int64_t i = tp - 2; i >= 0; i--) precision_at[i] = greatest(precision_at[i], precision_at[i + 1]);
                final->at[(t * classes + k) * numbers + m] = (double)tp / (double)annotations.at[k];
                bool reached = true;
                for (int64_t j = 0; j < recalls.n; j++) {
                    int64_t at = ((t * recalls.n + j) * classes + k) * numbers + m;
                    precision->at[at] = scores->at[at] = 0.0;
                    if (!reached) continue;
                    if (recalls.at[j] <= 0 && some > 0) {  /* reached before anything is found */
                        precision->at[at] = tp > 0 ? precision_at[0] : 0.0;
                        scores->at[at] = top;
                        continue;
                    }
                    int64_t point = first_from(recall_at, tp, recalls.at[j]);
                    reached = point < tp;  /* pycocotools gives up at the first recall that is not reached */
                    if (reached) precision->at[at] = precision_at[point], scores->at[at] = score_at[point];
                }
            }
        }
    }
    return 0;
}
