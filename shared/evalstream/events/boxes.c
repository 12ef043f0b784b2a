/* Events of boxes to columns; see boxes.py.
 *
 * Reads the plain form alone (native/json.h), with names in any UTF-8 and without escapes. At anything else it leaves the
 * event alone.
 */
#include "../native/json.h"

enum { TYPE = 1, FEATURE = 2, BOX = 4, CONFIDENCE = 8, ID = 16 };
enum { NAME_BYTES = 1024 };  /* of 256 characters */
enum { READ, FAULT, NO_MEMORY };

typedef struct { const uint8_t *begin, *end; } Span;
typedef struct { double box[4], confidence; Span feature, id; } Box;

/* Strings one after another, and where each of them ends. */
typedef struct { Bytes *text; Codes *end; int64_t text_room, end_room; } Names;

typedef struct { Names features, ids; Floats *box, *confidence, *area; int64_t box_room, confidence_room, area_room; } Table;

/* Read a name of at least one character; not beyond doubt is the length of one that is not ASCII. */
static inline bool name(Reader *in, Span *own, bool *other) {
    bool plain;
    if (!string(in, &own->begin, &own->end, &plain) || !plain || own->begin == own->end) return false;
    if (own->end - own->begin > NAME_BYTES) return false;
    bool ascii = true;
    for (const uint8_t *at = own->begin; at < own->end; at++) ascii &= *at < 127;
    if (ascii && own->end - own->begin > 256) return false;
    *other |= !ascii;
    return true;
}

static inline bool read_box(Reader *in, bool annotated, double limit, Box *own, bool *other) {
    int seen = 0;
    own->confidence = 1, own->id = (Span){NULL, NULL};
    if (!next(in, '{')) return false;
    do {
        Span field, type;
        int kind;
        bool read, plain;
        if (!key(in, &field.begin, &field.end)) return false;
        if (is(field.begin, field.end, "bbox")) {
            kind = BOX, read = next(in, '[');
            for (int i = 0; read && i < 4; i++) {
                read = (!i || next(in, ',')) && real(in, &own->box[i]);
                read = read && own->box[i] <= limit && own->box[i] >= (i < 2 ? -limit : 0);
            }
            read = read && next(in, ']');
        } else if (is(field.begin, field.end, "feature")) {
            kind = FEATURE, read = name(in, &own->feature, other);
            /* In a label it is written otherwise. */
            read = read && !memchr(own->feature.begin, '=', (size_t)(own->feature.end - own->feature.begin));
        } else if (is(field.begin, field.end, "type")) {
            kind = TYPE, read = string(in, &type.begin, &type.end, &plain) && is(type.begin, type.end, "bbox");
        } else if (!annotated && is(field.begin, field.end, "confidence")) {
            kind = CONFIDENCE, read = real(in, &own->confidence) && own->confidence <= 1 && own->confidence >= -limit;
        } else if (is(field.begin, field.end, "id")) {
            kind = ID, read = name(in, &own->id, other);
        } else {
            return false;
        }
        if (!read || seen & kind) return false;
        seen |= kind;
    } while (next(in, ','));
    int needed = TYPE | FEATURE | BOX;
    return (seen & needed) == needed && next(in, '}');
}

static bool put_name(Names *names, const uint8_t *begin, int64_t length) {
    int64_t at = names->text->n;
    while (at + length > names->text_room)
        if (!grown((void **)&names->text->at, &names->text_room, 1)) return false;
    if (names->end->n >= names->end_room && !grown((void **)&names->end->at, &names->end_room, sizeof(int32_t))) return false;
    memcpy(names->text->at + at, begin, (size_t)length);
    names->text->n = at + length;
    names->end->at[names->end->n++] = (int32_t)(at + length);
    return true;
}

static bool put_number(Floats *column, int64_t *room, double value) {
    if (column->n >= *room && !grown((void **)&column->at, room, sizeof(double))) return false;
    column->at[column->n++] = value;
    return true;
}

/* An object without an id is named after its position. */
static bool put_id(Names *names, const Span *id, int64_t position) {
    if (id->begin) return put_name(names, id->begin, id->end - id->begin);
    uint8_t text[24];
    int64_t at = sizeof(text);
    do text[--at] = (uint8_t)('0' + position % 10);
    while (position /= 10);
    text[--at] = '#';
    return put_name(names, text + at, (int64_t)sizeof(text) - at);
}

static bool put(Table *table, const Box *own, int64_t position) {
    for (int i = 0; i < 4; i++)
        if (!put_number(table->box, &table->box_room, own->box[i])) return false;
    return put_number(table->confidence, &table->confidence_room, own->confidence)
        && put_number(table->area, &table->area_room, own->box[2] * own->box[3])
        && put_name(&table->features, own->feature.begin, own->feature.end - own->feature.begin)
        && put_id(&table->ids, &own->id, position);
}

/* Whether no name stands twice from one on. */
static int distinct(const Names *names, int64_t first) {
    int64_t count = names->end->n - first, room = 16;
    while (room < 2 * count) room *= 2;
    OWNED int64_t *slots = ZEROS(room, int64_t);
    if (!slots) return NO_MEMORY;
    for (int64_t i = first; i < names->end->n; i++) {
        int64_t begin = i ? names->end->at[i - 1] : 0, length = names->end->at[i] - begin;
        const uint8_t *text = names->text->at + begin;
        uint64_t hash = UINT64_C(0xCBF29CE484222325);  /* FNV-1a */
        for (int64_t c = 0; c < length; c++) hash = (hash ^ text[c]) * UINT64_C(0x100000001B3);
        int64_t slot = (int64_t)((hash ^ hash >> 32) & (uint64_t)(room - 1));
        for (; slots[slot]; slot = (slot + 1) & (room - 1)) {
            int64_t other = slots[slot] - 1, other_begin = other ? names->end->at[other - 1] : 0;
            if (names->end->at[other] - other_begin == length && !memcmp(names->text->at + other_begin, text, (size_t)length))
                return FAULT;
        }
        slots[slot] = i + 1;
    }
    return READ;
}

/* Read a list of boxes to the end of the table. */
static int list(Reader *in, bool annotated, double limit, int64_t most, Table *table, bool *other) {
    int64_t first = table->ids.end->n;
    bool named = false;
    Box own;
    if (!next(in, '[')) return FAULT;
    if (next(in, ']')) return READ;
    do {
        int64_t position = table->ids.end->n - first;
        if (position == most || !read_box(in, annotated, limit, &own, other)) return FAULT;
        if (!put(table, &own, position)) return NO_MEMORY;
        named |= own.id.begin != NULL;
    } while (next(in, ','));
    if (!next(in, ']')) return FAULT;
    return named ? distinct(&table->ids, first) : READ;
}

/* Read an event: its list, and where in the text that stands. */
static int event(Reader *in, const uint8_t *text, bool annotated, double limit, int64_t most, Table *table, int64_t *begin,
                 int64_t *end, bool *other) {
    const char *side = annotated ? "annotations" : "predictions";
    bool found = false;
    if (!next(in, '{')) return FAULT;
    do {
        Span field;
        if (!key(in, &field.begin, &field.end)) return FAULT;
        if (!is(field.begin, field.end, side)) {
            if (!skip(in)) return FAULT;
            continue;
        }
        if (found) return FAULT;
        found = true;
        blank(in);
        *begin = in->at - text;
        int done = list(in, annotated, limit, most, table, other);
        if (done != READ) return done;
        *end = in->at - text;
    } while (next(in, ','));
    if (!found || !next(in, '}')) return FAULT;
    blank(in);
    return in->at == in->end ? READ : FAULT;
}

static void cut(Names *names, int64_t count) {
    names->end->n = count;
    names->text->n = count ? names->end->at[count - 1] : 0;
}

/* See evalstream.events.boxes._read. */
KERNEL boxes_read(Bytes text, Ints start, bool annotated, double limit, int64_t most, Ints *begin, Ints *end, Ints *first,
                  Flags *other, Bytes *feature, Codes *feature_end, Bytes *id, Codes *id_end, Floats *box,
                  Floats *confidence, Floats *area) {
    int64_t count = start.n - 1;
    Table table = {{feature, feature_end, 0, 0}, {id, id_end, 0, 0}, box, confidence, area, 0, 0, 0};
    RETURN_ROOM(begin, count);
    RETURN_ROOM(end, count);
    RETURN_ROOM(first, count + 1);
    RETURN_ROOM(other, count);
    for (int64_t i = 0; i < count; i++) {
        int64_t before = id_end->n;
        Reader in = {text.at + start.at[i], text.at + start.at[i + 1], false};
        begin->at[i] = end->at[i] = -1, first->at[i] = before, other->at[i] = false;
        int done = event(&in, text.at, annotated, limit, most, &table, &begin->at[i], &end->at[i], &other->at[i]);
        if (done == NO_MEMORY) return OUT_OF_MEMORY;
        if (done == READ) continue;
        begin->at[i] = end->at[i] = -1;
        cut(&table.features, before);
        cut(&table.ids, before);
        box->n = 4 * before, confidence->n = area->n = before;
    }
    first->at[count] = id_end->n;
    return 0;
}
