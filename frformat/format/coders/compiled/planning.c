/* What a writer of static blocks counts before it chooses their tables; readers need none of it. */
#include <string.h>

#include "coder.h"

enum { FRACTION = 16, MANTISSA = 12 };

static inline int64_t clip(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

static inline int top_bit(uint64_t x) {
#if defined(__GNUC__)
    return 63 - __builtin_clzll(x);
#else
    int n = -1;
    for (; x; x >>= 1) n++;
    return n;
#endif
}

static inline unsigned symbol_of(int32_t q) {
    const uint32_t negative = q < 0, m = negative ? 0u - (uint32_t)q : (uint32_t)q;
    if (m < 8) return 2 * m - (m && negative);
    const unsigned bits = (unsigned)top_bit(m) - 1;
    return 2 * (2 * bits + 4 + (m >> bits & 1)) - negative;
}

void frz_count(const int32_t *values, const int16_t *totals, size_t count, const frz_contexts *c, uint32_t *counts) {
    const size_t near = 2 * (size_t)c->reach + 1;
    for (size_t at = 0; at < count; at += c->lane) {
        const size_t n = count - at < c->lane ? count - at : c->lane;
        for (size_t i = at; i < at + n; i++) {
            size_t table = c->reach;
            if (totals) table += near * (size_t)clip(totals[i], 0, (int64_t)c->classes - 1);
            if (c->reach && i - at >= c->lag) table += (size_t)clip(values[i - c->lag], -(int64_t)c->reach, c->reach);
            counts[table * FRZ_WIDTH + symbol_of(values[i])]++;
        }
    }
}

/* n · log2(n) in parts of 2^-16. */
static inline int64_t entropy(uint32_t n, const int64_t *logs) {
    if (!n) return 0;
    const int exponent = top_bit(n), shift = exponent - MANTISSA;
    const uint32_t mantissa = shift > 0 ? n >> shift : n << -shift;
    return (int64_t)n * (((int64_t)exponent << FRACTION) + logs[mantissa - (1u << MANTISSA)]);
}

frz_cost frz_cost_of(const uint32_t *counts, size_t tables, const int64_t *logs) {
    frz_cost cost = {0, 0, 0};
    for (size_t t = 0; t < tables; t++) {
        uint32_t total = 0;
        for (unsigned s = 0; s < FRZ_WIDTH; s++) {
            const uint32_t n = *counts++;
            if (!n) continue;
            total += n;
            cost.used++;
            cost.bits -= entropy(n, logs);
        }
        cost.tables += total > 0;
        cost.bits += entropy(total, logs);
    }
    return cost;
}

void frz_narrow(uint32_t *counts, size_t classes, unsigned reach) {
    const size_t near = 2 * (size_t)reach + 1;
    for (size_t z = 0; z < classes; z++) {
        uint32_t *from = counts + z * near * FRZ_WIDTH, *to = counts + z * (near - 2) * FRZ_WIDTH;
        for (unsigned s = 0; s < FRZ_WIDTH; s++) {
            from[FRZ_WIDTH + s] += from[s];
            from[(near - 2) * FRZ_WIDTH + s] += from[(near - 1) * FRZ_WIDTH + s];
        }
        memmove(to, from + FRZ_WIDTH, (near - 2) * FRZ_WIDTH * sizeof *to);
    }
}
