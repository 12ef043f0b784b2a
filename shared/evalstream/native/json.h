/* A reader of JSON in its plain form, for kernels that make columns of it.
 *
 * At anything unusual it stops, and so does whoever uses it, so that it never has to decide what unusual JSON means. Every
 * byte is looked at once, nothing calls itself, and no number of bytes is taken on trust.
 */
#ifndef EVALSTREAM_JSON_H
#define EVALSTREAM_JSON_H

#include "kernels.h"

#define DEEPEST 60   /* values in values that are skipped */
#define LONGEST 300  /* characters of a number */

/* `at` is the next byte; strict: what is skipped has to be JSON that every reader takes, and plain ASCII. */
typedef struct { const uint8_t *at, *end; bool strict; } Reader;

typedef struct { bool negative, whole; int digits; uint64_t value; int64_t exponent; const uint8_t *begin; } Number;

static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static inline void blank(Reader *in) {
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\n' || *in->at == '\r' || *in->at == '\t')) in->at++;
}

static inline bool next(Reader *in, uint8_t wanted) {
    blank(in);
    if (in->at >= in->end || *in->at != wanted) return false;
    in->at++;
    return true;
}

static inline bool is_digit(const Reader *in) { return in->at < in->end && *in->at >= '0' && *in->at <= '9'; }

/* Read a number as JSON defines it. `digits` and `value` leave leading zeros out; beyond 19 digits `value` is not it. */
static inline bool number(Reader *in, Number *own) {
    blank(in);
    *own = (Number){.whole = true, .begin = in->at};
    if (in->at < in->end && *in->at == '-') own->negative = true, in->at++;
    if (!is_digit(in)) return false;
    bool zero = *in->at == '0';
    const uint8_t *first = in->at;
    for (int part = 0; part < 2; part++) {
        const uint8_t *begin = in->at;
        for (; is_digit(in); in->at++) {
            if (in->at - own->begin > LONGEST) return false;
            if (own->digits < 19) own->value = 10 * own->value + (uint64_t)(*in->at - '0');
            if (own->digits || *in->at != '0') own->digits++;
            own->exponent -= part;
        }
        if (in->at == begin || (part == 0 && zero && in->at - first > 1)) return false;
        if (part == 1 || in->at >= in->end || *in->at != '.') break;
        own->whole = false, in->at++;
    }
    if (in->at < in->end && (*in->at | 32) == 'e') {
        bool below = false;
        int64_t power = 0;
        own->whole = false, in->at++;
        if (in->at < in->end && (*in->at == '-' || *in->at == '+')) below = *in->at++ == '-';
        if (!is_digit(in)) return false;
        for (; is_digit(in); in->at++) {
            power = 10 * power + (*in->at - '0');
            if (power > 9999 || in->at - own->begin > LONGEST) return false;
        }
        own->exponent += below ? -power : power;
    }
    return true;
}

static const uint64_t TENS[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

/* Read the digits among eight bytes, up to the first that is none, and say how many they are. All eight at once: how many
 * there are is not to be foreseen, and each branch that is foreseen wrongly takes as long as to read a number. */
static inline int digits_of_eight(const uint8_t *at, uint64_t *value) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t eight;
    memcpy(&eight, at, sizeof(eight));
    eight ^= ones * '0';
    uint64_t others = ((eight + ones * (128 - 10)) | eight) & ones << 7;  /* exact up to the first one */
    int count = others ? __builtin_ctzll(others) / 8 : 8;
    if (!count) return 0;
    eight <<= 8 * (8 - count);  /* zeros in front */
    eight = eight * 10 + (eight >> 8);  /* in pairs, at every other byte */
    const uint64_t pairs = UINT64_C(0x000000FF000000FF);
    *value = ((eight & pairs) * UINT64_C(0x000F424000000064) + (eight >> 16 & pairs) * UINT64_C(0x0000271000000001)) >> 32;
    return count;
#else
    int count = 0;
    for (*value = 0; count < 8 && (uint8_t)(at[count] - '0') < 10; count++) *value = 10 * *value + (uint64_t)(at[count] - '0');
    return count;
#endif
}

/* Read up to 16 digits. */
static inline int digits(const uint8_t *at, uint64_t *value) {
    int count = digits_of_eight(at, value);
    if (count < 8) return count;
    uint64_t more = 0;
    int others = digits_of_eight(at + 8, &more);
    *value = *value * TENS[others] + more;
    return count + others;
}

/* Read a number of at most 15 digits, as nearly all are, without an exponent and not 0: both its digits and the power of
 * ten that they are divided by are doubles. False, and nothing is read, of any other. */
static inline bool short_decimal(Reader *in, double *found) {
    blank(in);
    if (in->end - in->at < 48) return false;
    const uint8_t *at = in->at + (*in->at == '-'), *begin = at;
    uint64_t value = 0, fraction = 0;
    int whole = digits(at, &value), below = 0;
    if (!whole || (*begin == '0' && whole > 1)) return false;
    at += whole;
    if (*at == '.') {
        below = digits(at + 1, &fraction);
        if (!below || whole + below > 15) return false;
        value = (below < 8 ? value * TENS[below] : value * TENS[8] * TENS[below - 8]) + fraction;
        at += below + 1;
    }
    if (whole + below > 15 || !value || (uint8_t)(*at - '0') < 10 || (*at | 32) == 'e') return false;
    double number = (double)value / POWERS[below];
    *found = *in->at == '-' ? -number : number;
    in->at = at;
    return true;
}

/* Read a number as the nearest double. Exact by W. D. Clinger, "How to read floating point numbers accurately" (1990),
 * where both the digits and the power of ten are doubles; by strtod otherwise, without a decimal point, which is not the
 * same in every locale. */
static inline bool real(Reader *in, double *found) {
    if (short_decimal(in, found)) return true;
    Number own;
    if (!number(in, &own)) return false;
    if (!own.value) {
        *found = own.negative ? -0.0 : 0.0;
        return !own.negative || !own.whole;  /* −0 is an integer, whose sign readers lose; −0.0 is −0.0 */
    }
    double value;
    if (own.digits <= 19 && own.value <= (1ULL << 53) && own.exponent >= -22 && own.exponent <= 22) {
        value = own.exponent < 0 ? (double)own.value / POWERS[-own.exponent] : (double)own.value * POWERS[own.exponent];
    } else {
        char text[LONGEST + 32];
        int64_t length = 0;
        for (const uint8_t *c = own.begin; c < in->at && (*c | 32) != 'e' && length <= LONGEST; c++)
            if (*c >= '0' && *c <= '9') text[length++] = (char)*c;
        text[length++] = 'e';
        uint64_t power = (uint64_t)(own.exponent < 0 ? -own.exponent : own.exponent);
        if (own.exponent < 0) text[length++] = '-';
        for (uint64_t unit = 10000; unit; unit /= 10) text[length++] = (char)('0' + power / unit % 10);
        text[length] = 0;
        value = strtod(text, NULL);
        if (!(value >= 1e-300 && value <= 1e300)) return false;
    }
    *found = own.negative ? -value : value;
    return true;
}

/* Read an integer of at most 18 digits. */
static inline bool integer(Reader *in, int64_t *found) {
    Number own;
    if (!number(in, &own) || !own.whole || own.digits > 18 || (own.negative && !own.value)) return false;
    *found = own.negative ? -(int64_t)own.value : (int64_t)own.value;
    return true;
}

/* Whether any of eight bytes may be other than a plain character within a string. */
static inline bool any_odd(const uint8_t *at) {
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t eight;
    memcpy(&eight, at, sizeof(eight));
#define ANY_IS(value) (((eight ^ ones * (value)) - ones) & ~(eight ^ ones * (value)))
    return (eight | ((eight - ones * 32) & ~eight) | ANY_IS('"') | ANY_IS('\\') | ANY_IS(127)) & highs;
#undef ANY_IS
}

/* Read a string, its quotes included; `plain` is whether it is as it stands, without escapes. */
static inline bool string(Reader *in, const uint8_t **begin, const uint8_t **end, bool *plain) {
    if (!next(in, '"')) return false;
    *begin = in->at, *plain = true;
    for (;; in->at++) {
        while (in->end - in->at >= 8 && !any_odd(in->at)) in->at += 8;
        if (in->at >= in->end || *in->at == '"') break;
        if (*in->at < 32 || (in->strict && *in->at >= 127)) return false;
        if (*in->at != '\\') continue;
        *plain = false;
        if (++in->at >= in->end || (in->strict && (!*in->at || !strchr("\"\\/bfnrt", *in->at)))) return false;
    }
    if (in->at >= in->end) return false;
    *end = in->at++;
    return true;
}

static inline bool key(Reader *in, const uint8_t **begin, const uint8_t **end) {
    bool plain;
    return string(in, begin, end, &plain) && plain && next(in, ':');
}

static inline bool is(const uint8_t *begin, const uint8_t *end, const char *name) {
    size_t length = strlen(name);
    return (size_t)(end - begin) == length && !memcmp(begin, name, length);
}

static inline bool word(Reader *in, const char *name) {
    size_t length = strlen(name);
    if ((size_t)(in->end - in->at) < length || memcmp(in->at, name, length)) return false;
    in->at += length;
    return true;
}

/* Skip one value, whatever is in it. */
static inline bool skip(Reader *in) {
    uint64_t is_object = 0;  /* by depth */
    int depth = 0;
    const uint8_t *begin, *end;
    bool plain;
    for (;;) {
        blank(in);
        if (in->at >= in->end) return false;
        uint8_t first = *in->at;
        bool opened = first == '{' || first == '[';
        if (opened) {
            if (++depth > DEEPEST) return false;
            is_object = is_object << 1 | (first == '{');
            in->at++;
            if (!next(in, first == '{' ? '}' : ']')) {
                if (first == '{' && !(string(in, &begin, &end, &plain) && next(in, ':'))) return false;
                continue;
            }
            depth--, is_object >>= 1;
        } else if (first == '"') {
            if (!string(in, &begin, &end, &plain)) return false;
        } else if (first == '-' || (first >= '0' && first <= '9')) {
            double value;
            Number own;
            if (!short_decimal(in, &value) && !number(in, &own)) return false;
        } else if (!word(in, "true") && !word(in, "false") && !word(in, "null")) {
            return false;
        }
        for (;;) {  /* a value is over, and so may be those that it is in */
            if (!depth) return true;
            if (next(in, ',')) {
                if (is_object & 1 && !(string(in, &begin, &end, &plain) && next(in, ':'))) return false;
                break;
            }
            if (!next(in, is_object & 1 ? '}' : ']')) return false;
            depth--, is_object >>= 1;
        }
    }
}

#endif
