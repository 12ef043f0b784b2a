/* Orders that more than one policy works through; see order.py. */
#ifndef EVALSTREAM_ORDER_H
#define EVALSTREAM_ORDER_H

#include "../native/kernels.h"

static inline bool overlaps_less(const double *iou, int64_t p, int64_t q) { return iou[p] < iou[q]; }
STABLE_SORT(sort_by_iou, const double *, overlaps_less)

typedef struct { const int32_t *feature; const double *confidence; } Ranking;
static inline bool ranks_after(Ranking of, int64_t p, int64_t q) {
    if (of.feature[p] != of.feature[q]) return of.feature[p] > of.feature[q];
    return of.confidence[p] < of.confidence[q];
}
STABLE_SORT(sort_by_feature_and_confidence, Ranking, ranks_after)

/* Order the predictions of each scene by feature and decreasing confidence; false without memory. */
static inline bool by_feature_and_confidence(const Scenes *scenes, int64_t *order) {
    Ranking of = {scenes->prediction_feature.at, scenes->prediction_confidence.at};
    for (int64_t p = 0; p < scenes->prediction_feature.n; p++) order[p] = p;
    for (int64_t scene = 0; scene < scenes->prediction_start.n; scene++) {
        int64_t begin = scenes->prediction_start.at[scene];
        if (!sort_by_feature_and_confidence(&order[begin], scenes->prediction_end.at[scene] - begin, of)) return false;
    }
    return true;
}

/* Rank each prediction within its scene, feature and type; `seen` has a place for each type, and one more. */
static inline void ranked(const Scenes *scenes, const int64_t *order, int64_t *seen, int64_t types, int64_t *rank) {
    const int32_t *feature = scenes->prediction_feature.at, *kind = scenes->prediction_type.at;
    for (int64_t scene = 0; scene < scenes->prediction_start.n; scene++) {
        int64_t begin = scenes->prediction_start.at[scene], end = scenes->prediction_end.at[scene];
        for (int64_t i = begin; i < end; i++) {
            int64_t p = order[i];
            if (i == begin || feature[p] != feature[order[i - 1]]) memset(seen, 0, (size_t)(types + 1) * sizeof(*seen));
            int64_t *own = &seen[kind[p] < 0 ? types : kind[p]];  /* what is nested counts among itself */
            rank[p] = (*own)++;
        }
    }
}

#endif
