#include "../native/kernels.h"

KERNEL bounds_compared(Ints first, Ints last, Ints begin, Ints end, Floats predicted, Floats annotated, Ints *i,
                       Ints *j) {
    int64_t room = 0, other_room = 0, count = 0;
    for (int64_t scene = 0; scene < first.n; scene++) {
        for (int64_t p = first.at[scene]; p < last.at[scene]; p++) {
            const double *own = &predicted.at[4 * p];
            for (int64_t a = begin.at[scene]; a < end.at[scene]; a++) {
                const double *other = &annotated.at[4 * a];
                if (!(other[0] < own[2] && other[2] > own[0] && other[1] < own[3] && other[3] > own[1])) continue;
                NEED(i->at, count, room);
                NEED(j->at, count, other_room);
                i->at[count] = p;
                j->at[count] = a;
                i->n = j->n = ++count;
            }
        }
    }
    return 0;
}
