#include "../native/kernels.h"

/* evalstream.matching.nearest.Nearest */
typedef struct { Codes own; Floats own_iou; Codes other; Floats other_iou; } Nearest;

/* Positions in evalstream.scoring.causes.CAUSES. */
enum { WRONG_CLASS, POOR, BOTH, DUPLICATE, BACKGROUND };

/* See evalstream.scoring.causes. */
KERNEL causes_explained(Flags wrong, Codes wrongly, const Nearest *near, double background, double iou, bool strict,
                        Smalls *cause, Codes *points_to) {
    RETURN_ROOM(cause, wrong.n);
    RETURN_ROOM(points_to, wrong.n);
    for (int64_t i = 0; i < wrong.n; i++) {
        cause->at[i] = -1, points_to->at[i] = -1;
        if (!wrong.at[i]) continue;
        const double own = near->own_iou.at[i], other = near->other_iou.at[i];
        if (wrongly.at[i] >= 0) {
            cause->at[i] = WRONG_CLASS, points_to->at[i] = wrongly.at[i];
        } else if (background <= own && own <= iou) {
            cause->at[i] = POOR, points_to->at[i] = near->own.at[i];
        } else if (near->other.at[i] >= 0 && (strict ? other > iou : other >= iou)) {
            cause->at[i] = WRONG_CLASS, points_to->at[i] = near->other.at[i];
        } else if (near->own.at[i] >= 0 && (strict ? own > iou : own >= iou)) {
            cause->at[i] = DUPLICATE;
        } else {
            cause->at[i] = greatest(own, other) <= background ? BACKGROUND : BOTH;
        }
    }
    return 0;
}

KERNEL causes_most_confident(Codes target, Floats confidence, int64_t targets, Ints *found) {
    RETURN_ROOM(found, targets);
    for (int64_t j = 0; j < targets; j++) found->at[j] = -1;
    for (int64_t i = 0; i < target.n; i++) {
        if (target.at[i] < 0) continue;
        int64_t *own = &found->at[target.at[i]];
        if (*own < 0 || confidence.at[i] > confidence.at[*own]) *own = i;
    }
    return 0;
}
