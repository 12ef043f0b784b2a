#include "../native/kernels.h"

static inline bool starts_after(const double *start, int64_t p, int64_t q) { return start[p] > start[q]; }
STABLE_SORT(sort_by_start, const double *, starts_after)

/* List the objects first : last of a type, by where they start. Gives how many, −1 without memory. */
static int64_t sorted(Codes types, int64_t code, int64_t first, int64_t last, Floats start, int64_t *found) {
    int64_t count = 0;
    for (int64_t i = first; i < last; i++)
        if (types.at[i] == code) found[count++] = i;
    return sort_by_start(found, count, start.at) ? count : -1;
}

/* Drop those of the first `count` spans that have ended; give how many are left, at the front. */
static int64_t still_open(int64_t *spans, int64_t count, Floats end, double at) {
    int64_t left = 0;
    for (int64_t k = 0; k < count; k++)
        if (end.at[spans[k]] > at) spans[left++] = spans[k];
    return left;
}

KERNEL span_overlapping(const Scenes *scenes, int64_t code, Floats start_p, Floats end_p, Floats start_a, Floats end_a,
                        Codes *prediction, Codes *annotation) {
    int64_t most_p = longest(scenes->prediction_start, scenes->prediction_end);
    int64_t most_a = longest(scenes->annotation_start, scenes->annotation_end);
    OWNED int64_t *ps = ALLOCATE(most_p, int64_t), *open_p = ALLOCATE(most_p, int64_t);
    OWNED int64_t *as = ALLOCATE(most_a, int64_t), *open_a = ALLOCATE(most_a, int64_t);
    if (!ps || !open_p || !as || !open_a) return OUT_OF_MEMORY;
    int64_t room = 0, other_room = 0, count = 0;
    for (int64_t scene = 0; scene < scenes->prediction_start.n; scene++) {
        int64_t n = sorted(scenes->prediction_type, code, scenes->prediction_start.at[scene],
                           scenes->prediction_end.at[scene], start_p, ps);
        int64_t m = sorted(scenes->annotation_type, code, scenes->annotation_start.at[scene],
                           scenes->annotation_end.at[scene], start_a, as);
        if (n < 0 || m < 0) return OUT_OF_MEMORY;
        int64_t count_p = 0, count_a = 0, i = 0, j = 0;
        while (i < n || j < m) {
            bool is_prediction = j == m || (i < n && start_p.at[ps[i]] <= start_a.at[as[j]]);
            int64_t own = is_prediction ? ps[i++] : as[j++], others;
            if (is_prediction) {
                others = count_a = still_open(open_a, count_a, end_a, start_p.at[own]);
                open_p[count_p++] = own;
            } else {
                others = count_p = still_open(open_p, count_p, end_p, start_a.at[own]);
                open_a[count_a++] = own;
            }
            for (int64_t k = 0; k < others; k++) {
                NEED(prediction->at, count, room);
                NEED(annotation->at, count, other_room);
                prediction->at[count] = (int32_t)(is_prediction ? own : open_p[k]);
                annotation->at[count] = (int32_t)(is_prediction ? open_a[k] : own);
                prediction->n = annotation->n = ++count;
            }
        }
    }
    return 0;
}
