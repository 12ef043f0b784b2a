#include "../native/kernels.h"

KERNEL nearest_nearest(Ints start, Codes annotation, Floats iou, Codes prediction_label, Codes annotation_label,
                       Flags region, Codes *own, Floats *own_iou, Codes *other, Floats *other_iou) {
    int64_t count = prediction_label.n;
    RETURN_ROOM(own, count);
    RETURN_ROOM(own_iou, count);
    RETURN_ROOM(other, count);
    RETURN_ROOM(other_iou, count);
    for (int64_t p = 0; p < count; p++) {
        own->at[p] = other->at[p] = -1;
        own_iou->at[p] = other_iou->at[p] = 0.0;
        for (int64_t k = start.at[p]; k < start.at[p + 1]; k++) {
            int32_t a = annotation.at[k];
            if (region.at[a]) continue;
            if (annotation_label.at[a] == prediction_label.at[p]) {
                if (iou.at[k] >= own_iou->at[p]) own->at[p] = a, own_iou->at[p] = iou.at[k];
            } else if (iou.at[k] >= other_iou->at[p]) {
                other->at[p] = a, other_iou->at[p] = iou.at[k];
            }
        }
    }
    return 0;
}
