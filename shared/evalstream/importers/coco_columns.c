/* COCO's records to columns; see coco_columns.py.
 *
 * Reads the plain form alone (native/json.h). At anything else it stops and says where.
 */
#include "../native/json.h"

enum { IMAGE = 1, CATEGORY = 2, SHAPE = 4, SCORE = 8, AREA = 16, CROWD = 32, ID = 64, BOX = 128, COUNT = 256 };
enum { BOXES, MASKS, SKELETONS };  /* evalstream.importers.coco_columns.KINDS */

typedef struct { int64_t image, category, id, crowd, begin, end, labelled; double box[4], score, area; } Record;

/* The columns of records, and how many entries they have room for; the last of numbers alone. */
typedef struct {
    Ints *image_id, *category_id, *id;
    Floats *bbox;
    Ints *mask_begin, *mask_end, *keypoint_start;
    Floats *keypoint;
    Flags *unlabelled;
    Floats *score, *area;
    Flags *crowd;
    int64_t count, room, numbers_room;
} Table;

enum { READ, FAULT, NO_MEMORY };

static inline bool box(Reader *in, double *found) {
    if (!next(in, '[')) return false;
    for (int i = 0; i < 4; i++)
        if ((i && !next(in, ',')) || !real(in, &found[i])) return false;
    return next(in, ']');
}

/* Read the numbers of a skeleton, after those of the others. */
static inline int skeleton(Reader *in, Floats *numbers, int64_t *room) {
    if (!next(in, '[')) return FAULT;
    if (next(in, ']')) return READ;
    do {
        if (numbers->n >= *room && !grown((void **)&numbers->at, room, sizeof(*numbers->at))) return NO_MEMORY;
        if (!real(in, &numbers->at[numbers->n])) return FAULT;
        numbers->n++;
    } while (next(in, ','));
    return next(in, ']') ? READ : FAULT;
}

/* Read one record; a field that is there twice is for others to read. */
static inline int record(Reader *in, const uint8_t *text, bool annotated, int64_t kind, Table *table, Record *own) {
    int seen = 0;
    *own = (Record){.area = NAN, .box = {NAN}, .labelled = -1};
    if (!next(in, '{')) return FAULT;
    do {
        const uint8_t *begin, *end;
        int field = 0;
        bool read;
        if (!key(in, &begin, &end)) return FAULT;
        if (is(begin, end, "image_id")) field = IMAGE, read = integer(in, &own->image);
        else if (is(begin, end, "category_id")) field = CATEGORY, read = integer(in, &own->category);
        else if (kind == BOXES && is(begin, end, "bbox")) field = SHAPE, read = box(in, own->box);
        else if (kind == MASKS && is(begin, end, "segmentation")) {
            blank(in);
            field = SHAPE, own->begin = in->at - text, read = skip(in), own->end = in->at - text;
        } else if (kind == SKELETONS && is(begin, end, "keypoints")) {
            int done = seen & SHAPE ? FAULT : skeleton(in, table->keypoint, &table->numbers_room);
            if (done == NO_MEMORY) return NO_MEMORY;
            field = SHAPE, read = done == READ;
        }
        else if (kind == SKELETONS && annotated && is(begin, end, "bbox")) field = BOX, read = box(in, own->box);
        else if (kind == SKELETONS && annotated && is(begin, end, "num_keypoints"))
            field = COUNT, read = integer(in, &own->labelled);
        else if (!annotated && is(begin, end, "score")) field = SCORE, read = real(in, &own->score);
        else if (!annotated && is(begin, end, "confidence")) read = false;
        else if (annotated && is(begin, end, "area")) field = AREA, read = real(in, &own->area);
        else if (annotated && is(begin, end, "iscrowd")) field = CROWD, read = integer(in, &own->crowd);
        else if (annotated && is(begin, end, "id")) field = ID, read = integer(in, &own->id);
        else read = skip(in);
        if (!read || seen & field) return FAULT;
        seen |= field;
    } while (next(in, ','));
    int needed = IMAGE | CATEGORY | SHAPE | (annotated ? ID : SCORE);
    return (seen & needed) == needed && next(in, '}') ? READ : FAULT;
}

#define GROW(column, each)                                                                          \
    do {                                                                                            \
        void *longer = realloc((column)->at, (size_t)(room * (each)) * sizeof(*(column)->at));      \
        if (!longer) return false;                                                                  \
        (column)->at = longer;                                                                      \
    } while (0)

static bool add(Table *table, const Record *own, bool annotated, int64_t kind) {
    int64_t count = table->count;
    bool boxed = kind == BOXES || (kind == SKELETONS && annotated);
    if (count == table->room) {
        int64_t room = table->room ? 2 * table->room : 1024;
        GROW(table->image_id, 1);
        GROW(table->category_id, 1);
        if (boxed) GROW(table->bbox, 4);
        if (kind == MASKS) {
            GROW(table->mask_begin, 1);
            GROW(table->mask_end, 1);
        }
        if (kind == SKELETONS) GROW(table->keypoint_start, 1);
        if (kind == SKELETONS && annotated) GROW(table->unlabelled, 1);
        if (annotated) {
            GROW(table->id, 1);
            GROW(table->area, 1);
            GROW(table->crowd, 1);
        } else {
            GROW(table->score, 1);
        }
        table->room = room;
    }
    table->image_id->at[count] = own->image, table->category_id->at[count] = own->category;
    if (boxed) memcpy(&table->bbox->at[4 * count], own->box, sizeof(own->box));
    if (kind == MASKS) table->mask_begin->at[count] = own->begin, table->mask_end->at[count] = own->end;
    if (kind == SKELETONS) table->keypoint_start->at[count] = own->begin;
    if (kind == SKELETONS && annotated) table->unlabelled->at[count] = own->labelled == 0;
    if (annotated) table->id->at[count] = own->id, table->area->at[count] = own->area, table->crowd->at[count] = own->crowd != 0;
    else table->score->at[count] = own->score;
    table->count++;
    return true;
}

/* Read a list of records, and say where the last whole one ends. */
static int list(Reader *in, const uint8_t *text, bool annotated, int64_t kind, Table *table, int64_t *end_at) {
    Record own;
    bool strict = in->strict;
    in->strict = true;
    if (!next(in, '[')) return FAULT;
    do {
        int64_t begin = table->keypoint->n;
        int done = record(in, text, annotated, kind, table, &own);
        if (done != READ) {
            table->keypoint->n = begin;  /* without those of a record that is not whole */
            return done;
        }
        if (kind == SKELETONS) own.begin = begin;
        if (!add(table, &own, annotated, kind)) return NO_MEMORY;
        *end_at = in->at - text;
    } while (next(in, ','));
    in->strict = strict;
    return next(in, ']') ? READ : FAULT;
}

/* Read the list of annotations in a data set, and say where it begins and ends. */
static int data_set(Reader *in, const uint8_t *text, int64_t kind, Table *table, int64_t *begin_at, int64_t *end_at) {
    const uint8_t *begin, *end;
    bool found = false;
    if (!next(in, '{')) return FAULT;
    do {
        if (!key(in, &begin, &end)) return FAULT;
        if (!is(begin, end, "annotations")) {
            if (!skip(in)) return FAULT;
            continue;
        }
        if (found) return FAULT;
        found = true;
        blank(in);
        *begin_at = in->at - text;
        int done = list(in, text, true, kind, table, end_at);
        if (done != READ) return done;
        *end_at = in->at - text;
    } while (next(in, ','));
    return found && next(in, '}') ? READ : FAULT;
}

/* See evalstream.importers.coco_columns.records. */
KERNEL coco_columns_records(Bytes text, bool annotated, int64_t kind, int64_t *fault, int64_t *begin, int64_t *end,
                            Ints *image_id, Ints *category_id, Ints *id, Floats *bbox, Ints *mask_begin,
                            Ints *mask_end, Ints *keypoint_start, Floats *keypoint, Flags *unlabelled, Floats *score,
                            Floats *area, Flags *crowd) {
    Reader in = {text.at, text.at + text.n, !annotated};
    Table table = {image_id, category_id, id, bbox, mask_begin, mask_end, keypoint_start, keypoint, unlabelled,
                   score, area, crowd, 0, 0, 0};
    *begin = *end = 0;
    int done = annotated ? data_set(&in, text.at, kind, &table, begin, end)
                         : list(&in, text.at, false, kind, &table, end);
    if (done == NO_MEMORY) return OUT_OF_MEMORY;
    blank(&in);
    *fault = done == READ && in.at == in.end ? -1 : in.at - text.at;
    image_id->n = category_id->n = table.count;
    if (kind == BOXES || (kind == SKELETONS && annotated)) bbox->n = 4 * table.count;
    if (kind == MASKS) mask_begin->n = mask_end->n = table.count;
    if (kind == SKELETONS) keypoint_start->n = table.count;
    if (kind == SKELETONS && annotated) unlabelled->n = table.count;
    if (annotated) id->n = area->n = crowd->n = table.count;
    else score->n = table.count;
    return 0;
}
