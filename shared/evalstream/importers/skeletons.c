/* COCO's keypoints to skeletons; see skeletons.py. */
#include "../native/kernels.h"

/* evalstream.importers.skeletons */
enum { NUMBERS = 1, BOX = 2, NEGATIVE = 4, UNLABELLED = 8, FRACTIONAL = 16 };

static bool small(const double *at, int64_t n, double limit) {
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(at[i]) <= limit)) return false;
    return true;
}

/* The box around keypoints: of all, or of those that are labelled. */
static void around(const double *at, int64_t keypoints, bool labelled, double *box) {
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (int64_t k = 0; k < keypoints; k++) {
        if (labelled && !(at[3 * k + 2] > 0)) continue;
        for (int64_t i = 0; i < 2; i++) {
            low[i] = least(low[i], at[3 * k + i]);
            high[i] = greatest(high[i], at[3 * k + i]);
        }
    }
    for (int64_t i = 0; i < 2; i++) box[i] = low[i], box[2 + i] = high[i] - low[i];
}

/* See evalstream.importers.skeletons._read. */
KERNEL skeletons_read(Ints start, Floats value, Flags kept, Flags boxed, Floats given, Flags unlabelled, bool annotated,
                      double limit, Bytes *state, Floats *area, Ints *own_start, Floats *own) {
    int64_t count = start.n - 1, to = 0;
    RETURN_ROOM(state, count);
    RETURN_ROOM(area, count);
    RETURN_ROOM(own_start, annotated ? count + 1 : 0);
    RETURN_ROOM(own, annotated ? value.n + 4 * count : 0);
    for (int64_t i = 0; i < count; i++) {
        const double *from = &value.at[start.at[i]];
        int64_t keypoints = (start.at[i + 1] - start.at[i]) / 3;
        double box[4];
        bool fine = true;
        state->at[i] = 0, area->at[i] = 0;
        if (annotated) own_start->at[i] = to;
        if (!kept.at[i]) continue;
        for (int64_t k = 0; k < keypoints && fine; k++)
            fine = small(&from[3 * k], 2, limit) && isfinite(from[3 * k + 2]);
        if (!fine) {
            state->at[i] = NUMBERS;
            continue;
        }
        if (!annotated) {
            around(from, keypoints, false, box);
            area->at[i] = box[2] * box[3];
            continue;
        }
        double *written = &own->at[to], *triples = &written[4];
        bool labelled = false;
        memcpy(triples, from, (size_t)(3 * keypoints) * sizeof(*from));
        for (int64_t k = 0; k < keypoints; k++) {
            double seen = from[3 * k + 2];
            if (seen != 0 && seen != 1 && seen != 2) state->at[i] |= FRACTIONAL;
            triples[3 * k + 2] = unlabelled.at[i] || !(seen > 0) ? 0 : seen > 1 ? 2 : 1;
            labelled |= triples[3 * k + 2] > 0;
        }
        if (!labelled) state->at[i] |= UNLABELLED;
        if (boxed.at[i]) memcpy(box, &given.at[4 * i], sizeof(box));
        else around(triples, keypoints, labelled, box);
        if (!small(box, 4, boxed.at[i] ? limit : INFINITY)) {
            state->at[i] = BOX;
            continue;
        }
        area->at[i] = box[2] * box[3];
        if (box[2] < 0 || box[3] < 0) state->at[i] |= NEGATIVE;
        for (int64_t side = 2; side < 4; side++) box[side] = greatest(0.0, box[side]);
        memcpy(written, box, sizeof(box));
        to += 4 + 3 * keypoints;
    }
    if (annotated) own_start->at[count] = own->n = to;
    return 0;
}
