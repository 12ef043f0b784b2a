#include "../native/kernels.h"

KERNEL classification_answer_pairs(const Scenes *scenes, int64_t code, Codes *prediction, Codes *annotation,
                                   Floats *iou) {
    int64_t room = 0, other_room = 0, count = 0;
    for (int64_t scene = 0; scene < scenes->prediction_start.n; scene++) {
        for (int64_t p = scenes->prediction_start.at[scene]; p < scenes->prediction_end.at[scene]; p++) {
            if (scenes->prediction_type.at[p] != code) continue;
            for (int64_t a = scenes->annotation_start.at[scene]; a < scenes->annotation_end.at[scene]; a++) {
                if (scenes->annotation_type.at[a] != code) continue;
                if (scenes->annotation_feature.at[a] != scenes->prediction_feature.at[p]) continue;
                NEED(prediction->at, count, room);
                NEED(annotation->at, count, other_room);
                prediction->at[count] = (int32_t)p;
                annotation->at[count] = (int32_t)a;
                prediction->n = annotation->n = ++count;
            }
        }
    }
    RETURN_ROOM(iou, count);
    for (int64_t k = 0; k < count; k++) iou->at[k] = INFINITY;
    return 0;
}
