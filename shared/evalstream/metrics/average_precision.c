#include "../native/kernels.h"

/* evalstream.metrics.average_precision.Rule */
typedef struct {
    Floats recalls;
    double spacing;
    bool stepwise, rounded;
} Rule;

/* Write the interpolated precision at each recall of the rule, 0 beyond the last; or the area under it all.
 * Entries of `out` are `step` apart. */
static void interpolate(double *recall_at, double *precision_at, int64_t points, const Rule *rule, double *out,
                        int64_t step) {
    for (int64_t i = points - 2; i >= 0; i--) precision_at[i] = greatest(precision_at[i], precision_at[i + 1]);
    if (!rule->recalls.n) {
        double area = 0.0, before = 0.0;
        for (int64_t i = 0; i < points; i++) {
            area += (recall_at[i] - before) * precision_at[i];
            before = recall_at[i];
        }
        *out = area;
        return;
    }
    if (rule->rounded)
        for (int64_t i = 0; i < points; i++) recall_at[i] = rint(recall_at[i] * 100) / 100;
    int64_t i = 0;
    for (int64_t j = 0; j < rule->recalls.n; j++) {
        while (i < points && recall_at[i] < rule->recalls.at[j]) i++;
        out[j * step] = i < points ? precision_at[i] : 0.0;
    }
}

static bool undefined(Floats *out, int64_t count) {
    out->at = ALLOCATE(count, double), out->n = count;
    for (int64_t i = 0; out->at && i < count; i++) out->at[i] = NAN;
    return out->at;
}

static inline int64_t most_points(Ints start) {
    return longest((Ints){start.at, start.n - 1}, (Ints){start.at + 1, start.n - 1});
}

KERNEL average_precision_average_detections(Ints start, Bits correct, Bits ignored, Floats confidence,
                                            Ints annotations, int64_t thresholds, const Rule *rule, Floats *precision,
                                            Floats *final) {
    int64_t classes = annotations.n, recalls = rule->recalls.n > 0 ? rule->recalls.n : 1;
    int64_t room = most_points(start) + 1;
    OWNED int64_t *seen_at = ALLOCATE(room, int64_t);  /* detections counted when the n-th true positive came */
    OWNED double *recall_at = ALLOCATE(room, double), *precision_at = ALLOCATE(room, double);
    if (!seen_at || !recall_at || !precision_at) return OUT_OF_MEMORY;
    if (!undefined(precision, thresholds * recalls * classes) || !undefined(final, thresholds * classes))
        return OUT_OF_MEMORY;
    for (int64_t k = 0; k < classes; k++) {
        if (!annotations.at[k]) continue;
        double all = (double)annotations.at[k];
        for (int64_t t = 0; t < thresholds; t++) {
            uint32_t bit = UINT32_C(1) << t;
            double *out = &precision->at[t * recalls * classes + k];
            int64_t tp = 0, seen = 0;
            if (rule->stepwise) {
                double area = 0.0, recall = 0.0;
                for (int64_t i = start.at[k]; i < start.at[k + 1]; i++) {
                    if (!(ignored.at[i] & bit)) {
                        seen++;
                        tp += (correct.at[i] & bit) != 0;
                    }
                    bool last = i + 1 == start.at[k + 1] || confidence.at[i + 1] != confidence.at[i];
                    if (last && seen > 0) {
                        area += ((double)tp / all - recall) * ((double)tp / (double)seen);
                        recall = (double)tp / all;
                    }
                }
                *out = area;
                final->at[t * classes + k] = recall;
                continue;
            }
            for (int64_t i = start.at[k]; i < start.at[k + 1]; i++) {
                /* Without a branch, for which way it goes cannot be foretold. */
                uint32_t counts = ~ignored.at[i] >> t & 1;
                seen += counts;
                seen_at[tp] = seen;
                tp += counts & correct.at[i] >> t;
            }
            /* Of points with one recall the first, a true positive, has the best precision: the others change nothing. */
            seen_at[tp] = seen + 1;
            for (int64_t n = 0; n < tp; n++) {
                recall_at[n] = (double)(n + 1) / all;
                double counted = rule->rounded ? (double)(seen_at[n + 1] - 1) : (double)seen_at[n] + rule->spacing;
                precision_at[n] = (double)(n + 1) / counted;
            }
            interpolate(recall_at, precision_at, tp, rule, out, classes);
            final->at[t * classes + k] = (double)tp / all;
        }
    }
    return 0;
}

static inline bool is_beyond(const double *recall, int64_t p, int64_t q) { return recall[p] > recall[q]; }
STABLE_SORT(sort_by_recall, const double *, is_beyond)

KERNEL average_precision_average_changes(Ints start, Ints delta_tp, Ints counted, Flags is_point, Ints annotations,
                                         const Rule *rule, Floats *precision, Floats *final) {
    int64_t classes = annotations.n, recalls = rule->recalls.n > 0 ? rule->recalls.n : 1, room = most_points(start);
    OWNED double *recall_at = ALLOCATE(room, double), *precision_at = ALLOCATE(room, double);
    OWNED double *recall_of = ALLOCATE(room, double), *precision_of = ALLOCATE(room, double);
    OWNED int64_t *order = ALLOCATE(room, int64_t);
    if (!recall_at || !precision_at || !recall_of || !precision_of || !order) return OUT_OF_MEMORY;
    if (!undefined(precision, recalls * classes) || !undefined(final, classes)) return OUT_OF_MEMORY;
    for (int64_t k = 0; k < classes; k++) {
        if (!annotations.at[k]) continue;
        double all = (double)annotations.at[k];
        int64_t points = 0, tp = 0, seen = 0;
        for (int64_t i = start.at[k]; i < start.at[k + 1]; i++) {
            tp += delta_tp.at[i];
            seen += counted.at[i];
            if (!is_point.at[i] || seen <= 0) continue;
            recall_at[points] = (double)tp / all;
            precision_at[points++] = (double)tp / ((double)seen + rule->spacing);
        }
        if (rule->stepwise) {
            double area = 0.0, recall = 0.0;
            for (int64_t i = 0; i < points; i++) {
                area += (recall_at[i] - recall) * precision_at[i];
                recall = recall_at[i];
            }
            precision->at[k] = area;
        } else {
            for (int64_t i = 0; i < points; i++) order[i] = i;
            if (!sort_by_recall(order, points, recall_at)) return OUT_OF_MEMORY;
            for (int64_t i = 0; i < points; i++) {
                recall_of[i] = recall_at[order[i]];
                precision_of[i] = precision_at[order[i]];
            }
            interpolate(recall_of, precision_of, points, rule, &precision->at[k], classes);
        }
        final->at[k] = (double)tp / all;
    }
    return 0;
}
