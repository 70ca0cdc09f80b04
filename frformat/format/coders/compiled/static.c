/* The lanes of the static coder (specification, sections 10.5 to 10.7). */
#include <string.h>

#include "values.h"

enum {
    PRECISION = 12,
    TOTAL = 1 << PRECISION,
    START = 1 << 16,
    EXACT = 15,    /* first symbol that has extra bits */
    UNUSED = 255,  /* symbol in the slots of unused tables */
    ABREAST = 4,   /* number of lanes to decode in one interleaved loop, which hides the latency of each lane */
    CODED_ABREAST = 2, /* number of lanes to encode in one interleaved loop */
    MOST_WORDS = 3, /* maximum number of words of a value */
    RECIPROCAL = 44 /* enough bits for exact division by up to 4096 if the quotient is less than 2^20 */
};

/* The slots of a symbol in a table. */
typedef struct {
    uint64_t reciprocal; /* 2^44 / frequency, rounded up */
    uint32_t frequency, start;
} interval;

struct frz_lanes {
    uint64_t all, columns, lag;
    unsigned lane, reach, near, classes, symbols, tables;
    int one;           /* whether all values have class 0 */
    int16_t *row;      /* class of each row */
    int16_t *column;   /* sum of the classes of each column's channel and position */
    uint16_t *given;   /* frequencies */
    uint32_t *slots;   /* only for decoding; for each table and slot: symbol << 24 | (frequency - 1) << 12 | slot - start */
    interval *intervals; /* only for encoding; for each table and symbol */
    int32_t value[EXACT];
    uint32_t base[256]; /* smallest magnitude of each symbol */
    uint8_t bits[256], near_of[256];
};

/* Call a function with constant arguments, so that the compiler specializes its loop for each combination. */
#define SPECIALIZED(run, l, lanes, count, n, lagged) \
    ((l)->one ? (lagged) ? run(l, lanes, count, n, 1, 1) : run(l, lanes, count, n, 1, 0) \
              : (lagged) ? run(l, lanes, count, n, 0, 1) : run(l, lanes, count, n, 0, 0))

/* ---- the data before the lanes ---- */

static int within(const int32_t *x, uint64_t n, int64_t low, int64_t high) {
    for (uint64_t i = 0; x && i < n; i++) {
        if (x[i] < low || x[i] > high) return 0;
    }
    return 1;
}

static void describe_symbols(frz_lanes *l) {
    for (unsigned s = 0; s < 256; s++) {
        const unsigned half = s < FRZ_SYMBOLS ? (s + 1) / 2 : 0;
        const unsigned bits = half < 8 ? 0 : (half - 2) / 2 - 1;
        const uint32_t m = half < 8 ? half : (2 + half % 2) << bits;
        const unsigned near = m < l->reach ? m : l->reach;
        l->bits[s] = (uint8_t)bits;
        l->base[s] = m;
        l->near_of[s] = (uint8_t)(s % 2 ? l->reach - near : l->reach + near);
        if (s < EXACT) l->value[s] = s % 2 ? -(int32_t)m : (int32_t)m;
    }
}

static frz_result describe_classes(frz_lanes *l, const frz_tables *t) {
    const frz_shape *s = &t->shape;
    const int64_t most = FRZ_CLASS;
    if (!within(t->row, s->rows, -most, most) || !within(t->channel, s->channels, -most, most) ||
        !within(t->position, s->positions, -most, most)) {
        return FRZ_STREAM;
    }
    l->one = l->classes == 1 || (!t->row && !t->channel && !t->position);
    if (l->one) return FRZ_OK;
    l->row = room(s->rows, sizeof *l->row);
    l->column = room(l->columns, sizeof *l->column);
    if (!l->row || !l->column) return FRZ_MEMORY;
    for (uint64_t r = 0; r < s->rows; r++) l->row[r] = (int16_t)(t->row ? t->row[r] : 0);
    int16_t *column = l->column;
    for (uint64_t i = 0; i < s->channels; i++) {
        for (uint64_t k = 0; k < s->positions; k++) {
            *column++ = (int16_t)((t->channel ? t->channel[i] : 0) + (t->position ? t->position[k] : 0));
        }
    }
    return FRZ_OK;
}

static frz_result describe(frz_lanes *l, const frz_tables *t) {
    const frz_shape *s = &t->shape;
    if (t->lane < FRZ_LEAST_LANE || t->lane > FRZ_MOST_LANE || t->reach > FRZ_REACH || t->classes < 1 ||
        t->classes > FRZ_CLASSES || t->symbols < 1 || t->symbols > FRZ_SYMBOLS || (t->reach && !t->lag)) {
        return FRZ_STREAM;
    }
    l->columns = s->channels * s->positions;
    l->all = s->rows * l->columns;
    l->lag = t->lag;
    l->lane = t->lane;
    l->reach = t->reach;
    l->near = 2 * t->reach + 1;
    l->classes = t->classes;
    l->symbols = t->symbols;
    l->tables = t->classes * l->near;
    const size_t count = (size_t)l->tables * l->symbols;
    l->given = room(count, sizeof *l->given);
    if (!l->given) return FRZ_MEMORY;
    memcpy(l->given, t->frequency, count * sizeof *l->given);
    for (const uint16_t *f = l->given, *end = f + count; f < end;) {
        uint32_t sum = 0;
        for (unsigned i = 0; i < l->symbols; i++) sum += *f++;
        if (sum && sum != TOTAL) return FRZ_STREAM;
    }
    describe_symbols(l);
    return describe_classes(l, t);
}

frz_result frz_lanes_new(const frz_tables *tables, frz_lanes **lanes) {
    frz_lanes *l = calloc(1, sizeof *l);
    if (!l) return FRZ_MEMORY;
    const frz_result result = describe(l, tables);
    if (result == FRZ_OK) *lanes = l;
    else frz_lanes_free(l);
    return result;
}

void frz_lanes_free(frz_lanes *l) {
    if (!l) return;
    free(l->row);
    free(l->column);
    free(l->given);
    free(l->slots);
    free(l->intervals);
    free(l);
}

uint64_t frz_lanes_left(const frz_lanes *l, uint64_t first) {
    return first <= l->all >> l->lane ? l->all - (first << l->lane) : 0;
}

size_t frz_lanes_of(const frz_lanes *l, size_t count) { return count ? ((count - 1) >> l->lane) + 1 : 0; }

size_t frz_lanes_room(const frz_lanes *l, size_t count) { return 2 * (MOST_WORDS * count + 2 * frz_lanes_of(l, count)); }

/* ---- encoding ---- */

static frz_result prepare_to_code(frz_lanes *l) {
    if (l->intervals) return FRZ_OK;
    l->intervals = room((uint64_t)l->tables * l->symbols, sizeof *l->intervals);
    if (!l->intervals) return FRZ_MEMORY;
    for (size_t t = 0, i = 0; t < l->tables; t++) {
        uint32_t start = 0;
        for (unsigned s = 0; s < l->symbols; s++, i++) {
            const uint32_t f = l->given[i];
            l->intervals[i] = (interval){f ? ((UINT64_C(1) << RECIPROCAL) + f - 1) / f : 0, f, start};
            start += f;
        }
    }
    return FRZ_OK;
}

static inline uint8_t *put(uint8_t *out, uint32_t word) {
    out -= 2;
    out[0] = (uint8_t)word;
    out[1] = (uint8_t)(word >> 8);
    return out;
}

/* A lane that is being encoded, from its last value to its first. */
typedef struct {
    uint32_t x, fault;
    uint8_t *out;
    const int32_t *values;
    uint64_t column;
    const int16_t *row;
} coded;

static void end_at(const frz_lanes *l, coded *a, uint64_t last, const int32_t *values, uint8_t *out) {
    *a = (coded){.x = START, .out = out, .values = values};
    if (!l->one) a->column = last % l->columns, a->row = l->row + last / l->columns;
}

static inline void code_extra(coded *a, uint32_t extra, int bits) {
    for (; bits > 0; bits -= 16) {
        const int low = bits > 16 ? 16 : bits;
        if (a->x >> (32 - low)) a->out = put(a->out, a->x), a->x >>= 16;
        a->x = a->x << low | (extra & ((UINT32_C(1) << low) - 1));
        extra >>= low;
    }
}

/* Encode value number i. After inlining, `one` and `lagged` are constants at every call. */
static inline void code_value(const frz_lanes *l, coded *a, uint64_t i, const int one, const int lagged) {
    const int32_t q = a->values[i];
    const uint32_t negative = q < 0, m = negative ? 0u - (uint32_t)q : (uint32_t)q;
    int table = 0;
    if (!one) {
        table = clip_int(*a->row + l->column[a->column], 0, (int)l->classes - 1);
        if (a->column) a->column--;
        else if (i) a->column = l->columns - 1, a->row--;
    }
    if (lagged) {
        const int reach = (int)l->reach;
        table = table * (int)l->near + reach + (i >= l->lag ? clip_int(a->values[i - l->lag], -reach, reach) : 0);
    }
    uint32_t symbol = 2 * m - (m && negative);
    if (m >= 8) {
        const int bits = top_bit(m) - 1;
        symbol = 2 * (2 * (uint32_t)bits + 4 + (m >> bits & 1)) - negative;
        code_extra(a, m & ((UINT32_C(1) << bits) - 1), bits);
    }
    if (symbol >= l->symbols) symbol = 0, a->fault = 1;
    const interval s = l->intervals[(size_t)table * l->symbols + symbol];
    const uint32_t emits = a->x >> (32 - PRECISION) >= s.frequency;
    put(a->out, a->x); /* `out` has enough room, because at least two more words follow */
    a->out -= 2 * emits;
    a->x >>= 16 * emits;
    a->x += s.start + (uint32_t)(a->x * s.reciprocal >> RECIPROCAL) * (TOTAL - s.frequency);
    a->fault |= !s.frequency;
}

static inline void code_run(const frz_lanes *l, coded *given, size_t count, uint64_t n, const int one, const int lagged) {
    if (count == CODED_ABREAST) {
        coded a = given[0], b = given[1];
        for (uint64_t i = n; i-- > 0;) {
            code_value(l, &a, i, one, lagged);
            code_value(l, &b, i, one, lagged);
        }
        given[0] = a, given[1] = b;
    } else {
        coded a = given[0];
        for (uint64_t i = n; i-- > 0;) code_value(l, &a, i, one, lagged);
        given[0] = a;
    }
}

frz_result frz_lanes_encode(frz_lanes *l, uint64_t first, const int32_t *values, size_t count, uint8_t *counts,
                            uint8_t *space, size_t *start) {
    const frz_result result = prepare_to_code(l);
    if (result != FRZ_OK) return result;
    const size_t most = (size_t)1 << l->lane;
    uint8_t *out = space + frz_lanes_room(l, count);
    for (size_t left = frz_lanes_of(l, count); left > 0;) {
        coded some[CODED_ABREAST];
        const size_t last = (left - 1) << l->lane, n = count - last < most ? count - last : most;
        const size_t together = n == most && left >= CODED_ABREAST ? CODED_ABREAST : 1, apart = frz_lanes_room(l, n);
        uint8_t *const end = out;
        for (size_t k = 0; k < together; k++) {
            const size_t at = last - (k << l->lane);
            end_at(l, &some[k], (first << l->lane) + at + n - 1, values + at, end - k * apart);
        }
        SPECIALIZED(code_run, l, some, together, n, l->reach > 0);
        for (size_t k = 0; k < together; k++) {
            const uint8_t *words = put(put(some[k].out, some[k].x), some[k].x >> 16);
            const size_t size = (size_t)(end - k * apart - words), number = size / 2 - 1;
            if (some[k].fault) return FRZ_VALUE;
            out -= size;
            memmove(out, words, size);
            left--;
            counts[2 * left] = (uint8_t)number;
            counts[2 * left + 1] = (uint8_t)(number >> 8);
        }
    }
    *start = (size_t)(out - space);
    return FRZ_OK;
}

/* ---- decoding ---- */

static frz_result prepare_to_decode(frz_lanes *l) {
    if (l->slots) return FRZ_OK;
    l->slots = room((uint64_t)l->tables << PRECISION, sizeof *l->slots);
    if (!l->slots) return FRZ_MEMORY;
    const uint16_t *f = l->given;
    for (size_t t = 0; t < l->tables; t++) {
        uint32_t *slots = l->slots + (t << PRECISION), slot = 0;
        for (uint32_t s = 0; s < l->symbols; s++, f++) {
            for (uint32_t i = 0; i < *f; i++) slots[slot++] = s << 24 | (*f - 1u) << PRECISION | i;
        }
        for (; slot < TOTAL; slot++) slots[slot] = (uint32_t)UNUSED << 24;
    }
    return FRZ_OK;
}

typedef struct {
    uint32_t x, near;
    const uint8_t *in, *end;
    int32_t *out;
    const int32_t *first;
    uint64_t column;
    const int16_t *row;
    int fault;
} lane;

static inline void refill(lane *a) {
    if (a->x < START) {
        uint32_t word = 0;
        if (a->in < a->end) {
            word = (uint32_t)a->in[0] | (uint32_t)a->in[1] << 8;
            a->in += 2;
        } else {
            a->fault = 1;
        }
        a->x = a->x << 16 | word;
    }
}

static int32_t long_value(const frz_lanes *l, lane *a, uint32_t symbol) {
    uint32_t extra = 0;
    for (int left = l->bits[symbol]; left > 0;) {
        const int n = left > 16 ? left - 16 : left;
        extra = extra << n | (a->x & ((UINT32_C(1) << n) - 1));
        a->x >>= n;
        left -= n;
        refill(a);
    }
    if (symbol == UNUSED) a->fault = 1;
    const int32_t m = (int32_t)(l->base[symbol] + extra);
    return symbol & 1 ? -m : m;
}

/* Decode the next value. After inlining, `one` and `lagged` are constants at every call. */
static inline void step(const frz_lanes *l, lane *a, const int one, const int lagged) {
    uint32_t near = a->near;
    if (lagged) {
        const int64_t v = (uint64_t)(a->out - a->first) >= l->lag ? *(a->out - l->lag) : 0;
        near = (uint32_t)(clip(v, -(int64_t)l->reach, l->reach) + l->reach);
    }
    if (!one) {
        near += l->near * (uint32_t)clip((int64_t)*a->row + l->column[a->column], 0, (int64_t)l->classes - 1);
        if (++a->column == l->columns) a->column = 0, a->row++;
    }
    const uint32_t e = l->slots[(size_t)near << PRECISION | (a->x & (TOTAL - 1))], symbol = e >> 24;
    a->x = ((e >> PRECISION & (TOTAL - 1)) + 1) * (a->x >> PRECISION) + (e & (TOTAL - 1));
    refill(a);
    *a->out++ = symbol < EXACT ? l->value[symbol] : long_value(l, a, symbol);
    if (!lagged) a->near = l->near_of[symbol];
}

static inline void run(const frz_lanes *l, lane *given, int count, uint64_t n, const int one, const int lagged) {
    if (count == ABREAST) {
        lane a = given[0], b = given[1], c = given[2], d = given[3];
        for (uint64_t i = 0; i < n; i++) {
            step(l, &a, one, lagged);
            step(l, &b, one, lagged);
            step(l, &c, one, lagged);
            step(l, &d, one, lagged);
        }
        given[0] = a, given[1] = b, given[2] = c, given[3] = d;
    } else {
        for (uint64_t i = 0; i < n; i++) step(l, given, one, lagged);
    }
}

static frz_result begin(const frz_lanes *l, lane *a, uint64_t at, size_t words, const uint8_t *in, int32_t *out) {
    *a = (lane){.in = in + 4, .end = in + 2 * words, .out = out, .first = out, .near = l->reach};
    a->x = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 24 | (uint32_t)in[2] | (uint32_t)in[3] << 8;
    if (!l->one) a->column = at % l->columns, a->row = l->row + at / l->columns;
    return a->x < START ? FRZ_STREAM : FRZ_OK;
}

frz_result frz_lanes_decode(frz_lanes *l, uint64_t first, const uint8_t *counts, const uint8_t *words, size_t size,
                            int32_t *values, size_t count) {
    frz_result result = prepare_to_decode(l);
    const size_t lanes = frz_lanes_of(l, count), most = (size_t)1 << l->lane;
    for (size_t i = 0; i < lanes && result == FRZ_OK;) {
        lane some[ABREAST];
        const size_t at = i << l->lane, n = count - at < most ? count - at : most;
        const int together = (count - at) >> l->lane >= ABREAST ? ABREAST : 1;
        for (int k = 0; k < together && result == FRZ_OK; k++, i++) {
            const size_t bytes = 2 * ((size_t)counts[2 * i] + ((size_t)counts[2 * i + 1] << 8) + 1);
            if (bytes < 4 || bytes > size) return FRZ_STREAM;
            result = begin(l, &some[k], (first + i) << l->lane, bytes / 2, words, values + (i << l->lane));
            words += bytes;
            size -= bytes;
        }
        if (result != FRZ_OK) break;
        SPECIALIZED(run, l, some, together, n, l->reach && l->lag > 1);
        for (int k = 0; k < together; k++) {
            if (some[k].fault || some[k].x != START || some[k].in != some[k].end) result = FRZ_STREAM;
        }
    }
    return result == FRZ_OK && size ? FRZ_STREAM : result;
}
