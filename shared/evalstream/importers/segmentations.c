/* COCO's segmentations to run lengths; see segmentations.py. Reads the plain form alone (native/json.h). */
#include "../native/json.h"
#include "../native/runs.h"

/* evalstream.importers.segmentations._Limits */
typedef struct { int64_t side, pixels; double outline; } Limits;

/* Numbers and runs in the making, used again and again. */
typedef struct { double *at; int64_t n, room; } Numbers;
typedef struct { uint32_t *at; int64_t n, room; } Runs;
typedef struct { uint8_t *at; int64_t n, room; } Text;
typedef struct { Numbers numbers; Runs ends, drawn, other, joined; Text text; } Scratch;

static void drop(Scratch *own) {
    free(own->numbers.at), free(own->ends.at), free(own->drawn.at), free(own->other.at), free(own->joined.at);
    free(own->text.at);
}

static bool append(Runs *runs, uint32_t value) {
    if (runs->n >= runs->room && !grown((void **)&runs->at, &runs->room, sizeof(*runs->at))) return false;
    runs->at[runs->n++] = value;
    return true;
}

/* Sort numbers, with as much other room: short runs by insertion, then merged. */
static void sort(uint32_t *at, uint32_t *room, int64_t n) {
    const int64_t run = 8;
    for (int64_t low = 0; low < n; low += run) {
        for (int64_t i = low + 1; i < n && i < low + run; i++) {
            uint32_t own = at[i];
            int64_t j = i;
            for (; j > low && at[j - 1] > own; j--) at[j] = at[j - 1];
            at[j] = own;
        }
    }
    for (int64_t width = run; width < n; width *= 2) {
        for (int64_t low = 0; low + width < n; low += 2 * width) {
            int64_t high = low + 2 * width < n ? low + 2 * width : n, i = 0, j = low + width, to = low;
            memcpy(room, at + low, (size_t)width * sizeof(*at));
            while (i < width && j < high) {
                bool other = at[j] < room[i];
                at[to++] = other ? at[j] : room[i];
                j += other, i += !other;
            }
            while (i < width) at[to++] = room[i++];
        }
    }
}

/* Where a line that crosses from one column of pixels to the next ends a run; `upper` is the y of the upper point. In
 * pixels that is (upper + 0.5) / 5 - 0.5, cut off at the image and rounded up. */
static inline bool crossed(Runs *ends, int64_t column, int64_t height, int upper) {
    int64_t y = upper < 0 ? 0 : (upper + 2) / 5;
    return append(ends, (uint32_t)(column * height + (y < height ? y : height)));
}

/* Draw an outline as pycocotools does (maskApi.c, rleFrPoly): upsampled five times, and walked point by point there. Of
 * the points only those matter that are before and after the middle between two columns of pixels, which is between the
 * upsampled columns 5 i + 2 and 5 i + 3: so only they are worked out, each as it is there. */
static bool drawn(const double *xy, int64_t points, int64_t height, int64_t width, Runs *ends, Runs *runs) {
    const double scale = 5;
    ends->n = runs->n = 0;
    for (int64_t j = 0; j < points; j++) {
        int64_t after = j + 1 < points ? j + 1 : 0;
        int xs = (int)(scale * xy[2 * j] + .5), xe = (int)(scale * xy[2 * after] + .5);
        int ys = (int)(scale * xy[2 * j + 1] + .5), ye = (int)(scale * xy[2 * after + 1] + .5);
        int dx = abs(xe - xs), dy = abs(ys - ye);
        if ((dx >= dy && xs > xe) || (dx < dy && ys > ye)) {
            int swap = xs;
            xs = xe, xe = swap;
            swap = ys, ys = ye, ye = swap;
        }
        int64_t first = (xs < xe ? xs : xe) + 2, last = ((xs < xe ? xe : xs) - 3);  /* columns, times five */
        first = first < 0 ? 0 : first / 5;
        last = last < 0 ? -1 : last / 5 < width - 1 ? last / 5 : width - 1;
        if (dx >= dy) {
            double slope = dx ? (double)(ye - ys) / dx : 0;
            for (int64_t i = first; i <= last; i++) {
                int t = (int)(5 * i) + 2 - xs;
                int v = (int)(ys + slope * t + .5), next_v = (int)(ys + slope * (t + 1) + .5);
                if (!crossed(ends, i, height, v < next_v ? v : next_v)) return false;
            }
            continue;
        }
        double slope = (double)(xe - xs) / dy;
#define U(t) ((int)(xs + slope * (t) + .5))
        for (int64_t i = first; i <= last; i++) {
            int left = (int)(5 * i) + 2;
            int t = (int)((left + .5 - xs) / slope);  /* about where it crosses: the first point beyond is sought */
            if (t < 1) t = 1;
            if (t > dy) t = dy;
            while (t > 1 && (U(t - 1) > left) == (slope > 0)) t--;
            while (t < dy && (U(t) > left) != (slope > 0)) t++;
            if (!crossed(ends, i, height, t - 1 + ys)) return false;
        }
#undef U
    }
    if (!append(ends, (uint32_t)(height * width))) return false;
    while (runs->room < ends->n)
        if (!grown((void **)&runs->at, &runs->room, sizeof(*runs->at))) return false;
    sort(ends->at, runs->at, ends->n);
    uint32_t last = 0;
    for (int64_t j = 0; j < ends->n; j++) {
        uint32_t own = ends->at[j];
        ends->at[j] -= last, last = own;
    }
    int64_t j = 0;
    if (!append(runs, ends->at[j++])) return false;
    while (j < ends->n) {
        if (ends->at[j]) {
            if (!append(runs, ends->at[j++])) return false;
        } else if (++j < ends->n) {
            runs->at[runs->n - 1] += ends->at[j++];
        }
    }
    return true;
}

/* Join two masks of one size (maskApi.c, rleMerge). */
static bool joined(const Runs *a, const Runs *b, Runs *out) {
    uint32_t left_a = a->at[0], left_b = b->at[0], run = 0;
    bool in_a = false, in_b = false, in = false;
    out->n = 0;
    for (int64_t next_a = 1, next_b = 1;;) {
        uint32_t step = left_a < left_b ? left_a : left_b;
        run += step, left_a -= step, left_b -= step;
        if (!left_a && next_a < a->n) left_a = a->at[next_a++], in_a = !in_a;
        if (!left_b && next_b < b->n) left_b = b->at[next_b++], in_b = !in_b;
        bool over = !left_a && !left_b, before = in;
        in = in_a || in_b;
        if (in == before && !over) continue;
        if (!append(out, run)) return false;
        run = 0;
        if (over) return true;
    }
}

static bool put(Text *text, const void *from, int64_t size) {
    while (text->n + size > text->room)
        if (!grown((void **)&text->at, &text->room, 1)) return false;
    memcpy(text->at + text->n, from, (size_t)size);
    text->n += size;
    return true;
}

static bool put_integer(Text *text, int64_t value) {
    char digits[20];
    int length = 0;
    do digits[sizeof(digits) - (size_t)++length] = (char)('0' + value % 10);
    while (value /= 10);
    return put(text, digits + sizeof(digits) - length, length);
}

static bool put_head(Text *text, int64_t height, int64_t width) {
    return put(text, "{\"size\":[", 9) && put_integer(text, height) && put(text, ",", 1) && put_integer(text, width) &&
           put(text, "],\"counts\":\"", 12);
}

/* Compress run lengths (maskApi.c, rleToString), a backslash escaped as JSON has it. */
static bool put_runs(Text *text, const Runs *runs) {
    while (text->n + 14 * runs->n > text->room)  /* at most 7 characters a run, each of them escaped */
        if (!grown((void **)&text->at, &text->room, 1)) return false;
    uint8_t *to = text->at + text->n;
    for (int64_t i = 0; i < runs->n; i++) {
        int64_t left = runs->at[i];
        if (i > 2) left -= runs->at[i - 2];
        for (bool more = true; more;) {
            uint8_t code = left & 31;
            left >>= 5;
            more = code & 16 ? left != -1 : left != 0;
            code = (uint8_t)((more ? code | 32 : code) + '0');
            if (code == '\\') *to++ = '\\';
            *to++ = code;
        }
    }
    text->n = to - text->at;
    return true;
}

/* Read outlines; `lengths` are the numbers of each, one after the other at the end. */
static bool outlines(Reader *in, Numbers *numbers, Runs *lengths, double limit, bool *memory) {
    numbers->n = lengths->n = 0;
    if (!next(in, '[')) return false;
    do {
        int64_t begin = numbers->n;
        if (!next(in, '[')) return false;
        do {
            double value;
            if (!real(in, &value) || fabs(value) > limit) return false;
            if (numbers->n >= numbers->room &&
                !grown((void **)&numbers->at, &numbers->room, sizeof(*numbers->at)))
                return *memory = false;
            numbers->at[numbers->n++] = value;
        } while (next(in, ','));
        int64_t count = numbers->n - begin;
        if (!next(in, ']') || count % 2 || count < (begin ? 2 : 6) || count > INT32_MAX) return false;
        if (!append(lengths, (uint32_t)count)) return *memory = false;
    } while (next(in, ','));
    return next(in, ']') && in->at == in->end;
}

enum { LEFT = 0, READ = 1, THIN = 2 };

/* Read one segmentation; whatever was written of one that is left to others does not count. */
static bool segmentation(Reader in, int64_t height, int64_t width, const Limits *limits, Scratch *own, uint8_t *state,
                         double *area, bool *memory) {
    blank(&in);
    *state = LEFT, *area = 0;
    if (in.at < in.end && *in.at == '{') {
        RunText found;
        if (!run_text(&in, &found) || in.at != in.end) return true;
        if (height && width && (found.height != height || found.width != width)) return true;
        if (found.height < 1 || found.width < 1 || found.height > limits->side || found.width > limits->side) return true;
        if (found.height * found.width > limits->pixels) return true;
        int64_t pixels = pixels_of(&found);
        if (pixels < 0) return true;
        *state = READ, *area = (double)pixels;
        return put_head(&own->text, found.height, found.width) && put(&own->text, found.begin, found.end - found.begin) &&
               put(&own->text, "\"}", 2);
    }
    if (!height || !width || height > limits->side || width > limits->side || height * width > limits->pixels) return true;
    Runs lengths = {NULL, 0, 0};
    bool read = outlines(&in, &own->numbers, &lengths, limits->outline, memory), thin = false;
    for (int64_t i = 0, at = 0; read && *memory && i < lengths.n; at += lengths.at[i++]) {
        Runs *into = i ? &own->other : &own->drawn;
        thin = thin || lengths.at[i] < 6;
        *memory = drawn(&own->numbers.at[at], lengths.at[i] / 2, height, width, &own->ends, into);
        if (!i || !*memory) continue;
        *memory = joined(&own->drawn, &own->other, &own->joined);
        Runs swap = own->drawn;
        own->drawn = own->joined, own->joined = swap;
    }
    free(lengths.at);
    if (!*memory) return false;
    if (!read) return true;
    *state = thin ? THIN : READ;
    for (int64_t i = 1; i < own->drawn.n; i += 2) *area += own->drawn.at[i];
    return put_head(&own->text, height, width) && put_runs(&own->text, &own->drawn) && put(&own->text, "\"}", 2);
}

/* See evalstream.importers.segmentations._read. */
KERNEL segmentations_read(Bytes text, Ints begin, Ints end, Ints height, Ints width, const Limits *limits, Bytes *state,
                          Floats *area, Codes *start, Bytes *detail) {
    __attribute__((cleanup(drop))) Scratch own = {0};
    bool memory = true;
    RETURN_ROOM(state, begin.n);
    RETURN_ROOM(area, begin.n);
    RETURN_ROOM(start, begin.n + 1);
    start->at[0] = 0;
    for (int64_t i = 0; i < begin.n; i++) {
        Reader in = {text.at + begin.at[i], text.at + end.at[i], true};
        int64_t before = own.text.n;
        if (!segmentation(in, height.at[i], width.at[i], limits, &own, &state->at[i], &area->at[i], &memory) || !memory)
            return OUT_OF_MEMORY;
        if (own.text.n > INT32_MAX) state->at[i] = LEFT, area->at[i] = 0, own.text.n = before;
        start->at[i + 1] = (int32_t)own.text.n;
    }
    detail->at = own.text.at, detail->n = own.text.n;
    own.text.at = NULL;
    return 0;
}
