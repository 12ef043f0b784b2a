#include "../native/kernels.h"

/* evalstream.geometry.keypoints._Skeletons */
typedef struct {
    Ints predicted_start;
    Floats predicted;
    Ints annotated_start;
    Floats annotated, area;
    Codes kind;
    Ints variance_start;
    Floats variance;
} Skeletons;

#define BOX 4           /* numbers of an annotation before those of its keypoints */
#define NOTHING 746.0   /* exp(-x) of more than this is 0, whoever computes it */

/* See evalstream.geometry.keypoints._pairs. */
KERNEL keypoints_pairs(const Scenes *scenes, int64_t code, Ints predicted_start, Ints annotated_start,
                       Codes *prediction, Codes *annotation, int64_t *wrong) {
    int64_t room = 0, other_room = 0, count = 0;
    *wrong = -1;
    for (int64_t scene = 0; scene < scenes->prediction_start.n; scene++) {
        for (int64_t p = scenes->prediction_start.at[scene]; p < scenes->prediction_end.at[scene]; p++) {
            if (scenes->prediction_type.at[p] != code) continue;
            int64_t has = (predicted_start.at[p + 1] - predicted_start.at[p]) / 3;
            for (int64_t a = scenes->annotation_start.at[scene]; a < scenes->annotation_end.at[scene]; a++) {
                if (scenes->annotation_type.at[a] != code) continue;
                bool differ = has != (annotated_start.at[a + 1] - annotated_start.at[a] - BOX) / 3;
                if (differ && scenes->prediction_feature.at[p] != scenes->annotation_feature.at[a]) continue;
                NEED(prediction->at, count, room);
                NEED(annotation->at, count, other_room);
                prediction->at[count] = (int32_t)p;
                annotation->at[count] = (int32_t)a;
                prediction->n = annotation->n = ++count;
                if (!differ) continue;
                *wrong = count - 1;
                return 0;
            }
        }
    }
    return 0;
}

/* How far a coordinate lies outside a range that is doubled to each side. */
static inline double outside(double at, double low, double extent) {
    return greatest(0.0, (low - extent) - at) + greatest(0.0, at - (low + extent * 2));
}

/* See evalstream.geometry.keypoints._exponents. */
KERNEL keypoints_exponents(const Skeletons *of, Codes prediction, Codes annotation, Ints *start, Floats *exponent) {
    int64_t most = 0;
    RETURN_ROOM(start, prediction.n + 1);
    for (int64_t i = 0; i < prediction.n; i++) {
        const int64_t *own = &of->annotated_start.at[annotation.at[i]];
        most += (own[1] - own[0] - BOX) / 3;
    }
    RETURN_ROOM(exponent, most);
    int64_t count = 0;
    for (int64_t i = 0; i < prediction.n; i++) {
        int64_t a = annotation.at[i], keypoints = (of->annotated_start.at[a + 1] - of->annotated_start.at[a] - BOX) / 3;
        const double *box = &of->annotated.at[of->annotated_start.at[a]], *own = box + BOX;
        const double *found = &of->predicted.at[of->predicted_start.at[prediction.at[i]]];
        const double *variance = &of->variance.at[of->variance_start.at[of->kind.at[a]]];
        double area = of->area.at[a] + 0x1p-52, *to = &exponent->at[count];
        bool near = false;
        start->at[i] = count;
#define ADD(dx, dy)                                                                                 \
    do {                                                                                            \
        double x = (dx), y = (dy), e = (x * x + y * y) / variance[k] / area / 2;                    \
        near |= !(e > NOTHING);                                                                     \
        *to++ = e > NOTHING ? -INFINITY : -e; /* of that exp is quick */                            \
    } while (0)
        for (int64_t k = 0; k < keypoints; k++)
            if (own[3 * k + 2] > 0) ADD(found[3 * k] - own[3 * k], found[3 * k + 1] - own[3 * k + 1]);
        if (to == &exponent->at[count])
            for (int64_t k = 0; k < keypoints; k++)
                ADD(outside(found[3 * k], box[0], box[2]), outside(found[3 * k + 1], box[1], box[3]));
#undef ADD
        if (near) count = to - exponent->at;
    }
    start->at[prediction.n] = exponent->n = count;
    return 0;
}

/* Add as NumPy does (loops_utils.h.src, pairwise_sum): the order decides on the last bit. */
static double sum(const double *at, int64_t n) {
    double total = 0;
    if (n < 8) {
        for (int64_t i = 0; i < n; i++) total += at[i];
        return total;
    }
    if (n > 128) {
        int64_t half = n / 2 - n / 2 % 8;
        return sum(at, half) + sum(at + half, n - half);
    }
    double own[8];
    memcpy(own, at, sizeof(own));
    int64_t i = 8;
    for (; i < n - n % 8; i += 8)
        for (int64_t k = 0; k < 8; k++) own[k] += at[i + k];
    total = ((own[0] + own[1]) + (own[2] + own[3])) + ((own[4] + own[5]) + (own[6] + own[7]));
    for (; i < n; i++) total += at[i];
    return total;
}

/* See evalstream.geometry.keypoints._means. */
KERNEL keypoints_means(Ints start, Floats value, Floats *mean) {
    RETURN_ROOM(mean, start.n - 1);
    for (int64_t i = 0; i < start.n - 1; i++) {
        int64_t count = start.at[i + 1] - start.at[i];
        mean->at[i] = count ? sum(&value.at[start.at[i]], count) / (double)count : 0.0;
    }
    return 0;
}
