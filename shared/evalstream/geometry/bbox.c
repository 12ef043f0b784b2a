#include "../native/kernels.h"

KERNEL bbox_box_iou(Floats prediction, Floats annotation, bool crowd, double one, double *iou) {
    *iou = box_iou(prediction.at, annotation.at, crowd, one);
    return 0;
}

KERNEL bbox_box_pairs(const Scenes *scenes, int64_t code, double one, int64_t most, Codes *prediction,
                      Codes *annotation, Floats *iou) {
    int64_t room = 0, other_room = 0, iou_room = 0, count = 0;
    for (int64_t scene = 0; scene < scenes->prediction_start.n; scene++) {
        for (int64_t p = scenes->prediction_start.at[scene]; p < scenes->prediction_end.at[scene]; p++) {
            if (scenes->prediction_type.at[p] != code) continue;
            const double *box = &scenes->prediction_box.at[4 * p];
            double left = box[0] - one, right = box[0] + box[2] + one;
            for (int64_t a = scenes->annotation_start.at[scene]; a < scenes->annotation_end.at[scene]; a++) {
                const double *other = &scenes->annotation_box.at[4 * a];
                /* Most pairs of a crowded scene are apart in x: the cheapest test first. */
                if (other[0] >= right || other[0] + other[2] <= left) continue;
                if (scenes->annotation_type.at[a] != code) continue;
                double value = box_iou(box, other, scenes->annotation_crowd.at[a], one);
                if (!(value > 0)) continue;
                NEED(prediction->at, count, room);
                NEED(annotation->at, count, other_room);
                NEED(iou->at, count, iou_room);
                prediction->at[count] = (int32_t)p;
                annotation->at[count] = (int32_t)a;
                iou->at[count] = value;
                prediction->n = annotation->n = iou->n = ++count;
                if (count > most) return 0;
            }
        }
    }
    return 0;
}
