#include "../native/kernels.h"

static const double RADIANS = 3.14159265358979323846 / 180.0;

/* Boxes are x and y of the centre, width, height and degrees. */
static double rotated_iou(const double *prediction, const double *annotation, bool crowd) {
    double own = prediction[2] * prediction[3], other = annotation[2] * annotation[3];
    if (!(own > 0 && other > 0)) return 0.0;
    double turn = annotation[4] * RADIANS;
    double away_x = prediction[0] - annotation[0], away_y = prediction[1] - annotation[1];
    double x = away_x * cos(turn) + away_y * sin(turn);
    double y = away_y * cos(turn) - away_x * sin(turn);
    turn = (prediction[4] - annotation[4]) * RADIANS;
    double cosine = cos(turn), sine = sin(turn);

    static const int sign_x[4] = {-1, 1, 1, -1}, sign_y[4] = {-1, -1, 1, 1};
    double one[8][2], two[8][2];  /* each cut of a convex polygon adds at most one corner */
    double (*polygon)[2] = one, (*cut)[2] = two;
    int count = 4;
    for (int corner = 0; corner < 4; corner++) {
        double half_width = sign_x[corner] * prediction[2] / 2, half_height = sign_y[corner] * prediction[3] / 2;
        polygon[corner][0] = x + half_width * cosine - half_height * sine;
        polygon[corner][1] = y + half_width * sine + half_height * cosine;
    }
    for (int axis = 0; axis < 2; axis++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            double limit = annotation[2 + axis] / 2;
            int kept = 0;
            for (int k = 0; k < count; k++) {
                const double *here = polygon[k], *after = polygon[(k + 1) % count];
                double inside = limit - sign * here[axis], beyond = limit - sign * after[axis];
                if (inside >= 0) {
                    cut[kept][0] = here[0], cut[kept][1] = here[1];
                    kept++;
                }
                if ((inside > 0 && beyond < 0) || (inside < 0 && beyond > 0)) {
                    double share = inside / (inside - beyond);
                    cut[kept][axis] = sign * limit;
                    cut[kept][1 - axis] = here[1 - axis] + share * (after[1 - axis] - here[1 - axis]);
                    kept++;
                }
            }
            double (*swap)[2] = polygon;
            polygon = cut, cut = swap, count = kept;
        }
    }
    double twice = 0.0;
    for (int k = 0; k < count; k++) {
        const double *here = polygon[k], *after = polygon[(k + 1) % count];
        twice += here[0] * after[1] - after[0] * here[1];
    }
    double intersection = least(least(greatest(twice / 2, 0.0), own), other);
    return intersection / (crowd ? own : own + other - intersection);
}

KERNEL rotated_box_rotated_iou(Floats prediction, Floats annotation, bool crowd, double *iou) {
    *iou = rotated_iou(prediction.at, annotation.at, crowd);
    return 0;
}

KERNEL rotated_box_iou(Floats predicted, Floats annotated, Ints i, Ints j, Flags crowd, Floats *iou) {
    RETURN_ROOM(iou, i.n);
    for (int64_t k = 0; k < i.n; k++)
        iou->at[k] = rotated_iou(&predicted.at[5 * i.at[k]], &annotated.at[5 * j.at[k]], crowd.at[j.at[k]]);
    return 0;
}
