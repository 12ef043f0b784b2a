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

/* A key that is the lower the greater the number; 0 and −0 are one number. */
static inline uint64_t descending(double value) {
    uint64_t bits;
    value += 0.0;
    memcpy(&bits, &value, sizeof(bits));
    return bits >> 63 ? bits : ~(bits | UINT64_C(1) << 63);
}

typedef struct { uint64_t key; int64_t place; } Keyed;

#define DIGIT 11

/* By confidence, the highest first, digit after digit of the keys, and then by class; every pass is stable. */
KERNEL detections_in_order(Ints label, Floats confidence, Flags chosen, int64_t classes, Ints *order) {
    OWNED Keyed *one = ALLOCATE(label.n, Keyed), *other = ALLOCATE(label.n, Keyed);
    OWNED int64_t *start = ZEROS(classes + 1, int64_t);
    if (!one || !other || !start) return OUT_OF_MEMORY;
    int64_t count = 0;
    uint64_t differing = 0;
    for (int64_t i = 0; i < label.n; i++) {
        if (!chosen.at[i]) continue;
        one[count] = (Keyed){descending(confidence.at[i]), i};
        differing |= one[count].key ^ one[0].key;
        start[label.at[i] + 1]++, count++;
    }
    Keyed *from = one, *to = other;
    for (int shift = 0; shift < 64; shift += DIGIT) {
        const uint64_t mask = (1 << DIGIT) - 1;
        if (!(differing >> shift & mask)) continue;
        int64_t next[(1 << DIGIT) + 1] = {0};
        for (int64_t i = 0; i < count; i++) next[(from[i].key >> shift & mask) + 1]++;
        for (int64_t digit = 0; digit < 1 << DIGIT; digit++) next[digit + 1] += next[digit];
        for (int64_t i = 0; i < count; i++) to[next[from[i].key >> shift & mask]++] = from[i];
        Keyed *swap = from;
        from = to, to = swap;
    }
    RETURN_ROOM(order, count);
    for (int64_t k = 0; k < classes; k++) start[k + 1] += start[k];
    for (int64_t i = 0; i < count; i++) order->at[start[label.at[from[i].place]]++] = from[i].place;
    return 0;
}

/* evalstream.metrics.detections._Ordered */
typedef struct { Ints position, label; Floats confidence; Ints rank, most; Floats area; } Ordered;

/* See evalstream.metrics.detections._kept. */
KERNEL detections_kept(const Ordered *ordered, Bits matched, Bits correct, Bits ignored, double low, double high,
                       int64_t limit, int64_t classes, Ints *start, Bits *own_correct, Bits *own_ignored,
                       Floats *own_confidence) {
    const int64_t n = ordered->position.n, *rank = ordered->rank.at, *most = ordered->most.at;
    const double *area = ordered->area.at;
    RETURN_ROOM(start, classes + 1);
    RETURN_ROOM(own_correct, n);
    RETURN_ROOM(own_ignored, n);
    RETURN_ROOM(own_confidence, n);
    int64_t count = 0, begun = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t p = ordered->position.at[i];
        if (limit >= 0 && (rank[i] >= limit || rank[i] >= most[i])) continue;
        while (begun <= ordered->label.at[i]) start->at[begun++] = count;
        bool outside = area[i] < low || area[i] > high;
        own_correct->at[count] = correct.at[p];
        own_ignored->at[count] = ignored.at[p] | (outside ? ~matched.at[p] : 0);
        own_confidence->at[count++] = ordered->confidence.at[i];
    }
    while (begun <= classes) start->at[begun++] = count;
    own_correct->n = own_ignored->n = own_confidence->n = count;
    return 0;
}
