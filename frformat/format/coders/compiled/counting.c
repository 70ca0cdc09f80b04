/* Count the symbols in static blocks and derive frequencies from the counts. Only encoding needs this file. */
#include "values.h"

enum {
    CAPPED = 1 << 20, /* larger magnitudes are counted as this */
    TOTAL = 4096,
    PART = 1024
};

/* ---- sums ---- */

void frz_sums(const int32_t *values, frz_shape s, int64_t *rows, int64_t *channels, int64_t *positions) {
    for (uint64_t r = 0; r < s.rows; r++) {
        int64_t row = 0;
        for (uint64_t i = 0; i < s.channels; i++) {
            int64_t sum = 0;
            for (uint64_t k = 0; k < s.positions; k++) {
                const uint32_t m = magnitude(*values++);
                const int64_t size = m < CAPPED ? m : CAPPED;
                positions[k] += size;
                sum += size;
            }
            channels[i] += sum;
            row += sum;
        }
        rows[r] += row;
    }
}

/* ---- counting ---- */

/* Count the values of one lane from `values[start]` to `values[stop - 1]`. */
static void count_part(const frz_contexts *c, const symbols *table, const int16_t *totals, const int32_t *values,
                       size_t start, size_t stop, uint64_t *counts) {
    const int most = (int)c->classes - 1, reach = (int)c->reach, near = 2 * reach + 1;
    const size_t late = !reach ? stop : (size_t)(c->lag < start ? start : least(c->lag, stop));
    for (size_t i = start; i < late; i++) {
        const size_t t = (size_t)(clip_int(totals[i - start], 0, most) * near + reach);
        counts[t * FRZ_WIDTH + symbol_of(table, values[i])]++;
    }
    for (size_t i = late; i < stop; i++) {
        const int by = clip_int(values[i - c->lag], -reach, reach) + reach;
        const size_t t = (size_t)(clip_int(totals[i - start], 0, most) * near + by);
        counts[t * FRZ_WIDTH + symbol_of(table, values[i])]++;
    }
}

void frz_count(const frz_contexts *c, uint64_t first, const int32_t *values, size_t count, uint64_t *counts) {
    const steps given = steps_of(c->shape, c->row, c->channel, c->position);
    const size_t lane = (size_t)1 << c->lane;
    int16_t totals[PART] = {0};
    symbols table;
    small_symbols(&table);
    for (size_t at = 0; at < count; at += lane) {
        const size_t end = (size_t)least(lane, count - at);
        for (size_t start = 0, stop; start < end; start = stop) {
            stop = (size_t)least(start + PART, end);
            if (c->classes > 1) fill_totals(totals, &given, first + at + start, stop - start);
            count_part(c, &table, totals, values + at, start, stop, counts);
        }
    }
}

/* ---- frequencies ---- */

static unsigned largest_of(const uint16_t *f, unsigned symbols) {
    unsigned largest = 0;
    for (unsigned s = 1; s < symbols; s++) largest = f[s] > f[largest] ? s : largest;
    return largest;
}

void frz_scale(const uint64_t *counts, size_t tables, unsigned symbols, uint16_t *f) {
    for (size_t t = 0; t < tables; t++, counts += FRZ_WIDTH, f += symbols) {
        uint64_t total = 0;
        int rest = TOTAL;
        for (unsigned s = 0; s < symbols; s++) total += counts[s];
        for (unsigned s = 0; s < symbols; s++) {
            f[s] = 0;
            if (counts[s]) f[s] = (uint16_t)(counts[s] * TOTAL / total > 1 ? counts[s] * TOTAL / total : 1);
            rest -= f[s];
        }
        if (!total) continue;
        if (rest > 0) f[largest_of(f, symbols)] = (uint16_t)(f[largest_of(f, symbols)] + rest);
        while (rest < 0) {
            uint16_t *largest = &f[largest_of(f, symbols)];
            const int half = *largest / 2 > 1 ? *largest / 2 : 1, change = -rest < half ? -rest : half;
            *largest = (uint16_t)(*largest - change);
            rest += change;
        }
    }
}
