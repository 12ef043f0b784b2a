#include "../native/kernels.h"

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
