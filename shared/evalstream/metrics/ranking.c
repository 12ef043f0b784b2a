#include "../native/kernels.h"

KERNEL ranking_grouped(Ints code, int64_t groups, Ints *start, Ints *order) {
    OWNED int64_t *free_at = ALLOCATE(groups, int64_t);
    if (!free_at) return OUT_OF_MEMORY;
    RETURN_ROOM(start, groups + 1);
    RETURN_ROOM(order, code.n);
    memset(start->at, 0, (size_t)(groups + 1) * sizeof(int64_t));
    for (int64_t i = 0; i < code.n; i++) start->at[code.at[i] + 1]++;
    for (int64_t k = 0; k < groups; k++) {
        start->at[k + 1] += start->at[k];
        free_at[k] = start->at[k];
    }
    for (int64_t i = 0; i < code.n; i++) order->at[free_at[code.at[i]]++] = i;
    return 0;
}

KERNEL ranking_areas_of_groups(Ints start, Floats score, Flags is_true, Ints unlisted, Floats *auc, Floats *precision) {
    int64_t groups = start.n - 1;
    RETURN_ROOM(auc, groups);
    RETURN_ROOM(precision, groups);
    for (int64_t k = 0; k < groups; k++) {
        int64_t begin = start.at[k], end = start.at[k + 1], positives = 0;
        auc->at[k] = precision->at[k] = NAN;
        for (int64_t i = begin; i < end; i++) positives += is_true.at[i];
        int64_t negatives = end - begin - positives + unlisted.at[k];
        if (!positives) continue;
        int64_t tp = 0, fp = 0, twice = 0;  /* twice the pairs in the right order, in integers */
        int64_t i = begin, left = unlisted.at[k];
        double area = 0.0;
        while (i < end) {
            double at = score.at[i];
            int64_t new_tp = 0, new_fp = 0;
            for (; i < end && score.at[i] == at; i++) {
                new_tp += is_true.at[i];
                new_fp += !is_true.at[i];
            }
            if (at == 0) {
                new_fp += left;
                left = 0;
            }
            twice += new_fp * (2 * tp + new_tp);
            tp += new_tp;
            fp += new_fp;
            area += (double)new_tp / (double)positives * ((double)tp / (double)(tp + fp));
        }
        precision->at[k] = area;
        if (negatives > 0)
            auc->at[k] = (double)(twice + 2 * left * tp) / (2.0 * (double)positives * (double)negatives);
    }
    return 0;
}

KERNEL ranking_one_vs_one(Ints start, Floats score, Flags is_true, Ints truth, Ints support, int64_t cases,
                          double *plain, double *weighted) {
    int64_t present = 0;
    for (int64_t a = 0; a < support.n; a++) present += support.at[a] != 0;
    *plain = *weighted = 0.0;
    for (int64_t a = 0; a < support.n; a++) {
        int64_t own = support.at[a], tp = 0, i = start.at[a], end = start.at[a + 1];
        if (!own) continue;
        /* Of cases that do not list the option, as if there were no others; what the listed ones take away of that. */
        double share = (double)(present - 1), cases_share = (double)((present - 1) * own + cases - own);
        double at_zero = 0.0;  /* how many of the option's own cases an unlisted one is below, ties counting half */
        while (i < end) {
            int64_t first = i, new_tp = 0;
            double at = score.at[i];
            for (; i < end && score.at[i] == at; i++) new_tp += is_true.at[i];
            double below = ((double)tp + (double)new_tp / 2) / (double)own;
            for (int64_t j = first; j < i; j++) {
                if (is_true.at[j]) continue;
                int64_t other = support.at[truth.at[j]];
                *plain += below / (double)other;
                *weighted += below * (double)(own + other) / (double)other;
                share -= 1 / (double)other;
                cases_share -= (double)(own + other) / (double)other;
            }
            at_zero = at > 0 ? (double)(tp + new_tp) / (double)own : below;
            tp += new_tp;
        }
        if (end - start.at[a] < cases) {
            *plain += at_zero * share;
            *weighted += at_zero * cases_share;
        }
    }
    return 0;
}
