#include "../native/kernels.h"

/* evalstream.metrics.average_precision.Rule */
typedef struct {
    Floats recalls;
    double spacing;
    bool stepwise, rounded;
} Rule;

/* evalstream.metrics.bootstrap: how 64 random bits come to a weight. */
typedef struct { Keys bounds; Bytes weight; int64_t bits, look; } Poisson;
/* … and where true positives come and go. */
typedef struct { Ints start; Codes row, delta_tp, seen; Flags last; } Steps;

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

KERNEL bootstrap_row_weights(Keys key, Flags included, int64_t seed, int64_t replicate, const Poisson *poisson,
                             Ints *weight) {
    RETURN_ROOM(weight, key.n);
    uint64_t stream = stream_of(seed, replicate);
    for (int64_t r = 0; r < key.n; r++)
        weight->at[r] = !included.at[r] ? 0 : replicate > 0 ? weight_of(key.at[r], stream, poisson) : 1;
    return 0;
}

KERNEL bootstrap_resampled_sums(Keys key, Floats values, int64_t columns, int64_t seed, int64_t replicates,
                                const Poisson *poisson, Floats *sums) {
    int64_t all = replicates + 1;
    OWNED double *weight = ALLOCATE(all, double);
    OWNED uint64_t *stream = ALLOCATE(all, uint64_t);
    sums->at = ZEROS(columns * all, double), sums->n = columns * all;
    if (!weight || !stream || !sums->at) return OUT_OF_MEMORY;
    weight[0] = 1.0;
    for (int64_t b = 1; b < all; b++) stream[b] = stream_of(seed, b);
    for (int64_t r = 0; r < key.n; r++) {
        for (int64_t b = 1; b < all; b++) weight[b] = (double)weight_of(key.at[r], stream[b], poisson);
        for (int64_t j = 0; j < columns; j++) {
            double value = values.at[r * columns + j], *own = &sums->at[j * all];
            if (value == 0.0) continue;
            for (int64_t b = 0; b < all; b++) own[b] += weight[b] * value;
        }
    }
    return 0;
}

KERNEL bootstrap_annotations(Ints label, Ints row, Ints weight, int64_t classes, Ints *found) {
    found->at = ZEROS(classes, int64_t), found->n = classes;
    if (!found->at) return OUT_OF_MEMORY;
    for (int64_t j = 0; j < label.n; j++) found->at[label.at[j]] += weight.at[row.at[j]];
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

/* The points of a curve that reach a recall further than the one before; of those that reach the same, the best. */
typedef struct {
    const Rule *rule;
    int64_t annotations;
    int64_t *reached, *tp, *seen;  /* which recall each reaches, its true positives, and the detections up to it */
    int64_t last, beyond;          /* the last point, and how many true positives reach the next recall */
} Points;

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

/* List a point if it reaches the next recall, or put it in the place of the last if it has the better precision. */
static inline void reach(Points *points, int64_t tp, int64_t seen) {
    if (tp >= points->beyond) {
        Floats recalls = points->rule->recalls;
        int64_t at = ++points->last, reached = bin((double)tp / (double)points->annotations, recalls);
        points->reached[at] = reached, points->tp[at] = tp, points->seen[at] = seen;
        points->beyond = reached + 1 < recalls.n ? first_beyond(recalls.at[reached + 1], points->annotations)
                                                 : points->annotations + 1;
    } else if (tp * points->seen[points->last] >= points->tp[points->last] * seen) {
        points->tp[points->last] = tp, points->seen[points->last] = seen;
    }
}

/* Sum the interpolated precision over the recalls, from the points listed. */
static double area(const Points *points) {
    double highest = 0.0, sum = 0.0;
    for (int64_t j = points->last; j >= 0; j--) {
        highest = greatest((double)points->tp[j] / ((double)points->seen[j] + points->rule->spacing), highest);
        sum += highest * (double)(points->reached[j] - (j > 0 ? points->reached[j - 1] : -1));
    }
    return sum;
}

static bool sums(int64_t thresholds, Floats *total, Floats *found) {
    total->at = ZEROS(thresholds, double), total->n = thresholds;
    found->at = ZEROS(thresholds, double), found->n = thresholds;
    return total->at && found->at;
}

KERNEL bootstrap_sum_detections(Ints start, Codes row, Bits correct, Bits ignored, Ints first, Ints size,
                                Ints event_start, Codes event, Ints weight, Ints annotations, int64_t thresholds,
                                const Rule *rule, Floats *total, Floats *found) {
    int64_t most = longest((Ints){start.at, start.n - 1}, (Ints){start.at + 1, start.n - 1}), recalls = rule->recalls.n;
    OWNED int32_t *copies = ALLOCATE(most, int32_t);   /* of each detection of the class at hand, its row's weight */
    OWNED int32_t *seen_at = ALLOCATE(most, int32_t);  /* and their sum up to it */
    OWNED int64_t *point = ALLOCATE(3 * recalls, int64_t);
    if (!copies || !seen_at || !point || !sums(thresholds, total, found)) return OUT_OF_MEMORY;
    for (int64_t k = 0; k < annotations.n; k++) {
        int64_t n = annotations.at[k], begin = start.at[k];
        if (!n) continue;
        int32_t seen = 0;
        for (int64_t i = begin; i < start.at[k + 1]; i++) {
            copies[i - begin] = (int32_t)weight.at[row.at[i]];
            seen_at[i - begin] = seen += copies[i - begin];
        }
        for (int64_t t = 0; t < thresholds; t++) {
            uint32_t bit = UINT32_C(1) << t;
            Points points = {rule, n, point, point + recalls, point + 2 * recalls, -1, 1};
            int64_t tp = 0, out = 0, done = 0;  /* out: detections that did not count */
            for (int64_t e = event_start.at[k * thresholds + t]; e < event_start.at[k * thresholds + t + 1]; e++) {
                int64_t d = event.at[e];
                if (d >= 0) {
                    /* Of copies of one detection the last has the best precision, and so is the only one to matter;
                     * without copies it is no better than the point before it. */
                    tp += copies[d];
                    if (tp > 0) reach(&points, tp, seen_at[d] - out);
                } else if (~d >= done) {
                    d = ~d;
                    int64_t head = first.at[begin + d], last = begin + d, times = copies[d], counted;
                    /* Tied ones of one row are copied as a sequence; otherwise this one is a sequence by itself. */
                    if (times > 1) {
                        last = head + size.at[head] - 1;
                        counted = seen_at[head - begin] - times - out;
                    } else {
                        head = begin + d;
                        counted = seen_at[d] - times - out;
                    }
                    done = last + 1 - begin;
                    for (int64_t copy = 0; copy < times; copy++) {
                        for (int64_t c = head; c <= last; c++) {
                            if (ignored.at[c] & bit) {
                                out++;
                                continue;
                            }
                            counted++;
                            if (correct.at[c] & bit) reach(&points, ++tp, counted);
                        }
                    }
                }
            }
            found->at[t] += (double)tp / (double)n;
            total->at[t] += area(&points) / (double)recalls;
        }
    }
    return 0;
}

KERNEL bootstrap_sum_steps(Ints start, Codes row, const Steps *steps, Ints weight, Ints annotations, int64_t thresholds,
                           const Rule *rule, Floats *total, Floats *found) {
    int64_t classes = start.n - 1, recalls = rule->recalls.n;
    int64_t most = longest((Ints){start.at, classes}, (Ints){start.at + 1, classes});
    OWNED int32_t *seen_at = ZEROS(most + 1, int32_t);  /* the weights of the first so many of the class at hand */
    OWNED int64_t *point = ALLOCATE(3 * recalls, int64_t);
    if (!seen_at || !point || !sums(thresholds, total, found)) return OUT_OF_MEMORY;
    for (int64_t k = 0; k < annotations.n; k++) {
        int64_t n = annotations.at[k], begin = start.at[k];
        if (!n) continue;
        for (int64_t i = begin; i < start.at[k + 1]; i++)
            seen_at[i - begin + 1] = seen_at[i - begin] + (int32_t)weight.at[row.at[i]];
        for (int64_t t = 0; t < thresholds; t++) {
            Points points = {rule, n, point, point + recalls, point + 2 * recalls, -1, 1};
            int64_t tp = 0, best = 0, own = t * classes + k;
            for (int64_t e = steps->start.at[own]; e < steps->start.at[own + 1]; e++) {
                tp += steps->delta_tp.at[e] * weight.at[steps->row.at[e]];
                /* With no more true positives than there have been before, recall and precision are no better. */
                if (!steps->last.at[e] || tp <= best) continue;
                best = tp;
                reach(&points, tp, seen_at[steps->seen.at[e]]);
            }
            found->at[t] += (double)tp / (double)n;
            total->at[t] += area(&points) / (double)recalls;
        }
    }
    return 0;
}
