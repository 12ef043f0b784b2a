#include "../native/kernels.h"

/* evalstream.metrics.entities: MODES, outcomes, Spans. */
enum { STRICT, EXACT, PARTIAL_MODE, TYPE, MODES };
enum { CORRECT, INCORRECT, PARTIAL, MISSED, SPURIOUS, OUTCOMES };
typedef struct { Ints group, start, end, label; } Spans;

typedef struct { const int64_t *start, *end, *label; } Ends;
static inline bool lies_after(Ends of, int64_t p, int64_t q) {
    if (of.start[p] != of.start[q]) return of.start[p] > of.start[q];
    return of.end[p] != of.end[q] ? of.end[p] > of.end[q] : of.label[p] > of.label[q];
}
STABLE_SORT(sort_by_ends, Ends, lies_after)

KERNEL entities_order(Ints group, Ints start, Ints end, Ints label, Ints *order) {
    RETURN_ROOM(order, group.n);
    for (int64_t i = 0; i < group.n; i++) order->at[i] = i;
    for (int64_t low = 0, high; low < group.n; low = high) {
        for (high = low + 1; high < group.n && group.at[high] == group.at[low];) high++;
        if (!sort_by_ends(&order->at[low], high - low, (Ends){start.at, end.at, label.at})) return OUT_OF_MEMORY;
    }
    return 0;
}

/* The spans of one group on both sides, as far as they are not passed, and which are spoken for. */
typedef struct {
    const Spans *a, *p;
    int64_t low, last, first, end, mode;
    bool *taken, *done;
} Group;

/* Match what has the same boundaries, and where the mode asks for it the same type; give how many pairs. */
static int64_t take_whole(Group of) {
    const int64_t *start = of.a->start.at, *end = of.a->end.at;
    int64_t count = 0, low = of.low;
    for (int64_t i = of.first; i < of.end; i++) {
        int64_t begin = of.p->start.at[i], stop = of.p->end.at[i];
        while (low < of.last && (start[low] < begin || (start[low] == begin && end[low] < stop))) low++;
        for (int64_t j = low; j < of.last && start[j] == begin && end[j] == stop; j++) {
            bool may = of.mode == EXACT || of.mode == PARTIAL_MODE || of.a->label.at[j] == of.p->label.at[i];
            if (of.taken[j] || !may) continue;
            of.taken[j] = of.done[i] = true;
            count++;
            break;
        }
    }
    return count;
}

/* The free annotation that prediction i takes: of its own type (mode TYPE only), or another; −1: none. */
static void first_overlapping(Group of, int64_t i, int64_t *same, int64_t *other) {
    int64_t nearest = 0;
    *same = *other = -1;
    for (int64_t j = of.low; j < of.last && of.a->start.at[j] < of.p->end.at[i]; j++) {
        if (of.taken[j] || of.a->end.at[j] <= of.p->start.at[i]) continue;
        if (of.mode == TYPE && of.a->label.at[j] == of.p->label.at[i]) {
            int64_t distance = llabs(of.a->start.at[j] - of.p->start.at[i]) + llabs(of.a->end.at[j] - of.p->end.at[i]);
            if (*same < 0 || distance < nearest) *same = j, nearest = distance;
        } else if (*other < 0) {
            *other = j;
            if (of.mode != TYPE) break;
        }
    }
}

static inline bool same_ends(const Spans *of, int64_t i, int64_t k) {
    return of->start.at[i] == of->start.at[k] && of->end.at[i] == of->end.at[k];
}

/* Of predictions with the same boundaries as i, those go first that have a free annotation of their own type: otherwise
 * the order of their list would say which of them takes it. Give how many do. */
static int64_t take_own_type(Group of, int64_t i) {
    int64_t count = 0, same, other;
    for (int64_t k = i; k < of.end && same_ends(of.p, i, k); k++) {
        if (of.done[k]) continue;
        first_overlapping(of, k, &same, &other);
        if (same < 0) continue;
        of.taken[same] = of.done[k] = true;
        count++;
    }
    return count;
}

KERNEL entities_count_groups(const Spans *a, const Spans *p, Ints first_a, Ints first_p, Ints bucket, Ints counts) {
    OWNED bool *taken = ALLOCATE(a->start.n, bool), *done = ALLOCATE(p->start.n, bool);
    if (!taken || !done) return OUT_OF_MEMORY;
    for (int64_t mode = 0; mode < MODES; mode++) {
        memset(taken, 0, (size_t)a->start.n);
        memset(done, 0, (size_t)p->start.n);
        for (int64_t g = 0; g < bucket.n; g++) {
            int64_t *out = &counts.at[(bucket.at[g] * MODES + mode) * OUTCOMES];
            Group of = {a, p, first_a.at[g], first_a.at[g + 1], first_p.at[g], first_p.at[g + 1], mode, taken, done};
            out[CORRECT] += take_whole(of);
            for (int64_t i = of.first; i < of.end; i++) {
                /* No later one begins before this one. */
                while (of.low < of.last && (taken[of.low] || a->end.at[of.low] <= p->start.at[i])) of.low++;
                bool first_of_its_ends = i == of.first || !same_ends(p, i - 1, i);
                if (mode == TYPE && first_of_its_ends) out[CORRECT] += take_own_type(of, i);
                if (done[i]) continue;
                int64_t same, other;
                first_overlapping(of, i, &same, &other);
                if (other >= 0) {
                    taken[other] = true;
                    out[mode == PARTIAL_MODE ? PARTIAL : INCORRECT]++;
                } else {
                    out[SPURIOUS]++;
                }
            }
            for (int64_t j = first_a.at[g]; j < of.last; j++) out[MISSED] += !taken[j];
        }
    }
    return 0;
}
