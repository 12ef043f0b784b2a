#include "../native/kernels.h"

typedef struct { Ints annotation, prediction, iou; } Extents;

KERNEL dense_box_overlaps(const Extents *of, Floats predicted, Floats annotated, Flags crowd, Floats *iou) {
    int64_t at = 0;
    RETURN_ROOM(iou, of->iou.at[of->iou.n - 1]);
    for (int64_t g = 0; g < of->iou.n - 1; g++)
        for (int64_t p = of->prediction.at[g]; p < of->prediction.at[g + 1]; p++)
            for (int64_t a = of->annotation.at[g]; a < of->annotation.at[g + 1]; a++)
                iou->at[at++] = box_iou(&predicted.at[4 * p], &annotated.at[4 * a], crowd.at[a], 0.0);
    return 0;
}
