/* The lanes of the static coder (specification, sections 10.5 to 10.7). */
#include <stdlib.h>
#include <string.h>

#include "coder.h"

enum {
    PRECISION = 12,
    TOTAL = 1 << PRECISION,
    START = 1 << 16,
    EXACT = 15,    /* symbols below this have no extra bits */
    UNUSED = 255,  /* stands for a symbol in unused tables */
    ABREAST = 4,   /* number of interleaved lanes, which hides the latency of each */
    MOST_WORDS = 3 /* most words of a value */
};

struct frz_lanes {
    uint64_t all, columns, lag;
    unsigned lane, reach, near, classes, symbols, tables;
    int one;           /* all values have class 0 */
    int16_t *row;      /* class of each row */
    int16_t *column;   /* sum of the classes of each column's channel and position */
    uint16_t *given;   /* frequencies */
    uint32_t *slots;   /* for decoding: symbol << 24 | (frequency - 1) << 12 | slot - start, for each table and slot */
    uint32_t *starts;  /* for coding: start << 13 | frequency, for each table and symbol */
    int32_t value[EXACT];
    uint32_t base[256]; /* smallest magnitude of each symbol */
    uint8_t bits[256], near_of[256];
};

/* ---- a block's data before its lanes ---- */

static int within(const int32_t *x, uint64_t n, int64_t low, int64_t high) {
    for (uint64_t i = 0; x && i < n; i++) {
        if (x[i] < low || x[i] > high) return 0;
    }
    return 1;
}

static void *room(uint64_t count, size_t size) { return count < SIZE_MAX / size ? malloc((size_t)count * size + 1) : NULL; }

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
    free(l->starts);
    free(l);
}

uint64_t frz_lanes_left(const frz_lanes *l, uint64_t first) {
    return first <= l->all >> l->lane ? l->all - (first << l->lane) : 0;
}

size_t frz_lanes_of(const frz_lanes *l, size_t count) { return count ? ((count - 1) >> l->lane) + 1 : 0; }

size_t frz_lanes_room(const frz_lanes *l, size_t count) { return 2 * (MOST_WORDS * count + 2 * frz_lanes_of(l, count)); }

static inline int64_t clip(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

/* ---- coding ---- */

static frz_result prepare_to_code(frz_lanes *l) {
    if (l->starts) return FRZ_OK;
    l->starts = room((uint64_t)l->tables * l->symbols, sizeof *l->starts);
    if (!l->starts) return FRZ_MEMORY;
    for (size_t t = 0, i = 0; t < l->tables; t++) {
        uint32_t start = 0;
        for (unsigned s = 0; s < l->symbols; s++, i++) {
            l->starts[i] = start << 13 | l->given[i];
            start += l->given[i];
        }
    }
    return FRZ_OK;
}

static inline int top_bit(uint32_t x) {
#if defined(__GNUC__)
    return 31 - __builtin_clz(x);
#else
    int n = -1;
    for (; x; x >>= 1) n++;
    return n;
#endif
}

static inline uint8_t *put(uint8_t *out, uint32_t word) {
    out -= 2;
    out[0] = (uint8_t)word;
    out[1] = (uint8_t)(word >> 8);
    return out;
}

/* Code a lane of n values from the last one to the first; its words end at `out`. NULL if a value has no frequency. */
static uint8_t *code_lane(const frz_lanes *l, uint64_t first, const int32_t *values, uint64_t n, uint8_t *out) {
    uint64_t row = (first + n - 1) / l->columns, column = (first + n - 1) % l->columns;
    uint32_t x = START;
    for (uint64_t i = n; i-- > 0;) {
        const int32_t q = values[i];
        const uint32_t negative = q < 0, m = negative ? 0u - (uint32_t)q : (uint32_t)q;
        int64_t z = 0, near = 0;
        if (!l->one) {
            z = clip((int64_t)l->row[row] + l->column[column], 0, (int64_t)l->classes - 1);
            if (column-- == 0) column = l->columns - 1, row--;
        }
        if (l->reach && i >= l->lag) near = clip(values[i - l->lag], -(int64_t)l->reach, l->reach);
        uint32_t symbol = 2 * m - (m && negative);
        if (m >= 8) {
            const int n_bits = top_bit(m) - 1;
            uint32_t extra = m & ((UINT32_C(1) << n_bits) - 1);
            symbol = 2 * (2 * (uint32_t)n_bits + 4 + (m >> n_bits & 1)) - negative;
            for (int left = n_bits; left > 0; left -= 16) {
                const int low = left > 16 ? 16 : left;
                if (x >> (32 - low)) out = put(out, x), x >>= 16;
                x = x << low | (extra & ((UINT32_C(1) << low) - 1));
                extra >>= low;
            }
        }
        if (symbol >= l->symbols) return NULL;
        const uint32_t slot = l->starts[(size_t)(z * l->near + near + l->reach) * l->symbols + symbol];
        const uint32_t f = slot & 0x1FFF;
        if (!f) return NULL;
        if (x >> (32 - PRECISION) >= f) out = put(out, x), x >>= 16;
        x = (x / f << PRECISION) + x % f + (slot >> 13);
    }
    return put(put(out, x), x >> 16);
}

frz_result frz_lanes_encode(frz_lanes *l, uint64_t first, const int32_t *values, size_t count, uint8_t *counts,
                            uint8_t *space, size_t *start) {
    const frz_result result = prepare_to_code(l);
    if (result != FRZ_OK) return result;
    uint8_t *out = space + frz_lanes_room(l, count);
    for (size_t i = frz_lanes_of(l, count); i-- > 0;) {
        const size_t at = i << l->lane, most = (size_t)1 << l->lane;
        uint8_t *begun = code_lane(l, (first << l->lane) + at, values + at, count - at < most ? count - at : most, out);
        if (!begun) return FRZ_VALUE;
        const size_t words = (size_t)(out - begun) / 2 - 1;
        counts[2 * i] = (uint8_t)words;
        counts[2 * i + 1] = (uint8_t)(words >> 8);
        out = begun;
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

/* Decode the next value. `one` and `lagged` are constant wherever this is inlined. */
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
        const int lagged = l->reach && l->lag > 1;
        if (l->one) {
            if (lagged) run(l, some, together, n, 1, 1);
            else run(l, some, together, n, 1, 0);
        } else {
            if (lagged) run(l, some, together, n, 0, 1);
            else run(l, some, together, n, 0, 0);
        }
        for (int k = 0; k < together; k++) {
            if (some[k].fault || some[k].x != START || some[k].in != some[k].end) result = FRZ_STREAM;
        }
    }
    return result == FRZ_OK && size ? FRZ_STREAM : result;
}
