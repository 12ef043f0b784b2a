/* COCO's run lengths, compressed to text, in JSON: {"size": [height, width], "counts": "…"}.
 *
 * Each number is in characters of 5 bits, the lowest first, and the sixth bit says that more follow. From the fourth run
 * on, numbers are differences to the run before the last (pycocotools, maskApi.c, rleFrString).
 */
#ifndef EVALSTREAM_RUNS_H
#define EVALSTREAM_RUNS_H

#include "json.h"

#define CHARACTERS_OF_A_RUN 6  /* evalstream.events.objects.mask */

/* Where the text of the runs begins and ends; a backslash is escaped there, and nothing else. */
typedef struct { int64_t height, width; const uint8_t *begin, *end; } RunText;

static inline bool run_text(Reader *in, RunText *found) {
    bool size = false, counts = false, plain;
    if (!next(in, '{')) return false;
    do {
        const uint8_t *begin, *end;
        if (!key(in, &begin, &end)) return false;
        if (!size && is(begin, end, "size")) {
            size = true;
            if (!next(in, '[') || !integer(in, &found->height) || !next(in, ',') || !integer(in, &found->width) ||
                !next(in, ']'))
                return false;
        } else if (!counts && is(begin, end, "counts")) {
            counts = true;
            if (!string(in, &found->begin, &found->end, &plain)) return false;
        } else {
            return false;
        }
    } while (next(in, ','));
    return size && counts && next(in, '}');
}

/* A number of them; false if it is not written as pycocotools would write it. */
static inline bool run(const uint8_t **at, const uint8_t *end, int64_t *found) {
    if (*at < end && (uint8_t)(**at - '0') < 32) {  /* one character, as most are */
        *found = (int64_t)((*(*at)++ - '0') ^ 16) - 16;
        return true;
    }
    int64_t value = 0, code = 0, before = 0;
    for (int shift = 0;; shift += 5) {
        if (*at >= end || shift == 5 * CHARACTERS_OF_A_RUN) return false;
        before = code, code = *(*at)++ - '0';
        if (code == '\\' - '0' && (*at >= end || *(*at)++ != '\\')) return false;
        if (code < 0 || code > 63) return false;
        value |= (code & 31) << shift;
        if (code & 32) continue;
        /* A last character that only repeats the sign: not the shortest form. */
        if (shift && code == (before & 16 ? 31 : 0)) return false;
        *found = code & 16 ? value - (1LL << (shift + 5)) : value;
        return true;
    }
}

/* Count the pixels of a mask, or -1 if it is not written as pycocotools would write it. */
static inline int64_t pixels_of(const RunText *text) {
    int64_t runs[2] = {0, 0}, sums[2] = {0, 0}, own, count = 0;
    for (const uint8_t *at = text->begin; at < text->end; count++) {
        if (!run(&at, text->end, &own)) return -1;
        if (count > 2) own += runs[count & 1];
        if (own < 0 || (!own && count)) return -1;
        runs[count & 1] = own, sums[count & 1] += own;
    }
    return count && sums[0] + sums[1] == text->height * text->width ? sums[1] : -1;
}

#endif
