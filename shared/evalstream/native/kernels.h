/* What the kernels share: columns as they come from NumPy, memory, stable sorting.
 *
 * A kernel is declared in Python (`@compiled`, evalstream/native/__init__.py) and defined in the C file beside it, under
 * the name module_function. Its parameters stand in Python's order, then what it gives back, one pointer a value. What
 * it returns is 0, or OUT_OF_MEMORY. Kernels know neither Python nor threads; Python's lock is free while they run.
 *
 * All arithmetic is IEEE 754 as written: compiled without contraction and without -ffast-math (hatch_build.py), so that
 * results are equal to those of the references to the last bit.
 */
#ifndef EVALSTREAM_KERNELS_H
#define EVALSTREAM_KERNELS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#define KERNEL __declspec(dllexport) int
#else
#define KERNEL __attribute__((visibility("default"))) int
#endif
#define OUT_OF_MEMORY 1

/* Columns. Those that a kernel gives back are of malloc, and Python frees them. */
typedef struct { double *at; int64_t n; } Floats;
typedef struct { int64_t *at; int64_t n; } Ints;
typedef struct { int32_t *at; int64_t n; } Codes;
typedef struct { int8_t *at; int64_t n; } Smalls;
typedef struct { bool *at; int64_t n; } Flags;
typedef struct { uint8_t *at; int64_t n; } Bytes;
typedef struct { uint32_t *at; int64_t n; } Bits;
typedef struct { uint64_t *at; int64_t n; } Keys;

/* evalstream.scenes.RECTANGLE */
typedef struct {
    int32_t prediction, annotation;
    double iou, confidence_low, confidence_high, iou_low, iou_high;
    uint8_t area_range;
    bool ignored;
} Rectangle;
typedef struct { Rectangle *at; int64_t n; } Rectangles;

/* evalstream.scenes.Scenes */
typedef struct {
    Ints annotation_start, annotation_end, prediction_start, prediction_end;
    Codes annotation_type, annotation_feature;
    Floats annotation_area;
    Flags annotation_crowd, annotation_difficult;
    Floats annotation_box;
    Codes prediction_type, prediction_feature;
    Floats prediction_confidence, prediction_area, prediction_box;
} Scenes;

/* evalstream.scenes.Pairs */
typedef struct { Ints start; Codes annotation; Floats iou; } Pairs;

/* --- memory ------------------------------------------------------------------------------------------------------- */

static inline void release(void *pointer) { free(*(void **)pointer); }
/* Freed at the end of its scope, whichever way that is left. */
#define OWNED __attribute__((cleanup(release)))
#define ALLOCATE(n, type) ((type *)malloc(((size_t)(n) + 1) * sizeof(type)))
#define ZEROS(n, type) ((type *)calloc((size_t)(n) + 1, sizeof(type)))

/* Give a column that is given back its memory. */
#define RETURN_ROOM(column, count)                                                                  \
    do {                                                                                            \
        (column)->n = (count);                                                                      \
        (column)->at = malloc(((size_t)(column)->n + 1) * sizeof(*(column)->at));                   \
        if (!(column)->at) return OUT_OF_MEMORY;                                                    \
    } while (0)

static inline bool grown(void **at, int64_t *room, size_t size) {
    int64_t more = *room < 512 ? 1024 : 2 * *room;
    void *longer = realloc(*at, (size_t)more * size);
    if (!longer) return false;
    *at = longer, *room = more;
    return true;
}

/* Make room for one more entry of an array that has `room` entries. */
#define NEED(array, count, room)                                                                    \
    do {                                                                                            \
        if ((count) >= (room) && !grown((void **)&(array), &(room), sizeof(*(array)))) return OUT_OF_MEMORY; \
    } while (0)

static inline double least(double a, double b) { return a < b ? a : b; }
static inline double greatest(double a, double b) { return a > b ? a : b; }
static inline int64_t longest(Ints start, Ints end) {
    int64_t most = 0;
    for (int64_t s = 0; s < start.n; s++)
        if (end.at[s] - start.at[s] > most) most = end.at[s] - start.at[s];
    return most;
}

/* --- sorting ------------------------------------------------------------------------------------------------------ */

/* Define `bool name(int64_t *order, int64_t n, Context of)`, a stable sort of positions: runs of insertion, then merges.
 * AFTER(of, p, q) is whether p has to come after q. False without memory. */
#define STABLE_SORT(name, Context, AFTER)                                                           \
    static inline bool name(int64_t *order, int64_t n, Context of) {                                       \
        const int64_t run = 16;                                                                     \
        for (int64_t low = 0; low < n; low += run) {                                                \
            int64_t high = low + run < n ? low + run : n;                                           \
            for (int64_t i = low + 1; i < high; i++) {                                              \
                int64_t own = order[i], j = i;                                                      \
                for (; j > low && AFTER(of, order[j - 1], own); j--) order[j] = order[j - 1];       \
                order[j] = own;                                                                     \
            }                                                                                       \
        }                                                                                           \
        if (n <= run) return true;                                                                  \
        OWNED int64_t *other = ALLOCATE(n, int64_t);                                                \
        if (!other) return false;                                                                   \
        int64_t *from = order, *to = other;                                                         \
        for (int64_t width = run; width < n; width *= 2) {                                          \
            for (int64_t low = 0; low < n; low += 2 * width) {                                      \
                int64_t middle = low + width < n ? low + width : n;                                 \
                int64_t high = low + 2 * width < n ? low + 2 * width : n;                           \
                int64_t i = low, j = middle, at = low;                                              \
                while (i < middle && j < high) to[at++] = AFTER(of, from[i], from[j]) ? from[j++] : from[i++]; \
                while (i < middle) to[at++] = from[i++];                                            \
                while (j < high) to[at++] = from[j++];                                              \
            }                                                                                       \
            int64_t *swap = from;                                                                   \
            from = to, to = swap;                                                                   \
        }                                                                                           \
        if (from != order) memcpy(order, from, (size_t)n * sizeof(*order));                         \
        return true;                                                                                \
    }

/* --- what several kernels do -------------------------------------------------------------------------------------- */

/* See evalstream.geometry.bbox.box_iou. */
static inline double box_iou(const double *prediction, const double *annotation, bool crowd, double one) {
    double right = least(prediction[2] + prediction[0], annotation[2] + annotation[0]);
    double width = right - greatest(prediction[0], annotation[0]) + one;
    if (width <= 0) return 0.0;
    double bottom = least(prediction[3] + prediction[1], annotation[3] + annotation[1]);
    double height = bottom - greatest(prediction[1], annotation[1]) + one;
    if (height <= 0) return 0.0;
    double intersection = width * height;
    double prediction_area = (prediction[2] + one) * (prediction[3] + one);
    double annotation_area = (annotation[2] + one) * (annotation[3] + one);
    return intersection / (crowd ? prediction_area : prediction_area + annotation_area - intersection);
}

/* Write one rectangle at index out->n; false without memory. */
static inline bool emit(Rectangles *out, int64_t *room, int64_t prediction, int64_t annotation, double iou,
                        double confidence_low, double confidence_high, double iou_low, double iou_high, int area_range,
                        bool ignored) {
    if (out->n >= *room && !grown((void **)&out->at, room, sizeof(Rectangle))) return false;
    Rectangle *own = &out->at[out->n++];
    memset(own, 0, sizeof(*own));  /* the bytes between fields, too: equal results are equal bytes */
    own->prediction = (int32_t)prediction, own->annotation = (int32_t)annotation;
    own->iou = iou;
    own->confidence_low = confidence_low, own->confidence_high = confidence_high;
    own->iou_low = iou_low, own->iou_high = iou_high;
    own->area_range = (uint8_t)area_range, own->ignored = ignored;
    return true;
}

#endif
