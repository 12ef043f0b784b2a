#include "order.h"

/* evalstream.matching.coco._Rules: area ranges, and how many predictions of a class count in a scene. */
typedef struct {
    Floats area_low, area_high;
    int64_t most, most_skeletons, skeleton, types;
} Rules;

/* A piece of the threshold axis: low < t <= high. Pieces of one list do not overlap. */
typedef struct { double low, high; } Piece;
typedef struct { Piece *at; int64_t n, room; } Pieces;

static void drop(Pieces *pieces) { free(pieces->at); }
#define PIECES __attribute__((cleanup(drop))) Pieces

static bool append(Pieces *pieces, double low, double high) {
    if (pieces->n >= pieces->room && !grown((void **)&pieces->at, &pieces->room, sizeof(Piece))) return false;
    pieces->at[pieces->n++] = (Piece){low, high};
    return true;
}

/* Take low < t <= high out of pieces. */
static bool cut(Pieces *pieces, double low, double high) {
    int64_t kept = 0, count = pieces->n;
    bool split = false;
    double split_end = high;
    for (int64_t i = 0; i < count; i++) {
        Piece own = pieces->at[i];
        if (own.high <= low || own.low >= high) {
            pieces->at[kept++] = own;
            continue;
        }
        if (own.low < low) pieces->at[kept++] = (Piece){own.low, low};
        if (high < own.high) {
            if (own.low < low)  /* only one piece can have both ends left, for they do not overlap */
                split = true, split_end = own.high;
            else
                pieces->at[kept++] = (Piece){high, own.high};
        }
    }
    pieces->n = kept;
    return !split || append(pieces, high, split_end);
}

/* The pairs of equal class; of each prediction by decreasing IoU, of equal ones the last annotation first. */
typedef struct { int64_t *start; int32_t *annotation; double *iou; } Candidates;

static void forget(Candidates *own) { free(own->start), free(own->annotation), free(own->iou); }

static bool candidates(const Scenes *scenes, const Pairs *pairs, Candidates *found) {
    int64_t predictions = pairs->start.n - 1, count = 0;
    found->start = ALLOCATE(predictions + 1, int64_t);
    found->annotation = ALLOCATE(pairs->iou.n, int32_t);
    found->iou = ALLOCATE(pairs->iou.n, double);
    if (!found->start || !found->annotation || !found->iou) return false;
    int64_t most = longest((Ints){pairs->start.at, predictions}, (Ints){pairs->start.at + 1, predictions});
    OWNED int64_t *order = ALLOCATE(most, int64_t);
    if (!order) return false;
    for (int64_t p = 0; p < predictions; p++) {
        int64_t some = 0;
        found->start[p] = count;
        /* Backwards: a stable sort keeps the last first. */
        for (int64_t k = pairs->start.at[p + 1] - 1; k >= pairs->start.at[p]; k--)
            if (scenes->annotation_feature.at[pairs->annotation.at[k]] == scenes->prediction_feature.at[p])
                order[some++] = k;
        if (!sort_by_iou(order, some, pairs->iou.at)) return false;
        for (int64_t i = 0; i < some; i++, count++) {
            found->annotation[count] = pairs->annotation.at[order[i]];
            found->iou[count] = pairs->iou.at[order[i]];
        }
    }
    found->start[predictions] = count;
    return true;
}

static inline bool within(const Rules *rules, int64_t range, double area) {
    return rules->area_low.at[range] <= area && area <= rules->area_high.at[range];
}

/* Whether anything of a prediction's class counts in each area range: if not, it is ignored there anyway.
 * A bit a range; of the positions in `order`. */
static void concerned(const Scenes *scenes, const Rules *rules, const int64_t *order, uint8_t *ranges) {
    const int32_t *feature = scenes->prediction_feature.at;
    for (int64_t scene = 0; scene < scenes->prediction_start.n; scene++) {
        int64_t begin = scenes->prediction_start.at[scene], end = scenes->prediction_end.at[scene], stop;
        for (; begin < end; begin = stop) {
            int32_t own = feature[order[begin]];
            uint8_t some = 1;
            for (stop = begin; stop < end && feature[order[stop]] == own; stop++)
                for (int64_t r = 1; r < rules->area_low.n; r++)
                    some |= (uint8_t)(within(rules, r, scenes->prediction_area.at[order[stop]]) << r);
            for (int64_t a = scenes->annotation_start.at[scene]; a < scenes->annotation_end.at[scene]; a++) {
                if (scenes->annotation_feature.at[a] != own || scenes->annotation_crowd.at[a]) continue;
                for (int64_t r = 1; r < rules->area_low.n; r++)
                    some |= (uint8_t)(within(rules, r, scenes->annotation_area.at[a]) << r);
            }
            memset(&ranges[begin], some, (size_t)(stop - begin));
        }
    }
}

KERNEL coco_match_coco(const Scenes *scenes, const Pairs *pairs, const Rules *rules, Rectangles *out) {
    int64_t predictions = scenes->prediction_feature.n, room = 0, earlier_room = 0;
    int64_t widest = longest(scenes->annotation_start, scenes->annotation_end);
    const double *confidence = scenes->prediction_confidence.at;
    const bool *crowd = scenes->annotation_crowd.at, *single = scenes->annotation_difficult.at;
    OWNED int64_t *order = ALLOCATE(predictions, int64_t), *rank = ALLOCATE(predictions, int64_t);
    OWNED int64_t *seen = ALLOCATE(rules->types + 1, int64_t);
    OWNED uint8_t *ranges = ALLOCATE(predictions, uint8_t);
    OWNED double *taken = ALLOCATE(widest, double);  /* T(g) of each regular annotation of the scene */
    OWNED bool *ignored = ALLOCATE(widest, bool);    /* whether it is ignored in this area range */
    OWNED int64_t *latest = ALLOCATE(widest, int64_t);  /* the last rectangle over an ignored one, −1: none */
    OWNED int64_t *earlier = NULL;  /* of a rectangle over an ignored one: the one before it over the same */
    PIECES left_over = {NULL, 0, 0};
    PIECES got = {NULL, 0, 0};
    __attribute__((cleanup(forget))) Candidates of = {NULL, NULL, NULL};
    if (!order || !rank || !seen || !ranges || !taken || !ignored || !latest) return OUT_OF_MEMORY;
    if (!candidates(scenes, pairs, &of) || !by_feature_and_confidence(scenes, order)) return OUT_OF_MEMORY;
    ranked(scenes, order, seen, rules->types, rank);
    concerned(scenes, rules, order, ranges);
    for (int64_t scene = 0; scene < scenes->prediction_start.n; scene++) {
        int64_t first = scenes->annotation_start.at[scene], size = scenes->annotation_end.at[scene] - first;
        for (int64_t r = 0; r < rules->area_low.n; r++) {
            for (int64_t seat = 0; seat < size; seat++) {
                ignored[seat] = crowd[first + seat] || !within(rules, r, scenes->annotation_area.at[first + seat]);
                taken[seat] = -INFINITY;
                latest[seat] = -1;
            }
            /* Classes follow one another in `order`, and share no pairs: they cannot get into each other's way. */
            for (int64_t i = scenes->prediction_start.at[scene]; i < scenes->prediction_end.at[scene]; i++) {
                int64_t p = order[i];
                int64_t most = scenes->prediction_type.at[p] == rules->skeleton ? rules->most_skeletons : rules->most;
                if (!(ranges[i] >> r & 1) || rank[p] >= most || confidence[p] < 0) continue;
                int64_t begun = out->n;
                double left = INFINITY;
                bool some_ignored = false;
                for (int64_t k = of.start[p]; k < of.start[p + 1]; k++) {
                    int64_t seat = of.annotation[k] - first;
                    if (ignored[seat]) {
                        some_ignored = true;
                        continue;
                    }
                    double low = taken[seat], high = least(left, of.iou[k]);
                    if (high > low) {
                        if (!emit(out, &room, p, of.annotation[k], of.iou[k], -INFINITY, confidence[p], low, high,
                                  (int)r, false))
                            return OUT_OF_MEMORY;
                        taken[seat] = high;
                    }
                    left = least(low, high);
                }
                if (!some_ignored) continue;
                /* What the regular ones left of the threshold axis. */
                left_over.n = 0;
                if (!append(&left_over, -INFINITY, INFINITY)) return OUT_OF_MEMORY;
                for (int64_t j = begun; j < out->n; j++)
                    if (!cut(&left_over, out->at[j].iou_low, out->at[j].iou_high)) return OUT_OF_MEMORY;
                for (int64_t k = of.start[p]; k < of.start[p + 1]; k++) {
                    int64_t a = of.annotation[k];
                    if (!ignored[a - first]) continue;
                    got.n = 0;
                    for (int64_t j = 0; j < left_over.n; j++)
                        if (left_over.at[j].low < of.iou[k] &&
                            !append(&got, left_over.at[j].low, least(left_over.at[j].high, of.iou[k])))
                            return OUT_OF_MEMORY;
                    if (!crowd[a] || single[a])
                        for (int64_t j = latest[a - first]; j >= 0; j = earlier[j])
                            if (!cut(&got, out->at[j].iou_low, out->at[j].iou_high)) return OUT_OF_MEMORY;
                    for (int64_t part = 0; part < got.n; part++) {
                        Piece own = got.at[part];
                        int64_t count = out->n;
                        if (!emit(out, &room, p, a, of.iou[k], -INFINITY, confidence[p], own.low, own.high, (int)r, true))
                            return OUT_OF_MEMORY;
                        while (count >= earlier_room)
                            if (!grown((void **)&earlier, &earlier_room, sizeof(*earlier))) return OUT_OF_MEMORY;
                        earlier[count] = latest[a - first];
                        latest[a - first] = count;
                        if (!cut(&left_over, own.low, own.high)) return OUT_OF_MEMORY;
                    }
                }
            }
        }
    }
    return 0;
}
