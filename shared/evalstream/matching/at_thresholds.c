#include "../native/kernels.h"

typedef struct { Ints annotation, prediction, iou; } Extents;

/* evalstream.matching.at_thresholds.Groups */
typedef struct {
    Extents extents;
    Floats iou;
    Flags ignored, crowd;
    Floats annotation_area;
    Flags told;
    Floats prediction_area;
    Flags takes;
} Groups;

enum { FALSE_POSITIVE, TRUE_POSITIVE, IGNORED };

/* Room for the largest group. */
typedef struct { int64_t *order; bool *ignored, *taken; int64_t *match; } Desk;

static void clear(Desk *desk) { free(desk->order), free(desk->ignored), free(desk->taken), free(desk->match); }

static bool lay_out(Desk *desk, int64_t annotations, int64_t predictions, int64_t thresholds) {
    desk->order = ALLOCATE(annotations, int64_t);
    desk->ignored = ALLOCATE(annotations, bool);
    desk->taken = ALLOCATE(annotations, bool);
    desk->match = ALLOCATE(predictions * thresholds, int64_t);
    return desk->order && desk->ignored && desk->taken && desk->match;
}

static inline bool outside(double area, double low, double high) { return area < low || area > high; }

/* Say which annotations of a group are ignored, and put those that are not first; give how many those are. */
static int64_t in_order(const Groups *of, int64_t g, double low, double high, Desk *desk) {
    int64_t first = of->extents.annotation.at[g], size = of->extents.annotation.at[g + 1] - first, count = 0;
    for (int64_t a = 0; a < size; a++) {
        desk->ignored[a] = of->ignored.at[first + a] || outside(of->annotation_area.at[first + a], low, high);
        if (!desk->ignored[a]) desk->order[count++] = a;
    }
    int64_t regular = count;
    for (int64_t a = 0; a < size; a++)
        if (desk->ignored[a]) desk->order[count++] = a;
    return regular;
}

static void match(const Groups *of, int64_t g, Floats thresholds, double most_iou, Desk *desk) {
    int64_t first = of->extents.annotation.at[g], size = of->extents.annotation.at[g + 1] - first;
    int64_t begin = of->extents.prediction.at[g], count = of->extents.prediction.at[g + 1] - begin;
    const bool *crowd = &of->crowd.at[first], *ignored = desk->ignored;
    for (int64_t t = 0; t < thresholds.n; t++) {
        memset(desk->taken, 0, (size_t)size);
        for (int64_t p = 0; p < count; p++) {
            const double *iou = &of->iou.at[of->extents.iou.at[g] + p * size];
            double best = least(thresholds.at[t], most_iou);
            int64_t found = -1;
            for (int64_t i = 0; i < size; i++) {
                int64_t a = desk->order[i];
                if (desk->taken[a] && !crowd[a]) continue;
                if (found > -1 && !ignored[found] && ignored[a]) break;
                if (iou[a] < best) continue;
                best = iou[a];
                found = a;
            }
            desk->match[t * count + p] = found;
            if (found >= 0) desk->taken[found] = of->takes.at[begin + p];
        }
    }
}

KERNEL at_thresholds_match_group(const Groups *of, int64_t g, double low, double high, Floats thresholds,
                                 double most_iou, Ints *found) {
    __attribute__((cleanup(clear))) Desk desk = {NULL, NULL, NULL, NULL};
    int64_t annotations = of->extents.annotation.at[g + 1] - of->extents.annotation.at[g];
    int64_t predictions = of->extents.prediction.at[g + 1] - of->extents.prediction.at[g];
    if (!lay_out(&desk, annotations, predictions, thresholds.n)) return OUT_OF_MEMORY;
    in_order(of, g, low, high, &desk);
    match(of, g, thresholds, most_iou, &desk);
    found->at = desk.match, found->n = predictions * thresholds.n;
    desk.match = NULL;
    return 0;
}

KERNEL at_thresholds_match_at(const Groups *of, double low, double high, Floats thresholds, double most_iou,
                              Bytes *outcomes, Ints *annotations) {
    __attribute__((cleanup(clear))) Desk desk = {NULL, NULL, NULL, NULL};
    const Extents *extents = &of->extents;
    int64_t groups = extents->iou.n - 1, predictions = extents->prediction.at[groups];
    Ints ends = {extents->annotation.at + 1, groups}, stops = {extents->prediction.at + 1, groups};
    if (!lay_out(&desk, longest((Ints){extents->annotation.at, groups}, ends),
                 longest((Ints){extents->prediction.at, groups}, stops), thresholds.n))
        return OUT_OF_MEMORY;
    RETURN_ROOM(outcomes, thresholds.n * predictions);
    RETURN_ROOM(annotations, groups);
    for (int64_t g = 0; g < groups; g++) {
        int64_t first = extents->annotation.at[g], begin = extents->prediction.at[g];
        int64_t count = extents->prediction.at[g + 1] - begin;
        annotations->at[g] = in_order(of, g, low, high, &desk);
        if (!count) continue;
        match(of, g, thresholds, most_iou, &desk);
        for (int64_t t = 0; t < thresholds.n; t++) {
            for (int64_t p = 0; p < count; p++) {
                int64_t a = desk.match[t * count + p];
                bool told = a >= 0 && of->told.at[first + a];
                bool beyond = outside(of->prediction_area.at[begin + p], low, high);
                outcomes->at[t * predictions + begin + p] =
                    (a >= 0 && desk.ignored[a]) || (!told && beyond) ? IGNORED
                    : told                                            ? TRUE_POSITIVE
                                                                      : FALSE_POSITIVE;
            }
        }
    }
    return 0;
}
