#include "../native/kernels.h"

typedef struct { Floats xy; Ints start; } Samples;

static double segment(const double *values, int64_t k) {
    double x = values[k] - values[k - 2], y = values[k + 1] - values[k - 1];
    return sqrt(x * x + y * y);
}

KERNEL polyline_samples(Floats values, Ints count, Floats tolerance, int64_t per_tolerance, int64_t limit, Floats *xy,
                        Ints *start) {
    OWNED double *length = ZEROS(count.n, double);
    if (!length) return OUT_OF_MEMORY;
    RETURN_ROOM(start, count.n + 1);
    start->at[0] = 0;
    int64_t end = 0;
    for (int64_t i = 0; i < count.n; i++) {
        int64_t begin = end;
        end += count.at[i];
        for (int64_t k = begin + 2; k < end; k += 2) length[i] += segment(values.at, k);
        /* A length that is a multiple but for rounding is one, wherever the line lies. */
        double pieces = ceil(length[i] / tolerance.at[i] * (double)per_tolerance - 1e-9);
        start->at[i + 1] = start->at[i] + 1 + (int64_t)least(greatest(pieces, 1.0), (double)limit - 1.0);
    }
    RETURN_ROOM(xy, 2 * start->at[count.n]);
    end = 0;
    for (int64_t i = 0; i < count.n; i++) {
        int64_t begin = end, pieces = start->at[i + 1] - start->at[i] - 1;
        end += count.at[i];
        int64_t k = begin;  /* the segment from k: what lies before it, and its own length */
        double passed = 0.0, own = 0.0;
        double *out = &xy->at[2 * start->at[i]];
        for (int64_t n = 0; n < pieces; n++) {
            double place = length[i] * (double)n / (double)pieces;
            while (k == begin || (passed + own < place && k + 2 < end)) {
                k += 2;
                passed += own;
                own = segment(values.at, k);
            }
            double share = own > 0 ? (place - passed) / own : 0.0;
            *out++ = values.at[k - 2] + share * (values.at[k] - values.at[k - 2]);
            *out++ = values.at[k - 1] + share * (values.at[k + 1] - values.at[k - 1]);
        }
        *out++ = values.at[end - 2];
        *out++ = values.at[end - 1];
    }
    return 0;
}

KERNEL polyline_distances(const Samples *first, const Samples *second, int64_t limit, Floats *out) {
    int64_t pairs = first->start.n - 1;
    OWNED double *apart = ALLOCATE(limit, double);   /* of a point of the first line from each of the second, squared */
    OWNED double *nearest = ALLOCATE(limit, double); /* of each point of the second line, the least of these so far */
    OWNED double *leash = ALLOCATE(limit, double);   /* how long it has to be for two to come here, squared */
    if (!apart || !nearest || !leash) return OUT_OF_MEMORY;
    RETURN_ROOM(out, 3 * pairs);
    for (int64_t pair = 0; pair < pairs; pair++) {
        const double *a = &first->xy.at[2 * first->start.at[pair]], *b = &second->xy.at[2 * second->start.at[pair]];
        int64_t n = first->start.at[pair + 1] - first->start.at[pair];
        int64_t m = second->start.at[pair + 1] - second->start.at[pair];
        for (int64_t j = 0; j < m; j++) nearest[j] = leash[j] = INFINITY;
        double diagonal = -INFINITY;  /* before the first point of both, nothing was asked of the leash */
        double forth = 0.0, farthest = 0.0;
        for (int64_t i = 0; i < n; i++) {
            for (int64_t j = 0; j < m; j++) {
                double x = a[2 * i] - b[2 * j], y = a[2 * i + 1] - b[2 * j + 1];
                apart[j] = x * x + y * y;
            }
            double own = INFINITY;
            for (int64_t j = 0; j < m; j++) {
                own = least(apart[j], own);
                nearest[j] = least(apart[j], nearest[j]);
            }
            forth += sqrt(own);
            farthest = greatest(own, farthest);
            double before = INFINITY;
            for (int64_t j = 0; j < m; j++) {
                double above = leash[j];
                before = greatest(apart[j], least(before, least(above, diagonal)));
                leash[j] = before;
                diagonal = above;
            }
            diagonal = INFINITY;
        }
        double back = 0.0;
        for (int64_t j = 0; j < m; j++) {
            back += sqrt(nearest[j]);
            farthest = greatest(nearest[j], farthest);
        }
        out->at[3 * pair] = (forth / (double)n + back / (double)m) / 2;
        out->at[3 * pair + 1] = sqrt(farthest);
        out->at[3 * pair + 2] = sqrt(leash[m - 1]);
    }
    return 0;
}
