/* Functions for bits, symbols and classes that all parts of the static coder share. */
#ifndef FRZ_VALUES_H
#define FRZ_VALUES_H

#include <stdlib.h>

#include "coder.h"

enum { SMALL = 256 };

static inline int top_bit(uint64_t x) {
#if defined(__GNUC__)
    return 63 - __builtin_clzll(x);
#else
    int n = -1;
    for (; x; x >>= 1) n++;
    return n;
#endif
}

static inline int64_t clip(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

static inline int clip_int(int x, int low, int high) { return x < low ? low : x > high ? high : x; }

static inline uint64_t least(uint64_t x, uint64_t y) { return x < y ? x : y; }

static inline uint32_t magnitude(int32_t q) { return q < 0 ? 0u - (uint32_t)q : (uint32_t)q; }

static inline void *room(uint64_t count, size_t size) { return count < SIZE_MAX / size ? malloc((size_t)count * size + 1) : NULL; }

/* ---- symbols ---- */

/* The symbols of small positive values. */
typedef struct {
    uint8_t of[SMALL];
} symbols;

static inline unsigned positive(uint32_t m) {
    if (m < 8) return 2 * m;
    const unsigned bits = (unsigned)top_bit(m) - 1;
    return 2 * (2 * bits + 4 + (m >> bits & 1));
}

static inline void small_symbols(symbols *s) {
    for (uint32_t m = 0; m < SMALL; m++) s->of[m] = (uint8_t)positive(m);
}

static inline unsigned symbol_of(const symbols *s, int32_t q) {
    const uint32_t m = magnitude(q);
    return (m < SMALL ? s->of[m] : positive(m)) - (q < 0);
}

/* The steps of a block. The class of a value is the sum of the steps of its row, channel and position. */
typedef struct {
    uint64_t rows, middle, inner; /* lengths of the axes; channels are the inner axis if there is only one position */
    const int32_t *row, *mid, *in; /* the steps; NULL if all are 0 */
} steps;

static inline steps steps_of(frz_shape s, const int32_t *row, const int32_t *channel, const int32_t *position) {
    if (s.positions == 1) return (steps){s.rows, 1, s.channels, row, NULL, channel};
    return (steps){s.rows, s.channels, s.positions, row, channel, position};
}

static inline void fill_totals(int16_t *out, const steps *s, uint64_t start, size_t count) {
    uint64_t k = start % s->inner, i = start / s->inner % s->middle, r = start / s->inner / s->middle;
    for (size_t at = 0; at < count; k = 0) {
        const size_t some = (size_t)least(s->inner - k, count - at);
        const int32_t base = (s->row ? s->row[r] : 0) + (s->mid ? s->mid[i] : 0), *in = s->in ? s->in + k : NULL;
        for (size_t j = 0; j < some; j++) out[at + j] = (int16_t)(base + (in ? in[j] : 0));
        at += some;
        if (++i == s->middle) i = 0, r++;
    }
}

#endif
