/* COCO's records to columns; see coco_columns.py.
 *
 * Reads the plain form alone (native/json.h). At anything else it stops and says where.
 */
#include "../native/json.h"

enum { IMAGE = 1, CATEGORY = 2, SHAPE = 4, SCORE = 8, AREA = 16, CROWD = 32, ID = 64 };

typedef struct { int64_t image, category, id, crowd, begin, end; double box[4], score, area; } Record;

static inline bool box(Reader *in, double *found) {
    if (!next(in, '[')) return false;
    for (int i = 0; i < 4; i++)
        if ((i && !next(in, ',')) || !real(in, &found[i])) return false;
    return next(in, ']');
}

/* Read one record; a field that is there twice is for others to read. */
static inline bool record(Reader *in, const uint8_t *text, bool annotated, bool masks, Record *own) {
    int seen = 0;
    *own = (Record){.area = NAN};
    if (!next(in, '{')) return false;
    do {
        const uint8_t *begin, *end;
        int field = 0;
        bool read;
        if (!key(in, &begin, &end)) return false;
        if (is(begin, end, "image_id")) field = IMAGE, read = integer(in, &own->image);
        else if (is(begin, end, "category_id")) field = CATEGORY, read = integer(in, &own->category);
        else if (!masks && is(begin, end, "bbox")) field = SHAPE, read = box(in, own->box);
        else if (masks && is(begin, end, "segmentation")) {
            blank(in);
            field = SHAPE, own->begin = in->at - text, read = skip(in), own->end = in->at - text;
        }
        else if (!annotated && is(begin, end, "score")) field = SCORE, read = real(in, &own->score);
        else if (!annotated && is(begin, end, "confidence")) read = false;
        else if (annotated && is(begin, end, "area")) field = AREA, read = real(in, &own->area);
        else if (annotated && is(begin, end, "iscrowd")) field = CROWD, read = integer(in, &own->crowd);
        else if (annotated && is(begin, end, "id")) field = ID, read = integer(in, &own->id);
        else read = skip(in);
        if (!read || seen & field) return false;
        seen |= field;
    } while (next(in, ','));
    int needed = IMAGE | CATEGORY | SHAPE | (annotated ? ID : SCORE);
    return (seen & needed) == needed && next(in, '}');
}

/* Find the list of annotations in a data set, and stand before it. */
static bool find_annotations(Reader *in, Reader *list) {
    const uint8_t *begin, *end;
    bool found = false;
    if (!next(in, '{')) return false;
    do {
        if (!key(in, &begin, &end)) return false;
        if (is(begin, end, "annotations")) {
            if (found) return false;
            found = true;
            blank(in);
            list->at = in->at;
        }
        if (!skip(in)) return false;
        if (found && !list->end) list->end = in->at;
    } while (next(in, ','));
    if (!next(in, '}')) return false;
    blank(in);
    return found && in->at == in->end;
}

/* See evalstream.importers.coco_columns.records. */
KERNEL coco_columns_records(Bytes text, bool annotated, bool masks, int64_t *fault, int64_t *begin, int64_t *end,
                            Ints *image_id, Ints *category_id, Ints *id, Floats *bbox, Ints *mask_begin,
                            Ints *mask_end, Floats *score, Floats *area, Flags *crowd) {
    Reader whole = {text.at, text.at + text.n, false}, in = {text.at, text.at + text.n, true};
    int64_t room = 0, count = 0;
    Record own;
    *fault = 0, *begin = 0, *end = text.n;
    if (annotated) {
        in.end = NULL;
        if (!find_annotations(&whole, &in)) {
            *fault = whole.at - text.at;
            return 0;
        }
        *begin = in.at - text.at, *end = in.end - text.at;
    }
    bool read = next(&in, '[');
    for (bool more = read; more; more = next(&in, ',')) {
        read = record(&in, text.at, annotated, masks, &own);
        if (!read) break;
        if (count == room) {
            int64_t more_room = room ? 2 * room : 1024;
#define GROW(column, each)                                                                          \
    do {                                                                                            \
        void *longer = realloc((column)->at, (size_t)(more_room * (each)) * sizeof(*(column)->at)); \
        if (!longer) return OUT_OF_MEMORY;                                                          \
        (column)->at = longer;                                                                      \
    } while (0)
            GROW(image_id, 1);
            GROW(category_id, 1);
            if (masks) {
                GROW(mask_begin, 1);
                GROW(mask_end, 1);
            } else {
                GROW(bbox, 4);
            }
            if (annotated) {
                GROW(id, 1);
                GROW(area, 1);
                GROW(crowd, 1);
            } else {
                GROW(score, 1);
            }
            room = more_room;
        }
        image_id->at[count] = own.image, category_id->at[count] = own.category;
        if (masks) mask_begin->at[count] = own.begin, mask_end->at[count] = own.end;
        else memcpy(&bbox->at[4 * count], own.box, sizeof(own.box));
        if (annotated) id->at[count] = own.id, area->at[count] = own.area, crowd->at[count] = own.crowd != 0;
        else score->at[count] = own.score;
        count++;
    }
    if (read && next(&in, ']')) blank(&in);
    else read = false;
    *fault = read && in.at == in.end ? -1 : in.at - text.at;
    image_id->n = category_id->n = count;
    if (masks) mask_begin->n = mask_end->n = count;
    else bbox->n = 4 * count;
    if (annotated) id->n = area->n = crowd->n = count;
    else score->n = count;
    return 0;
}
