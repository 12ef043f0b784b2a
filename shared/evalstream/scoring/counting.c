#include "../native/kernels.h"

/* evalstream.scoring.counting._Asked */
typedef struct {
    int64_t area_range;
    Flags rows;
    Ints row;
    Flags features;
    Codes annotation_feature, prediction_feature;
    Flags types;
    Codes type;
} Asked;

/* evalstream.scoring.counting._Between */
typedef struct { double confidence_from, confidence_to, iou_from, iou_to; } Between;

/* See evalstream.scoring.counting.held. */
KERNEL counting_held_between(Rectangles rectangles, const Asked *asked, const Between *at, Flags *live, Flags *pairs,
                             Flags *ignored, Flags *matched) {
    RETURN_ROOM(live, rectangles.n);
    RETURN_ROOM(pairs, rectangles.n);
    ignored->at = ZEROS(asked->row.n, bool), ignored->n = asked->row.n;
    matched->at = ZEROS(asked->row.n, bool), matched->n = asked->row.n;
    if (!ignored->at || !matched->at) return OUT_OF_MEMORY;
    for (int64_t i = 0; i < rectangles.n; i++) {
        const Rectangle *r = &rectangles.at[i];
        const int32_t own = r->prediction;
        const bool holds = r->area_range == asked->area_range
            && r->confidence_low < at->confidence_to && at->confidence_from <= r->confidence_high
            && r->iou_low < at->iou_to && at->iou_from <= r->iou_high && asked->rows.at[asked->row.at[own]];
        live->at[i] = holds;
        pairs->at[i] = holds && !r->ignored && asked->types.at[asked->type.at[own]]
            && (asked->features.at[asked->annotation_feature.at[r->annotation]]
                || asked->features.at[asked->prediction_feature.at[own]]);
        if (holds) (r->ignored ? ignored : matched)->at[own] = true;
    }
    return 0;
}
