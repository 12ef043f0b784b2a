#include "../native/kernels.h"

#define NONE (-1)

KERNEL semantic_decode(Bytes text, Ints *ends) {
    RETURN_ROOM(ends, text.n);
    int64_t *runs = ends->at, count = 0, at = 0;
    while (at < text.n) {
        uint64_t number = 0;
        unsigned shift = 0;
        bool more = true;
        while (more && at < text.n) {
            int64_t bits = (int64_t)text.at[at++] - 48;
            if (shift < 64) number |= (uint64_t)(bits & 31) << shift;
            shift += 5;
            more = (bits & 32) != 0;
            if (!more && (bits & 16) != 0 && shift < 64) number |= UINT64_MAX << shift;
        }
        runs[count] = (int64_t)number + (count > 2 ? runs[count - 2] : 0);
        count++;
    }
    for (int64_t k = 1; k < count; k++) runs[k] += runs[k - 1];
    ends->n = count;
    return 0;
}

/* Sums of pixels by cell, in a table that is open to both sides; a key below 0 is a free place. */
typedef struct {
    int64_t *key, *pixels;
    int64_t used, size, classes, levels;
} Total;

static int64_t place_of(const Total *total, int64_t key) {
    uint64_t hash = (uint64_t)key * 0x9E3779B97F4A7C15u;
    int64_t at = (int64_t)(hash >> 32) & (total->size - 1);
    while (total->key[at] >= 0 && total->key[at] != key) at = (at + 1) & (total->size - 1);
    return at;
}

static bool resize(Total *total, int64_t size) {
    Total larger = *total;
    larger.size = size;
    larger.key = ALLOCATE(size, int64_t), larger.pixels = ALLOCATE(size, int64_t);
    if (!larger.key || !larger.pixels) {
        free(larger.key), free(larger.pixels);
        return false;
    }
    memset(larger.key, 0xFF, (size_t)size * sizeof(int64_t));
    for (int64_t i = 0; i < total->size; i++) {
        if (total->key[i] < 0) continue;
        int64_t at = place_of(&larger, total->key[i]);
        larger.key[at] = total->key[i], larger.pixels[at] = total->pixels[i];
    }
    free(total->key), free(total->pixels);
    *total = larger;
    return true;
}

static void drop(Total *total) { free(total->key), free(total->pixels); }

static bool add(Total *total, int64_t actual, int64_t found, int64_t level, int64_t pixels) {
    int64_t key = ((actual + 1) * (total->classes + 1) + found + 1) * (total->levels + 1) + level + 1;
    int64_t at = place_of(total, key);
    if (total->key[at] < 0) {
        if (2 * ++total->used > total->size) {
            if (!resize(total, 2 * total->size)) return false;
            at = place_of(total, key);
        }
        total->key[at] = key, total->pixels[at] = 0;
    }
    total->pixels[at] += pixels;
    return true;
}

static int64_t sort_few(int64_t *values, int64_t n, bool once) {
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t own = values[i], j = kept;
        while (j > 0 && values[j - 1] > own) j--;
        if (once && j > 0 && values[j - 1] == own) continue;
        memmove(&values[j + 1], &values[j], (size_t)(kept - j) * sizeof(*values));
        values[j] = own;
        kept++;
    }
    return kept;
}

static bool has(const int64_t *values, int64_t n, int64_t value) {
    for (int64_t i = 0; i < n; i++)
        if (values[i] == value) return true;
    return false;
}

/* Pair the classes of a pixel at each confidence at which another is predicted; add what changes. */
static bool pair(Total *total, const int64_t *actual, int64_t actuals, const int64_t *found, int64_t founds,
                 const int64_t *since, int64_t *steps, int64_t pixels) {
    for (int64_t k = 0; k < founds; k++) {
        steps[k] = since[found[k]];
        if (has(actual, actuals, found[k]) && !add(total, found[k], found[k], since[found[k]], pixels)) return false;
    }
    int64_t count = sort_few(steps, founds, true);
    for (int64_t s = 0; s < count; s++) {
        /* What was paired before this step goes, what is paired from it on comes. */
        for (int sign = -1; sign <= 1; sign += 2) {
            int64_t until = sign < 0 ? steps[s] - 1 : steps[s], i = 0, j = 0;
            for (;;) {
                while (i < actuals && has(found, founds, actual[i]) && since[actual[i]] <= until) i++;
                while (j < founds && (since[found[j]] > until || has(actual, actuals, found[j]))) j++;
                if (i == actuals || j == founds) break;
                if (!add(total, actual[i++], found[j++], steps[s], sign * pixels)) return false;
            }
        }
    }
    return true;
}

KERNEL semantic_sweep(Ints position, Ints mask, Ints feature, Ints level, Flags is_prediction, int64_t classes,
                      int64_t levels, Ints *entries) {
    __attribute__((cleanup(drop))) Total total = {NULL, NULL, 0, 0, classes, levels};
    OWNED int64_t *active = ALLOCATE(feature.n, int64_t), *place = ALLOCATE(feature.n, int64_t);
    OWNED bool *is_actual = ZEROS(classes, bool), *is_found = ZEROS(classes, bool);
    OWNED int64_t *since = ALLOCATE(classes, int64_t);  /* the highest level at which a class is predicted here */
    OWNED int64_t *actual = ALLOCATE(classes, int64_t), *found = ALLOCATE(classes, int64_t);
    OWNED int64_t *steps = ALLOCATE(classes, int64_t);
    if (!resize(&total, 64) || !active || !place || !is_actual || !is_found || !since || !actual || !found || !steps)
        return OUT_OF_MEMORY;
    for (int64_t m = 0; m < feature.n; m++) place[m] = -1;
    int64_t count = 0, ignored = 0, before = 0;
    for (int64_t b = 0; b < position.n; b++) {
        int64_t pixels = position.at[b] - before;
        if (pixels > 0 && count > 0 && ignored == 0) {
            int64_t actuals = 0, founds = 0;
            for (int64_t i = 0; i < count; i++) {
                int64_t m = active[i], c = feature.at[m];
                if (!is_prediction.at[m]) {
                    if (!is_actual[c]) actual[actuals++] = c;
                    is_actual[c] = true;
                } else if (!is_found[c]) {
                    is_found[c] = true;
                    since[c] = level.at[m];
                    found[founds++] = c;
                } else if (level.at[m] < since[c]) {
                    since[c] = level.at[m];
                }
            }
            for (int64_t i = 0; i < actuals; i++) {
                if (!add(&total, actual[i], NONE, NONE, pixels)) return OUT_OF_MEMORY;
                is_actual[actual[i]] = false;
            }
            for (int64_t i = 0; i < founds; i++) {
                if (!add(&total, NONE, found[i], since[found[i]], pixels)) return OUT_OF_MEMORY;
                is_found[found[i]] = false;
            }
            if (actuals == 1 && founds == 1) {
                if (!add(&total, actual[0], found[0], since[found[0]], pixels)) return OUT_OF_MEMORY;
            } else if (actuals > 0 && founds > 0) {
                sort_few(actual, actuals, false);
                sort_few(found, founds, false);
                if (!pair(&total, actual, actuals, found, founds, since, steps, pixels)) return OUT_OF_MEMORY;
            }
        }
        int64_t m = mask.at[b], step = place[m] < 0 ? 1 : -1;
        if (step > 0) {
            active[count] = m;
            place[m] = count;
        } else {
            int64_t last = active[count - 1];
            active[place[m]] = last;
            place[last] = place[m];
            place[m] = -1;
        }
        count += step;
        if (feature.at[m] == NONE) ignored += step;
        before = position.at[b];
    }
    RETURN_ROOM(entries, 4 * total.used);
    int64_t *row = entries->at;
    for (int64_t i = 0; i < total.size; i++) {
        if (total.key[i] < 0) continue;
        *row++ = total.key[i] / ((classes + 1) * (levels + 1)) - 1;
        *row++ = total.key[i] / (levels + 1) % (classes + 1) - 1;
        *row++ = total.key[i] % (levels + 1) - 1;
        *row++ = total.pixels[i];
    }
    return 0;
}
