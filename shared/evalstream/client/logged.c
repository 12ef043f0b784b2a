/* What a training loop has logged to events; see logged.py.
 *
 * Numbers and names are copied as they are written. A line that is anything but columns is copied whole: who reads the
 * event says what is wrong with it.
 */
#include "../native/kernels.h"

/* `at` is the next byte of a line that ends before `end`. */
typedef struct { const uint8_t *at, *end; } Text;

static inline bool take(Text *in, char wanted) {
    if (in->at >= in->end || *in->at != (uint8_t)wanted) return false;
    in->at++;
    return true;
}

static inline bool take_all(Text *in, const char *wanted) {
    while (*wanted)
        if (!take(in, *wanted++)) return false;
    return true;
}

/* Read past a text in quotation marks. */
static inline bool quoted(Text *in) {
    if (!take(in, '"')) return false;
    for (; in->at < in->end; in->at++) {
        if (*in->at == '"') return in->at++, true;
        if (*in->at == '\\') in->at++;
    }
    return false;
}

static inline bool number(Text *in) {
    const uint8_t *begin = in->at;
    while (in->at < in->end && (*in->at - '0' < 10u || memchr("+-.eE", *in->at, 5))) in->at++;
    return in->at > begin;
}

static inline bool numbers(Text *in, int count) {
    for (int i = 0; i < count; i++)
        if ((i && !take(in, ',')) || !number(in)) return false;
    return true;
}

static inline bool box(Text *in) { return take(in, '[') && numbers(in, 4) && take(in, ']'); }

typedef struct { uint8_t *at; int64_t n, room; } Out;

static inline bool put(Out *out, const void *from, int64_t count) {
    while (out->n + count > out->room)
        if (!grown((void **)&out->at, &out->room, 1)) return false;
    memcpy(out->at + out->n, from, (size_t)count);
    out->n += count;
    return true;
}

#define PUT(text) if (!put(out, text, sizeof(text) - 1)) return false
#define COPY(begin, in) if (!put(out, begin, (in).at - (begin))) return false

/* Write the event of a line of columns; false without memory, `plain` whether it was columns. */
static bool event(Text in, Out *out, bool *plain) {
    *plain = false;
    const uint8_t *begin;
    if (!take(&in, '[')) return true;
    begin = in.at;
    if (!quoted(&in)) return true;
    PUT("{\"data_row\":");
    COPY(begin, in);
    if (!take(&in, ',')) return true;
    begin = in.at;
    if (!number(&in)) return true;
    PUT(",\"operation\":\"replace\",\"version\":");
    COPY(begin, in);
    PUT(",\"predictions\":[");
    /* Where the three lists begin. */
    if (!take_all(&in, ",[")) return true;
    Text label = in;
    int64_t count = 0, boxes = 0;
    for (; in.at < in.end && *in.at != ']'; count++)
        if ((count && !take(&in, ',')) || !quoted(&in)) return true;
    if (!take_all(&in, "],[")) return true;
    Text shape = in;
    for (; in.at < in.end && *in.at != ']'; boxes++)
        if ((boxes && !take(&in, ',')) || !box(&in)) return true;
    if (boxes != count || !take_all(&in, "],[")) return true;
    for (int64_t i = 0; i < count; i++) {
        if (i) {
            PUT(",");
            label.at++, shape.at++;
            if (!take(&in, ',')) return true;
        }
        PUT("{\"type\":\"bbox\",\"feature\":");
        begin = label.at;
        quoted(&label);
        COPY(begin, label);
        PUT(",\"bbox\":");
        begin = shape.at;
        box(&shape);
        COPY(begin, shape);
        PUT(",\"confidence\":");
        begin = in.at;
        if (!number(&in)) return true;
        COPY(begin, in);
        PUT("}");
    }
    PUT("]}");
    *plain = take_all(&in, "]]") && in.at == in.end;
    return true;
}

/* See evalstream.client.logged._events. */
KERNEL logged_events(Bytes text, Bytes *found) {
    const uint8_t *at = text.at, *end = text.at + text.n;
    Out out = {0};
    while (at < end) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        int64_t before = out.n;
        bool plain, room = event((Text){at, stop}, &out, &plain);
        if (room && !plain) out.n = before, room = put(&out, at, stop - at);
        if (room && stop < end) room = put(&out, "\n", 1);
        if (!room) {
            free(out.at);
            return OUT_OF_MEMORY;
        }
        at = stop + 1;
    }
    found->at = out.at, found->n = out.n;
    return 0;
}
