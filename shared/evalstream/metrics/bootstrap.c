#include "../native/kernels.h"

/* evalstream.metrics.average_precision.Rule */
typedef struct {
    Floats recalls;
    double spacing;
    bool stepwise, rounded;
} Rule;

/* evalstream.metrics.bootstrap: how 64 random bits come to a weight. */
typedef struct { Keys bounds; Bytes weight; int64_t bits, look; } Poisson;
/* evalstream.metrics.detections.Steps, by data rows. */
typedef struct { Ints start; Codes row, delta_tp, seen; Flags last; } Steps;

#define TOGETHER 8  /* evalstream.metrics.bootstrap._TOGETHER */

static const uint64_t GOLDEN = 0x9E3779B97F4A7C15u;

/* Splitmix64's mixing function. */
static inline uint64_t mixed(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static inline uint64_t stream_of(int64_t seed, int64_t replicate) {
    return mixed(mixed((uint64_t)seed + GOLDEN) + (uint64_t)replicate * GOLDEN);
}

static inline int64_t weight_of(uint64_t key, uint64_t stream, const Poisson *poisson) {
    uint64_t fraction = mixed(key + stream);
    int64_t weight = poisson->weight.at[fraction >> (64 - poisson->bits)];
    if (weight == poisson->look)
        for (weight = 0; weight < poisson->bounds.n && fraction >= poisson->bounds.at[weight];) weight++;
    return weight;
}

/* The weights of a row in several replicates stand side by side. */
KERNEL bootstrap_row_weights(Keys key, Flags included, int64_t seed, int64_t first, int64_t count,
                             const Poisson *poisson, Bytes *weight) {
    RETURN_ROOM(weight, key.n * count);
    for (int64_t b = 0; b < count; b++) {
        uint64_t stream = stream_of(seed, first + b);
        for (int64_t r = 0; r < key.n; r++)
            weight->at[r * count + b] =
                (uint8_t)(!included.at[r] ? 0 : first + b > 0 ? weight_of(key.at[r], stream, poisson) : 1);
    }
    return 0;
}

KERNEL bootstrap_resampled_sums(Keys key, Floats values, int64_t columns, int64_t seed, int64_t first, int64_t count,
                                const Poisson *poisson, Floats *sums) {
    OWNED double *weight = ALLOCATE(count, double);
    OWNED uint64_t *stream = ALLOCATE(count, uint64_t);
    sums->at = ZEROS(columns * count, double), sums->n = columns * count;
    if (!weight || !stream || !sums->at) return OUT_OF_MEMORY;
    for (int64_t b = 0; b < count; b++) stream[b] = stream_of(seed, first + b);
    for (int64_t r = 0; r < key.n; r++) {
        for (int64_t b = 0; b < count; b++) weight[b] = (double)weight_of(key.at[r], stream[b], poisson);
        if (!first) weight[0] = 1.0;
        for (int64_t j = 0; j < columns; j++) {
            double value = values.at[r * columns + j], *own = &sums->at[j * count];
            if (value == 0.0) continue;
            for (int64_t b = 0; b < count; b++) own[b] += weight[b] * value;
        }
    }
    return 0;
}

KERNEL bootstrap_annotations(Ints label, Ints row, Bytes weight, int64_t classes, Ints *found) {
    found->at = ZEROS(classes * TOGETHER, int64_t), found->n = classes * TOGETHER;
    if (!found->at) return OUT_OF_MEMORY;
    for (int64_t j = 0; j < label.n; j++)
        for (int b = 0; b < TOGETHER; b++)
            found->at[label.at[j] * TOGETHER + b] += weight.at[row.at[j] * TOGETHER + b];
    return 0;
}

KERNEL bootstrap_tied(Ints start, Ints row, Floats confidence, Ints *first, Ints *size) {
    RETURN_ROOM(first, row.n);
    size->at = ZEROS(row.n, int64_t), size->n = row.n;
    if (!size->at) return OUT_OF_MEMORY;
    for (int64_t k = 0; k < start.n - 1; k++) {
        for (int64_t i = start.at[k]; i < start.at[k + 1]; i++) {
            bool same = i > start.at[k] && row.at[i] == row.at[i - 1] && confidence.at[i] == confidence.at[i - 1];
            first->at[i] = same ? first->at[i - 1] : i;
            size->at[first->at[i]]++;
        }
    }
    return 0;
}

KERNEL bootstrap_events(Ints start, Bits correct, Bits ignored, Flags tied, int64_t thresholds, Ints *event_start,
                        Codes *event) {
    int64_t classes = start.n - 1, count = 0, room = 0;
    RETURN_ROOM(event_start, classes * thresholds + 1);
    event_start->at[0] = 0;
    for (int64_t k = 0; k < classes; k++) {
        for (int64_t t = 0; t < thresholds; t++) {
            uint32_t bit = UINT32_C(1) << t;
            for (int64_t i = start.at[k]; i < start.at[k + 1]; i++) {
                if (!((correct.at[i] | ignored.at[i]) & bit)) continue;
                int32_t d = (int32_t)(i - start.at[k]);
                NEED(event->at, count, room);
                event->at[count++] = ignored.at[i] & bit || tied.at[i] ? ~d : d;
                event->n = count;
            }
            event_start->at[k * thresholds + t + 1] = count;
        }
    }
    return 0;
}

/* The curves of one class in the replicates at hand: the best precision of the points between one recall and the next. */
typedef struct {
    const Rule *rule;
    int64_t n[TOGETHER];           /* annotations */
    int64_t slots[TOGETHER];       /* how many of the recalls are told apart by so many annotations */
    uint16_t *slot[TOGETHER];      /* of each count of true positives, up to n, where its precision goes */
    uint16_t *reached[TOGETHER];   /* of each slot, the last recall that is reached there */
    double *best[TOGETHER];        /* of each slot, the best precision */
    void *memory;
} Curves;

/* Find the last of the recalls that is not above a given one; the first one is 0. */
static int64_t bin(double recall, Floats recalls) {
    int64_t found = (int64_t)(recall * (double)(recalls.n - 1));
    if (found > recalls.n - 1) found = recalls.n - 1;
    while (found + 1 < recalls.n && recalls.at[found + 1] <= recall) found++;
    while (found > 0 && recalls.at[found] > recall) found--;
    return found;
}

/* Find the fewest true positives whose recall reaches a given one. */
static int64_t first_beyond(double recall, int64_t annotations) {
    int64_t found = (int64_t)(recall * (double)annotations);
    while ((double)found / (double)annotations < recall) found++;
    while (found > 0 && (double)(found - 1) / (double)annotations >= recall) found--;
    return found;
}

/* Make room for the curves of any class. */
static bool prepare(Curves *curves, const Rule *rule, Ints annotations) {
    int64_t most = 0, recalls = rule->recalls.n;
    for (int64_t i = 0; i < annotations.n; i++)
        if (annotations.at[i] > most) most = annotations.at[i];
    size_t own = (size_t)recalls * sizeof(double) + (size_t)(recalls + most + 1) * sizeof(uint16_t);
    own = (own + sizeof(double) - 1) / sizeof(double) * sizeof(double);
    curves->rule = rule;
    char *at = curves->memory = malloc(TOGETHER * own);
    for (int b = 0; at && b < TOGETHER; b++, at += own) {
        curves->best[b] = (double *)at;
        curves->reached[b] = (uint16_t *)(curves->best[b] + recalls);
        curves->slot[b] = curves->reached[b] + recalls;
    }
    return at;
}

/* Begin a class with so many annotations in each replicate. */
static void begin_class(Curves *curves, const int64_t *annotations) {
    Floats recalls = curves->rule->recalls;
    for (int b = 0; b < TOGETHER; b++) {
        int64_t n = curves->n[b] = annotations[b], slots = 0;
        curves->slot[b][0] = curves->reached[b][0] = 0;
        for (int64_t tp = 0; n && tp <= n; slots++) {
            int64_t reached = bin((double)tp / (double)n, recalls);
            int64_t end = reached + 1 < recalls.n ? first_beyond(recalls.at[reached + 1], n) : n + 1;
            curves->reached[b][slots] = (uint16_t)reached;
            for (; tp < end; tp++) curves->slot[b][tp] = (uint16_t)slots;
        }
        curves->slots[b] = slots;
    }
}

static void begin_curves(const Curves *curves) {
    for (int b = 0; b < TOGETHER; b++) memset(curves->best[b], 0, (size_t)curves->slots[b] * sizeof(double));
}

/* Put a point of one curve where it goes. */
static inline void put(const Curves *curves, int b, int64_t tp, double precision) {
    double *best = &curves->best[b][curves->slot[b][tp < curves->n[b] ? tp : curves->n[b]]];
    *best = precision > *best ? precision : *best;
}

/* A point of each curve. Without a branch, for which of them improves it cannot be foretold. */
static inline void put_all(const Curves *curves, const int32_t *tp, const int32_t *seen) {
    double precision[TOGETHER];
    for (int b = 0; b < TOGETHER; b++) precision[b] = (double)tp[b] / ((double)seen[b] + curves->rule->spacing);
    for (int b = 0; b < TOGETHER; b++) put(curves, b, tp[b], precision[b]);
}

/* Add to the sums over classes, of replicates in which the class has annotations. */
static void end_curves(const Curves *curves, const int32_t *tp, double *total, double *found) {
    for (int b = 0; b < TOGETHER; b++) {
        if (!curves->n[b]) continue;
        double highest = 0.0, sum = 0.0;
        int64_t above = -1;  /* the recall that the point before reaches; without a point the next one's precision holds */
        for (int64_t j = curves->slots[b] - 1; j >= 0; j--) {
            if (curves->best[b][j] <= 0.0) continue;
            int64_t reached = curves->reached[b][j];
            sum += highest * (double)(above - reached);
            highest = greatest(curves->best[b][j], highest);
            above = reached;
        }
        sum += highest * (double)(above + 1);
        found[b] += (double)tp[b] / (double)curves->n[b];
        total[b] += sum / (double)curves->rule->recalls.n;
    }
}

static bool sums(int64_t thresholds, Floats *total, Floats *found) {
    total->n = found->n = thresholds * TOGETHER;
    total->at = ZEROS(total->n, double), found->at = ZEROS(found->n, double);
    return total->at && found->at;
}

static bool any(const int64_t *annotations) {
    for (int b = 0; b < TOGETHER; b++)
        if (annotations[b]) return true;
    return false;
}

KERNEL bootstrap_sum_detections(Ints start, Codes row, Bits correct, Bits ignored, Ints first, Ints size,
                                Ints event_start, Codes event, Bytes weight, Ints annotations, int64_t thresholds,
                                const Rule *rule, Floats *total, Floats *found) {
    int64_t most = longest((Ints){start.at, start.n - 1}, (Ints){start.at + 1, start.n - 1});
    /* Of each detection of the class at hand, its row's weights, and their sums up to it. */
    OWNED uint8_t *copies = ALLOCATE(most * TOGETHER, uint8_t);
    OWNED int32_t *seen_at = ALLOCATE(most * TOGETHER, int32_t);
    Curves curves;
    if (!copies || !seen_at || !sums(thresholds, total, found) || !prepare(&curves, rule, annotations))
        return OUT_OF_MEMORY;
    for (int64_t k = 0; k < start.n - 1; k++) {
        const int64_t begin = start.at[k], *own = &annotations.at[k * TOGETHER];
        if (!any(own)) continue;
        begin_class(&curves, own);
        int32_t seen[TOGETHER] = {0};
        for (int64_t i = begin; i < start.at[k + 1]; i++) {
            memcpy(&copies[(i - begin) * TOGETHER], &weight.at[(int64_t)row.at[i] * TOGETHER], TOGETHER);
            for (int b = 0; b < TOGETHER; b++) seen[b] += copies[(i - begin) * TOGETHER + b];
            memcpy(&seen_at[(i - begin) * TOGETHER], seen, sizeof(seen));
        }
        for (int64_t t = 0; t < thresholds; t++) {
            uint32_t bit = UINT32_C(1) << t;
            int32_t tp[TOGETHER] = {0}, out[TOGETHER] = {0}, counted[TOGETHER];  /* out: those that did not count */
            int64_t done[TOGETHER] = {0};
            begin_curves(&curves);
            for (int64_t e = event_start.at[k * thresholds + t]; e < event_start.at[k * thresholds + t + 1]; e++) {
                int64_t d = event.at[e];
                if (d >= 0) {
                    /* Of copies of one detection the last has the best precision, and so is the only one to matter;
                     * without copies it is no better than the point before it. */
                    for (int b = 0; b < TOGETHER; b++) {
                        tp[b] += copies[d * TOGETHER + b];
                        counted[b] = seen_at[d * TOGETHER + b] - out[b];
                    }
                    put_all(&curves, tp, counted);
                    continue;
                }
                d = ~d;
                for (int b = 0; b < TOGETHER; b++) {
                    if (d < done[b]) continue;
                    int64_t head = first.at[begin + d], last = begin + d;
                    int32_t times = copies[d * TOGETHER + b];
                    /* Tied ones of one row are copied as a sequence; otherwise this one is a sequence by itself. */
                    if (times > 1) last = head + size.at[head] - 1;
                    else head = begin + d;
                    int32_t own_counted = seen_at[(head - begin) * TOGETHER + b] - times - out[b];
                    done[b] = last + 1 - begin;
                    for (int32_t copy = 0; copy < times; copy++) {
                        for (int64_t c = head; c <= last; c++) {
                            if (ignored.at[c] & bit) {
                                out[b]++;
                                continue;
                            }
                            own_counted++;
                            if (!(correct.at[c] & bit)) continue;
                            tp[b]++;
                            put(&curves, b, tp[b], (double)tp[b] / ((double)own_counted + rule->spacing));
                        }
                    }
                }
            }
            end_curves(&curves, tp, &total->at[t * TOGETHER], &found->at[t * TOGETHER]);
        }
    }
    free(curves.memory);
    return 0;
}

KERNEL bootstrap_sum_steps(Ints start, Codes row, const Steps *steps, Bytes weight, Ints annotations,
                           int64_t thresholds, const Rule *rule, Floats *total, Floats *found) {
    int64_t classes = start.n - 1, most = longest((Ints){start.at, classes}, (Ints){start.at + 1, classes});
    /* The weights of the first so many detections of the class at hand. */
    OWNED int32_t *seen_at = ALLOCATE((most + 1) * TOGETHER, int32_t);
    Curves curves;
    if (!seen_at || !sums(thresholds, total, found) || !prepare(&curves, rule, annotations)) return OUT_OF_MEMORY;
    for (int64_t k = 0; k < classes; k++) {
        const int64_t begin = start.at[k], *annotated = &annotations.at[k * TOGETHER];
        if (!any(annotated)) continue;
        begin_class(&curves, annotated);
        int32_t seen[TOGETHER] = {0};
        memcpy(seen_at, seen, sizeof(seen));
        for (int64_t i = begin; i < start.at[k + 1]; i++) {
            for (int b = 0; b < TOGETHER; b++) seen[b] += weight.at[(int64_t)row.at[i] * TOGETHER + b];
            memcpy(&seen_at[(i - begin + 1) * TOGETHER], seen, sizeof(seen));
        }
        for (int64_t t = 0; t < thresholds; t++) {
            int64_t own = k * thresholds + t;
            int32_t tp[TOGETHER] = {0};
            begin_curves(&curves);
            for (int64_t e = steps->start.at[own]; e < steps->start.at[own + 1]; e++) {
                const int32_t delta = steps->delta_tp.at[e];
                for (int b = 0; b < TOGETHER; b++)
                    tp[b] += delta * weight.at[(int64_t)steps->row.at[e] * TOGETHER + b];
                if (steps->last.at[e]) put_all(&curves, tp, &seen_at[(int64_t)steps->seen.at[e] * TOGETHER]);
            }
            end_curves(&curves, tp, &total->at[t * TOGETHER], &found->at[t * TOGETHER]);
        }
    }
    free(curves.memory);
    return 0;
}
