#include "order.h"

/* What proposes to an annotation, or has it, and how much the two overlap. */
typedef struct { double iou, confidence; int64_t position; } Suitor;

/* Whether the first pair goes before the second in the common ranking. */
static bool precedes(Suitor first, Suitor second) {
    if (first.iou != second.iou) return first.iou > second.iou;
    if (first.confidence != second.confidence) return first.confidence > second.confidence;
    return first.position < second.position;
}

static inline bool enters_after(const double *confidence, int64_t p, int64_t q) { return confidence[p] < confidence[q]; }
STABLE_SORT(sort_by_confidence, const double *, enters_after)

/* "IoU above t" is stored as "t at most the next smaller number": one predicate then serves every policy. */
static bool emit_pair(Rectangles *out, int64_t *room, int64_t prediction, int64_t annotation, double iou, double low,
                      double high) {
    return emit(out, room, prediction, annotation, iou, low, high, -INFINITY, nextafter(iou, 0.0), 0, false);
}

KERNEL iou_greedy_match_iou_greedy(const Scenes *scenes, const Pairs *pairs, Rectangles *out) {
    int64_t widest = longest(scenes->annotation_start, scenes->annotation_end), room = 0;
    int64_t most = longest(scenes->prediction_start, scenes->prediction_end);
    const double *confidence = scenes->prediction_confidence.at;
    OWNED int64_t *partner = ALLOCATE(widest, int64_t);  /* of each annotation of the scene, −1: free */
    OWNED double *partner_iou = ALLOCATE(widest, double);
    OWNED double *since = ALLOCATE(widest, double);  /* the confidence at which the partnership began */
    OWNED int64_t *ranked = ALLOCATE(pairs->iou.n, int64_t);  /* the candidates of each prediction, in its order */
    OWNED int64_t *following = ALLOCATE(pairs->start.n, int64_t);  /* the next candidate that it proposes to */
    OWNED int64_t *entry = ALLOCATE(most, int64_t);
    if (!partner || !partner_iou || !since || !ranked || !following || !entry) return OUT_OF_MEMORY;
    for (int64_t k = 0; k < pairs->iou.n; k++) ranked[k] = k;
    memcpy(following, pairs->start.at, (size_t)pairs->start.n * sizeof(int64_t));

    for (int64_t scene = 0; scene < scenes->annotation_start.n; scene++) {
        int64_t first = scenes->annotation_start.at[scene], size = scenes->annotation_end.at[scene] - first;
        int64_t begin = scenes->prediction_start.at[scene], end = scenes->prediction_end.at[scene];
        for (int64_t seat = 0; seat < size; seat++) partner[seat] = -1;
        for (int64_t p = begin; p < end; p++) {
            entry[p - begin] = p;
            int64_t low = pairs->start.at[p];
            if (!sort_by_iou(&ranked[low], pairs->start.at[p + 1] - low, pairs->iou.at)) return OUT_OF_MEMORY;
        }
        if (!sort_by_confidence(entry, end - begin, confidence)) return OUT_OF_MEMORY;
        for (int64_t i = 0; i < end - begin; i++) {
            int64_t proposer = entry[i];
            double now = confidence[proposer];
            if (now < 0) break;
            while (proposer >= 0) {
                if (following[proposer] == pairs->start.at[proposer + 1]) break;
                int64_t k = ranked[following[proposer]++];
                int64_t a = pairs->annotation.at[k];
                if (scenes->annotation_crowd.at[a]) continue;
                int64_t seat = a - first, rival = partner[seat];
                if (rival >= 0) {
                    Suitor own = {pairs->iou.at[k], confidence[proposer], proposer};
                    Suitor other = {partner_iou[seat], confidence[rival], rival};
                    if (!precedes(own, other)) continue;
                    /* Within one confidence the partnership never showed at any threshold. */
                    if (now < since[seat] && !emit_pair(out, &room, rival, a, partner_iou[seat], now, since[seat]))
                        return OUT_OF_MEMORY;
                }
                partner[seat] = proposer;
                partner_iou[seat] = pairs->iou.at[k];
                since[seat] = now;
                proposer = rival;
            }
        }
        for (int64_t seat = 0; seat < size; seat++)
            if (partner[seat] >= 0 &&
                !emit_pair(out, &room, partner[seat], first + seat, partner_iou[seat], -INFINITY, since[seat]))
                return OUT_OF_MEMORY;
    }
    return 0;
}
