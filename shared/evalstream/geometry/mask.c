#include "../native/kernels.h"
#include "../native/runs.h"

/* The masks of one side of a scene: where the runs of all of them end, counting pixels column by column, and of each
 * where its own begin, its pixels, and the first and last pixel and row that it has. */
typedef struct { uint32_t first, last, top, bottom; int64_t begin, end, pixels; } Mask;
typedef struct { Mask *mask; int64_t n, room; uint32_t *at; int64_t ends, ends_room; int64_t height, width; } Side;

static void drop(Side *side) { free(side->mask), free(side->at); }

/* Read the masks of one side; 0, 1 if one of them has another form or size, or -1 without memory. */
static int read(Side *side, Bytes text, Codes start, int64_t from, int64_t to) {
    side->n = side->ends = 0;
    for (int64_t i = from; i < to; i++) {
        Reader in = {text.at + start.at[i], text.at + start.at[i + 1], true};
        RunText own;
        if (!run_text(&in, &own)) return 1;
        if (!side->height) side->height = own.height, side->width = own.width;
        if (own.height != side->height || own.width != side->width || own.height <= 0) return 1;
        if (side->n >= side->room && !grown((void **)&side->mask, &side->room, sizeof(Mask))) return -1;
        Mask *mask = &side->mask[side->n++];
        *mask = (Mask){.top = UINT32_MAX, .begin = side->ends};
        while (side->ends + (own.end - own.begin) > side->ends_room)
            if (!grown((void **)&side->at, &side->ends_room, sizeof(*side->at))) return -1;
        int64_t count = 0, at = 0, runs[2] = {0, 0}, column = 0, value;
        const int64_t height = own.height, pixels = height * own.width;
        for (const uint8_t *next = own.begin; next < own.end; count++) {
            if (!run(&next, own.end, &value)) return 1;
            if (count > 2) value += runs[count & 1];
            if (value < 0 || value > pixels - at) return 1;
            runs[count & 1] = value;
            side->at[side->ends++] = (uint32_t)(at + value);
            if (count & 1 && value) {  /* from `at` on, up to `at + value` */
                if (at - column >= height) column = at - column < 4 * height ? column : at - at % height;
                while (at - column >= height) column += height;
                uint32_t top = (uint32_t)(at - column), bottom = top + (uint32_t)value - 1;
                if (bottom >= height) top = 0, bottom = (uint32_t)height - 1;
                if (top < mask->top) mask->top = top;
                if (bottom > mask->bottom) mask->bottom = bottom;
                if (!mask->pixels) mask->first = (uint32_t)at;
                mask->last = (uint32_t)(at + value - 1);
                mask->pixels += value;
            }
            at += value;
        }
        if (at != pixels) return 1;
        side->ends -= count & 1;  /* what follows the last pixel of the object does not matter */
        mask->end = side->ends;
    }
    return 0;
}

/* Count the pixels that two masks share. */
static int64_t shared(const Side *predicted, const Mask *p, const Side *annotated, const Mask *a) {
    if (!p->pixels || !a->pixels || p->first > a->last || a->first > p->last) return 0;
    if (p->top > a->bottom || a->top > p->bottom) return 0;
    const uint32_t *one = predicted->at + p->begin, *one_end = predicted->at + p->end;
    const uint32_t *other = annotated->at + a->begin, *other_end = annotated->at + a->end;
    while (one < one_end && one[1] <= a->first) one += 2;
    while (other < other_end && other[1] <= p->first) other += 2;
    int64_t pixels = 0;
    while (one < one_end && other < other_end) {
        /* Without a branch, for which way it goes cannot be foretold. */
        int64_t begin = one[0] > other[0] ? one[0] : other[0], end = one[1] < other[1] ? one[1] : other[1];
        int64_t both = end - begin;
        pixels += both > 0 ? both : 0;
        bool shorter = one[1] < other[1];
        one += 2 * shorter, other += 2 * !shorter;
    }
    return pixels;
}

/* See evalstream.geometry.mask._overlaps. */
KERNEL mask_overlaps(Ints first, Ints last, Ints begin, Ints end, Bytes predicted, Codes predicted_start,
                     Bytes annotated, Codes annotated_start, Flags crowd, int64_t *fault, Codes *prediction,
                     Codes *annotation, Floats *iou) {
    __attribute__((cleanup(drop))) Side of_predictions = {0};
    __attribute__((cleanup(drop))) Side of_annotations = {0};
    int64_t rooms[3] = {0, 0, 0}, count = 0;
    *fault = -1;
    for (int64_t scene = 0; scene < first.n; scene++) {
        of_predictions.height = 0;
        int odd = read(&of_predictions, predicted, predicted_start, first.at[scene], last.at[scene]);
        of_annotations.height = of_predictions.height, of_annotations.width = of_predictions.width;
        if (!odd) odd = read(&of_annotations, annotated, annotated_start, begin.at[scene], end.at[scene]);
        if (odd < 0) return OUT_OF_MEMORY;
        if (odd) {
            *fault = scene;
            return 0;
        }
        for (int64_t p = 0; p < of_predictions.n; p++) {
            for (int64_t a = 0; a < of_annotations.n; a++) {
                const Mask *own = &of_predictions.mask[p], *other = &of_annotations.mask[a];
                int64_t both = shared(&of_predictions, own, &of_annotations, other);
                if (!both) continue;
                NEED(prediction->at, count, rooms[0]);
                NEED(annotation->at, count, rooms[1]);
                NEED(iou->at, count, rooms[2]);
                int64_t either = crowd.at[begin.at[scene] + a] ? own->pixels : own->pixels + other->pixels - both;
                prediction->at[count] = (int32_t)(first.at[scene] + p);
                annotation->at[count] = (int32_t)(begin.at[scene] + a);
                iou->at[count] = (double)both / (double)either;
                prediction->n = annotation->n = iou->n = ++count;
            }
        }
    }
    return 0;
}
