#include "order.h"

/* The pair of prediction p of highest overlap with a region, or anything but, of its class; the first; or −1. */
static int64_t best_of(const Scenes *scenes, const Pairs *pairs, int64_t p, bool region) {
    int64_t best = -1;
    for (int64_t k = pairs->start.at[p]; k < pairs->start.at[p + 1]; k++) {
        int32_t a = pairs->annotation.at[k];
        if (scenes->annotation_feature.at[a] != scenes->prediction_feature.at[p]) continue;
        if (scenes->annotation_crowd.at[a] != region) continue;
        if (best < 0 || pairs->iou.at[k] > pairs->iou.at[best]) best = k;
    }
    return best;
}

KERNEL best_candidate_match_best_candidate(const Scenes *scenes, const Pairs *pairs, Rectangles *out) {
    int64_t room = 0;
    OWNED int64_t *order = ALLOCATE(scenes->prediction_feature.n, int64_t);
    /* the best IoU that has pointed to each annotation so far */
    OWNED double *taken = ALLOCATE(longest(scenes->annotation_start, scenes->annotation_end), double);
    if (!order || !taken || !by_feature_and_confidence(scenes, order)) return OUT_OF_MEMORY;
    for (int64_t scene = 0; scene < scenes->prediction_start.n; scene++) {
        int64_t first = scenes->annotation_start.at[scene];
        for (int64_t a = first; a < scenes->annotation_end.at[scene]; a++) taken[a - first] = -INFINITY;
        for (int64_t i = scenes->prediction_start.at[scene]; i < scenes->prediction_end.at[scene]; i++) {
            int64_t p = order[i];
            double confidence = scenes->prediction_confidence.at[p];
            if (confidence < 0) continue;
            int64_t best = best_of(scenes, pairs, p, false), region = best_of(scenes, pairs, p, true);
            /* Matched, or ignored, at low < t <= high: nowhere as yet. */
            double low = -INFINITY, high = -INFINITY;
            if (best >= 0) {
                int64_t a = pairs->annotation.at[best];
                double iou = pairs->iou.at[best], *so_far = &taken[a - first];
                bool difficult = scenes->annotation_difficult.at[a];
                if (difficult || iou > *so_far) {
                    low = *so_far, high = iou;
                    if (!emit(out, &room, p, a, iou, -INFINITY, confidence, low, high, 0, difficult))
                        return OUT_OF_MEMORY;
                }
                if (!difficult) *so_far = greatest(*so_far, iou);
            }
            if (region < 0) continue;
            int64_t a = pairs->annotation.at[region];
            double share = pairs->iou.at[region];
            if (least(low, share) > -INFINITY &&
                !emit(out, &room, p, a, share, -INFINITY, confidence, -INFINITY, least(low, share), 0, true))
                return OUT_OF_MEMORY;
            if (share > high && !emit(out, &room, p, a, share, -INFINITY, confidence, high, share, 0, true))
                return OUT_OF_MEMORY;
        }
    }
    return 0;
}
