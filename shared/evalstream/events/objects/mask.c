#include <stdio.h>

#include "../../native/runs.h"

/* See evalstream.events.objects.mask.kept_pixels. */
KERNEL mask_kept_pixels(Bytes text, Codes start, int64_t longest_side, int64_t most, Ints *pixels) {
    int64_t count = start.n - 1;
    RETURN_ROOM(pixels, count);
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *begin = text.at + start.at[i], *end = text.at + start.at[i + 1];
        Reader in = {begin, end, true};
        RunText own;
        char head[80];
        pixels->at[i] = -1;
        if (!run_text(&in, &own) || in.at != end) continue;
        if (own.height <= 0 || own.width <= 0 || own.height > longest_side || own.width > longest_side) continue;
        if (own.height * own.width > most) continue;
        int length = snprintf(head, sizeof(head), "{\"size\":[%lld,%lld],\"counts\":\"", (long long)own.height,
                              (long long)own.width);
        /* Nothing else before the runs, and nothing but the end after them. */
        if (own.begin - begin != length || memcmp(begin, head, (size_t)length) || end - own.end != 2) continue;
        pixels->at[i] = pixels_of(&own);
    }
    return 0;
}
