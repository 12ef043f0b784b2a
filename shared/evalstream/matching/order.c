#include "order.h"

KERNEL order_by_feature_and_confidence(const Scenes *scenes, int64_t types, Ints *order, Ints *rank) {
    OWNED int64_t *seen = ALLOCATE(types + 1, int64_t);
    if (!seen) return OUT_OF_MEMORY;
    RETURN_ROOM(order, scenes->prediction_feature.n);
    RETURN_ROOM(rank, scenes->prediction_feature.n);
    if (!by_feature_and_confidence(scenes, order->at)) return OUT_OF_MEMORY;
    ranked(scenes, order->at, seen, types, rank->at);
    return 0;
}
