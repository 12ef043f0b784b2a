#include "../native/kernels.h"

typedef struct {
    Ints annotation_parent, prediction_parent;
    Codes annotation_type, prediction_type, annotation_label, prediction_label;
} Nesting;

KERNEL nested_one_level(const Scenes *scenes, const Nesting *nesting, Rectangles rectangles, Ints annotation_start,
                        Ints annotation_child, Ints prediction_start, Ints prediction_child, int64_t checklist,
                        int64_t text, int64_t number, Rectangles *out) {
    const double *confidence = scenes->prediction_confidence.at;
    const int32_t *kind = nesting->prediction_type.at, *label = nesting->prediction_label.at;
    int64_t room = 0;
    for (int64_t i = 0; i < rectangles.n; i++) {
        Rectangle r = rectangles.at[i];
        if (!r.ignored && label[r.prediction] != nesting->annotation_label.at[r.annotation]) continue;
        for (int64_t x = prediction_start.at[r.prediction]; x < prediction_start.at[r.prediction + 1]; x++) {
            int64_t p = prediction_child.at[x];
            double high = least(confidence[p], r.confidence_high);
            if (high <= r.confidence_low || confidence[p] < 0) continue;
            if (r.ignored) {
                if (kind[p] != text && kind[p] != number &&
                    !emit(out, &room, p, r.annotation, INFINITY, r.confidence_low, high, r.iou_low, r.iou_high,
                          r.area_range, true))
                    return OUT_OF_MEMORY;
                continue;
            }
            for (int64_t y = annotation_start.at[r.annotation]; y < annotation_start.at[r.annotation + 1]; y++) {
                int64_t a = annotation_child.at[y];
                if (kind[p] != nesting->annotation_type.at[a]) continue;
                if (scenes->prediction_feature.at[p] != scenes->annotation_feature.at[a]) continue;
                /* The answers to one question pair whatever they are; of a checklist, equal options pair. */
                if (kind[p] == checklist && label[p] != nesting->annotation_label.at[a]) continue;
                if (!emit(out, &room, p, a, INFINITY, r.confidence_low, high, r.iou_low, r.iou_high, r.area_range,
                          false))
                    return OUT_OF_MEMORY;
            }
        }
    }
    return 0;
}

KERNEL nested_in_order(Rectangles rectangles, int64_t predictions, Rectangles *out) {
    OWNED int64_t *next = ZEROS(predictions + 1, int64_t);
    RETURN_ROOM(out, rectangles.n);
    if (!next) return OUT_OF_MEMORY;
    for (int64_t i = 0; i < rectangles.n; i++) next[rectangles.at[i].prediction + 1]++;
    for (int64_t p = 0; p < predictions; p++) next[p + 1] += next[p];
    for (int64_t i = 0; i < rectangles.n; i++) out->at[next[rectangles.at[i].prediction]++] = rectangles.at[i];
    return 0;
}
