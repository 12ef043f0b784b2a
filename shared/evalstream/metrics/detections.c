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

/* See evalstream.metrics.detections.outcomes. */
KERNEL detections_outcomes_at(Rectangles rectangles, Flags same, Codes place, int64_t area, Floats thresholds,
                              int64_t count, Bits *matched, Bits *correct, Bits *ignored) {
    matched->at = ZEROS(count, uint32_t), matched->n = count;
    correct->at = ZEROS(count, uint32_t), correct->n = count;
    ignored->at = ZEROS(count, uint32_t), ignored->n = count;
    if (!matched->at || !correct->at || !ignored->at) return OUT_OF_MEMORY;
    for (int64_t i = 0; i < rectangles.n; i++) {
        const Rectangle *r = &rectangles.at[i];
        if (r->area_range != area) continue;
        int64_t at = place.at[r->prediction];
        if (at < 0) continue;
        uint32_t bits = bits_of(r->iou_low, r->iou_high, thresholds);
        if (r->ignored) {
            ignored->at[at] |= bits;
        } else {
            matched->at[at] |= bits;
            if (same.at[i]) correct->at[at] |= bits;
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

/* Sort digit after digit of the keys, the last one first; every pass is stable. `spare` has room for as many. */
static void sort_keyed(Keyed *keyed, Keyed *spare, int64_t n) {
    enum { FEW = 32, DIGIT = 8, WIDE = 11, MANY = 1 << 16 };
    if (n <= FEW) {
        for (int64_t i = 1; i < n; i++) {
            Keyed own = keyed[i];
            int64_t j = i;
            for (; j > 0 && keyed[j - 1].key > own.key; j--) keyed[j] = keyed[j - 1];
            keyed[j] = own;
        }
        return;
    }
    const int digit = n < MANY ? DIGIT : WIDE;
    const uint64_t mask = (UINT64_C(1) << digit) - 1;
    uint64_t differing = 0;
    for (int64_t i = 0; i < n; i++) differing |= keyed[i].key ^ keyed[0].key;
    Keyed *from = keyed, *to = spare;
    for (int shift = 0; shift < 64; shift += digit) {
        if (!(differing >> shift & mask)) continue;
        int64_t next[(1 << WIDE) + 1] = {0};
        for (int64_t i = 0; i < n; i++) next[(from[i].key >> shift & mask) + 1]++;
        for (uint64_t own = 0; own < mask; own++) next[own + 1] += next[own];
        for (int64_t i = 0; i < n; i++) to[next[from[i].key >> shift & mask]++] = from[i];
        Keyed *swap = from;
        from = to, to = swap;
    }
    if (from != keyed) memcpy(keyed, from, (size_t)n * sizeof(*keyed));
}

KERNEL detections_by_confidence(Floats confidence, Flags chosen, Ints *order) {
    OWNED Keyed *keyed = ALLOCATE(confidence.n, Keyed), *spare = ALLOCATE(confidence.n, Keyed);
    if (!keyed || !spare) return OUT_OF_MEMORY;
    int64_t count = 0;
    for (int64_t i = 0; i < confidence.n; i++)
        if (chosen.at[i]) keyed[count++] = (Keyed){descending(confidence.at[i]), i};
    sort_keyed(keyed, spare, count);
    RETURN_ROOM(order, count);
    for (int64_t i = 0; i < count; i++) order->at[i] = keyed[i].place;
    return 0;
}

/* By class first, for a class is small enough for the cache of the processor. */
KERNEL detections_ranked(Codes label, Floats confidence, Flags chosen, Flags last, int64_t classes, Ints *order,
                         Ints *starts) {
    OWNED int64_t *next = ALLOCATE(classes, int64_t), *taken = ALLOCATE(label.n, int64_t);
    int64_t *start = starts->at = ZEROS(classes + 1, int64_t), count = 0, most = 0;
    starts->n = classes + 1;
    if (!start || !next || !taken) return OUT_OF_MEMORY;
    for (int later = 0; later < (last.n ? 2 : 1); later++) {
        for (int64_t i = 0; i < label.n; i++) {
            /* Without a branch, for which way it goes cannot be foretold. */
            taken[count] = i;
            count += chosen.at[i] & (!last.n || last.at[i] == later);
        }
    }
    for (int64_t i = 0; i < count; i++) start[label.at[taken[i]] + 1]++;
    for (int64_t k = 0; k < classes; k++) {
        if (start[k + 1] > most) most = start[k + 1];
        next[k] = start[k];
        start[k + 1] += start[k];
    }
    OWNED Keyed *keyed = ALLOCATE(count, Keyed), *spare = ALLOCATE(most, Keyed);
    if (!keyed || !spare) return OUT_OF_MEMORY;
    for (int64_t i = 0; i < count; i++)
        keyed[next[label.at[taken[i]]]++] = (Keyed){descending(confidence.at[taken[i]]), taken[i]};
    RETURN_ROOM(order, count);
    for (int64_t k = 0; k < classes; k++) sort_keyed(&keyed[start[k]], spare, start[k + 1] - start[k]);
    for (int64_t i = 0; i < order->n; i++) order->at[i] = keyed[i].place;
    return 0;
}

KERNEL detections_by_class(Ints order, Codes label, int64_t classes, Ints *grouped) {
    OWNED int64_t *start = ZEROS(classes + 1, int64_t);
    if (!start) return OUT_OF_MEMORY;
    RETURN_ROOM(grouped, order.n);
    for (int64_t i = 0; i < order.n; i++) start[label.at[order.at[i]] + 1]++;
    for (int64_t k = 0; k < classes; k++) start[k + 1] += start[k];
    for (int64_t i = 0; i < order.n; i++) grouped->at[start[label.at[order.at[i]]]++] = order.at[i];
    return 0;
}

/* evalstream.metrics.detections.AllChanges */
typedef struct { Codes prediction, label; Floats confidence, iou_low, iou_high; Codes delta_tp; } AllChanges;

/* See evalstream.metrics.detections.all_changes. */
KERNEL detections_changes_in(Ints order, Ints own, Rectangles made, Ints unmade, Codes label, Floats confidence,
                             Codes *prediction, Codes *labels, Floats *at, Floats *iou_low, Floats *iou_high,
                             Codes *delta_tp) {
    RETURN_ROOM(prediction, order.n);
    RETURN_ROOM(labels, order.n);
    RETURN_ROOM(at, order.n);
    RETURN_ROOM(iou_low, order.n);
    RETURN_ROOM(iou_high, order.n);
    RETURN_ROOM(delta_tp, order.n);
    for (int64_t i = 0; i < order.n; i++) {
        int64_t which = order.at[i];
        if (which < own.n) {
            prediction->at[i] = (int32_t)own.at[which], delta_tp->at[i] = 0;
            at->at[i] = confidence.at[own.at[which]], iou_low->at[i] = -INFINITY, iou_high->at[i] = INFINITY;
        } else {
            bool is_made = which < own.n + made.n;
            const Rectangle *r = &made.at[is_made ? which - own.n : unmade.at[which - own.n - made.n]];
            prediction->at[i] = r->prediction, delta_tp->at[i] = is_made ? 1 : -1;
            at->at[i] = is_made ? r->confidence_high : r->confidence_low;
            iou_low->at[i] = r->iou_low, iou_high->at[i] = r->iou_high;
        }
        labels->at[i] = label.at[prediction->at[i]];
    }
    return 0;
}

/* See evalstream.metrics.detections.steps. */
KERNEL detections_steps_of(const AllChanges *all, Ints start, Floats thresholds, Ints *step_start, Codes *prediction,
                           Codes *delta_tp, Codes *seen, Flags *last) {
    RETURN_ROOM(step_start, (start.n - 1) * thresholds.n + 1);
    step_start->at[0] = 0;
    int64_t steps = 0;
    for (int64_t i = 0; i < all->prediction.n; i++)
        if (all->delta_tp.at[i])
            for (int64_t t = 0; t < thresholds.n; t++)
                steps += all->iou_low.at[i] < thresholds.at[t] && thresholds.at[t] <= all->iou_high.at[i];
    RETURN_ROOM(prediction, steps);
    RETURN_ROOM(delta_tp, steps);
    RETURN_ROOM(seen, steps);
    RETURN_ROOM(last, steps);
    int64_t count = 0;
    for (int64_t k = 0; k < start.n - 1; k++) {
        for (int64_t t = 0; t < thresholds.n; t++) {
            const double threshold = thresholds.at[t];
            int32_t counted = 0;
            int64_t i = start.at[k];
            while (i < start.at[k + 1]) {
                const double confidence = all->confidence.at[i];
                int64_t first = count;
                for (; i < start.at[k + 1] && all->confidence.at[i] == confidence; i++) {
                    counted += !all->delta_tp.at[i];
                    if (!all->delta_tp.at[i] || !(all->iou_low.at[i] < threshold && threshold <= all->iou_high.at[i]))
                        continue;
                    prediction->at[count] = all->prediction.at[i];
                    delta_tp->at[count++] = all->delta_tp.at[i];
                }
                for (int64_t step = first; step < count; step++)
                    seen->at[step] = counted, last->at[step] = step + 1 == count;
            }
            step_start->at[k * thresholds.n + t + 1] = count;
        }
    }
    return 0;
}

/* See evalstream.metrics.detections.changes_at. */
KERNEL detections_changes_within(const AllChanges *all, double threshold, int64_t classes, Ints *start,
                                 Ints *prediction, Ints *delta_tp, Ints *counted, Flags *is_point) {
    const int64_t n = all->prediction.n;
    RETURN_ROOM(start, classes + 1);
    RETURN_ROOM(prediction, n);
    RETURN_ROOM(delta_tp, n);
    RETURN_ROOM(counted, n);
    RETURN_ROOM(is_point, n);
    int64_t count = 0, begun = 0, before = -1;
    for (int64_t i = 0; i < n; i++) {
        if (!(all->iou_low.at[i] < threshold && threshold <= all->iou_high.at[i])) continue;
        bool other_class = begun <= all->label.at[i];
        while (begun <= all->label.at[i]) start->at[begun++] = count;
        if (before >= 0) is_point->at[count - 1] = other_class || all->confidence.at[i] != all->confidence.at[before];
        prediction->at[count] = all->prediction.at[i];
        delta_tp->at[count] = all->delta_tp.at[i];
        counted->at[count++] = !all->delta_tp.at[i];
        before = i;
    }
    if (count) is_point->at[count - 1] = true;
    while (begun <= classes) start->at[begun++] = count;
    prediction->n = delta_tp->n = counted->n = is_point->n = count;
    return 0;
}

KERNEL detections_places(Ints order, int64_t count, Codes *place) {
    RETURN_ROOM(place, count);
    memset(place->at, -1, (size_t)count * sizeof(*place->at));
    for (int64_t i = 0; i < order.n; i++) place->at[order.at[i]] = (int32_t)i;
    return 0;
}

/* See evalstream.metrics.detections._limits. */
KERNEL detections_limits(Floats area, Ints rank, Floats lows, Floats highs, Ints most, Bytes *limits) {
    RETURN_ROOM(limits, area.n);
    for (int64_t i = 0; i < area.n; i++) {
        uint8_t bits = 0;
        for (int64_t r = 0; r < lows.n; r++)
            bits |= (uint8_t)((area.at[i] >= lows.at[r] && area.at[i] <= highs.at[r]) << r);
        for (int64_t m = 0; m < most.n; m++) bits |= (uint8_t)((rank.at[i] < most.at[m]) << (lows.n + m));
        limits->at[i] = bits;
    }
    return 0;
}

/* evalstream.metrics.detections.Outcomes */
typedef struct { Bits matched, correct, ignored; } Outcomes;

/* See evalstream.metrics.detections._kept. */
KERNEL detections_kept(Ints start, Bytes limits, const Outcomes *outcomes, Floats confidence, int64_t inside,
                       int64_t few, int64_t thresholds, Ints *own_start, Bits *own_correct, Bits *own_ignored,
                       Floats *own_confidence) {
    const int64_t n = outcomes->correct.n;
    RETURN_ROOM(own_start, start.n);
    RETURN_ROOM(own_correct, n);
    RETURN_ROOM(own_ignored, n);
    RETURN_ROOM(own_confidence, confidence.n);
    const uint32_t every = (uint32_t)((UINT64_C(1) << thresholds) - 1);
    int64_t count = 0;
    for (int64_t k = 0; k < start.n; k++) {
        own_start->at[k] = count;
        for (int64_t i = start.at[k]; k + 1 < start.n && i < start.at[k + 1]; i++) {
            if (few && !(limits.at[i] & few)) continue;
            bool outside = inside && !(limits.at[i] & inside);
            uint32_t out = outcomes->ignored.at[i] | (outside ? ~outcomes->matched.at[i] : 0);
            if ((out & every) == every) continue;
            own_correct->at[count] = outcomes->correct.at[i];
            own_ignored->at[count] = out;
            if (confidence.n) own_confidence->at[count] = confidence.at[i];
            count++;
        }
    }
    own_correct->n = own_ignored->n = count;
    own_confidence->n = confidence.n ? count : 0;
    return 0;
}
