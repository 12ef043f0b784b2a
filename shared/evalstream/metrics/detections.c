#include "../native/kernels.h"

static inline uint32_t bits_of(double low, double high, Floats thresholds) {
    uint32_t bits = 0;
    for (int64_t t = 0; t < thresholds.n; t++)
        bits |= (uint32_t)(low < thresholds.at[t] && thresholds.at[t] <= high) << t;
    return bits;
}

KERNEL detections_bits(double low, double high, Floats thresholds, int64_t *bits) {
    *bits = bits_of(low, high, thresholds);
    return 0;
}

KERNEL detections_outcomes(Rectangles rectangles, Flags same, int64_t area, Floats thresholds, int64_t count,
                           Bits *matched, Bits *correct, Bits *ignored) {
    matched->at = ZEROS(count, uint32_t), matched->n = count;
    correct->at = ZEROS(count, uint32_t), correct->n = count;
    ignored->at = ZEROS(count, uint32_t), ignored->n = count;
    if (!matched->at || !correct->at || !ignored->at) return OUT_OF_MEMORY;
    for (int64_t i = 0; i < rectangles.n; i++) {
        const Rectangle *r = &rectangles.at[i];
        if (r->area_range != area) continue;
        uint32_t bits = bits_of(r->iou_low, r->iou_high, thresholds);
        if (r->ignored) {
            ignored->at[r->prediction] |= bits;
        } else {
            matched->at[r->prediction] |= bits;
            if (same.at[i]) correct->at[r->prediction] |= bits;
        }
    }
    return 0;
}
