#include "../native/kernels.h"

/* evalstream.scoring.matrices._Ranges */
typedef struct { Ints entry; int64_t weight; Ints row_from, row_to, column_from, column_to; } Ranges;

/* See evalstream.scoring.matrices._add. */
KERNEL matrices_add(Codes count, int64_t rows, int64_t columns, const Ranges *of) {
    int32_t weight = (int32_t)of->weight;
    for (int64_t i = 0; i < of->entry.n; i++) {
        int32_t *own = &count.at[of->entry.at[i] * rows * columns];
        int64_t ends[2] = {of->row_from.at[i], of->row_to.at[i]};
        for (int64_t end = 0; end < 2; end++) {
            if (ends[end] >= rows) continue;
            int32_t *row = &own[ends[end] * columns], more = end ? -weight : weight;
            if (of->column_from.at[i] < columns) row[of->column_from.at[i]] += more;
            if (of->column_to.at[i] < columns) row[of->column_to.at[i]] -= more;
        }
    }
    return 0;
}

/* See evalstream.scoring.matrices._sum. */
KERNEL matrices_sum(Codes count, int64_t rows, int64_t columns, Flags *some) {
    int64_t cells = rows * columns;
    RETURN_ROOM(some, cells ? count.n / cells : 0);
    for (int64_t entry = 0; entry < some->n; entry++) {
        int32_t *own = &count.at[entry * cells];
        for (int64_t i = columns; i < cells; i++) own[i] += own[i - columns];
        int32_t any = 0;
        for (int64_t row = 0; row < rows; row++) {
            int32_t sum = 0;
            for (int64_t column = 0; column < columns; column++) {
                int32_t *at = &own[row * columns + column];
                sum += *at;
                *at = sum > 0 ? sum : 0;
                any |= *at;
            }
        }
        some->at[entry] = any != 0;
    }
    return 0;
}
