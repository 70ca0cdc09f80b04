/* Choose the classes and the neighbor of static blocks. Only encoding needs this file. */
#include <stdlib.h>
#include <string.h>

#include "values.h"

enum {
    FRACTION = 16,         /* number of fractional bits of logarithms and costs */
    MANTISSA = 12,         /* number of fractional bits of the arguments in the table of logarithms */
    RESOLUTIONS = 2,       /* number of resolutions to try: 1 and 2 classes per octave */
    MOST_TOTAL = 512,      /* greater than any sum of three steps */
    OUTSIDE = 2000,        /* one value in 2000 may be below the lowest class, and one in 2000 above the highest */
    OVERFIT = 47274,       /* 1 / (2 ln 2) bits per frequency, because counts fit the sample better than the block */
    FREQUENCY = 8 << 16,   /* approximate cost of a stored frequency */
    MOST_RATIO = 1 << 20,
    NEAR = 2 * FRZ_REACH + 1
};

/* ---- logarithms ---- */

static int64_t floor_shift(int64_t x, int n) { return x >= 0 ? x >> n : ~(~x >> n); }

/* Return log2(x) in units of 2^-16, for x > 0. */
static inline int64_t logarithm(uint64_t x, const int64_t *logs) {
    const int exponent = top_bit(x), shift = exponent - MANTISSA;
    const uint64_t mantissa = shift > 0 ? x >> shift : x << -shift;
    return ((int64_t)exponent << FRACTION) + logs[mantissa - (1u << MANTISSA)];
}

static inline int64_t entropy(uint32_t n, const int64_t *logs) { return n ? (int64_t)n * logarithm(n, logs) : 0; }

/* ---- choosing ---- */

typedef struct {
    const frz_sample *sample;
    const int64_t *logs;
    int64_t ratio;  /* ratio of the block's size to the sample's, in sixteenths */
    unsigned most;  /* maximum number of tables */
    unsigned width; /* number of symbols up to the last one that occurs */
    uint8_t *symbol, *near, *of; /* for each value: its symbol, the clamped value, and its class */
    uint32_t *counts;
} work;

/* The classes for a given number of classes per octave. */
typedef struct {
    int32_t *row, *channel, *position; /* steps; NULL if the axis has none */
    int16_t *totals;                   /* the sum of the steps for each value */
    int lowest, low;                   /* the lowest total, and the total that becomes class 0 */
    unsigned range, classes;           /* number of different totals, and number of classes */
    frz_cost cost;
} classes;

/* Return the approximate size of the block, in units of 2^-20 bits. */
static int64_t price(const work *w, frz_cost c) { return c.bits * w->ratio + (int64_t)c.used * FREQUENCY * 16; }

/* Return the cost of the values that one table codes. */
static frz_cost cost_of(const work *w, const uint32_t *counts) {
    frz_cost cost = {0, 0};
    uint32_t total = 0;
    for (unsigned s = 0; s < w->width; s++) {
        const uint32_t n = counts[s];
        if (!n) continue;
        total += n;
        cost.used++;
        cost.bits -= entropy(n, w->logs);
    }
    if (total) cost.bits += entropy(total, w->logs) + ((int64_t)cost.used - 1) * OVERFIT;
    return cost;
}

static frz_cost cost_of_all(const work *w, unsigned tables) {
    frz_cost all = {0, 0};
    for (size_t t = 0; t < tables; t++) {
        const frz_cost cost = cost_of(w, w->counts + t * w->width);
        all.bits += cost.bits;
        all.used += cost.used;
    }
    return all;
}

static void clear(const work *w, unsigned tables) { memset(w->counts, 0, (size_t)tables * w->width * sizeof *w->counts); }

/* ---- classes ---- */

static void step_axis(const work *w, const int64_t *sums, uint64_t count, uint64_t scale, int resolution, int32_t *out,
                      classes *c) {
    if (!out) return;
    const int64_t middle = logarithm(10 * scale + 3, w->logs);
    int32_t lowest = MOST_TOTAL, highest = -MOST_TOTAL;
    for (uint64_t i = 0; i < count; i++) {
        const int64_t log = logarithm(10 * (uint64_t)sums[i] + 3, w->logs) - middle;
        const int32_t step = (int32_t)floor_shift(resolution * log + (1 << (FRACTION - 1)), FRACTION);
        lowest = step < lowest ? step : lowest;
        highest = step > highest ? step : highest;
        out[i] = step;
    }
    c->lowest += lowest;
    c->range += (unsigned)(highest - lowest);
}

/* Compute the steps of each row, channel and position, with `resolution` steps per octave. */
static void step_axes(const work *w, int resolution, classes *c) {
    const frz_shape s = w->sample->shape;
    const int64_t *rows = w->sample->sums, *channels = rows + s.rows, *positions = channels + s.channels;
    uint64_t total = 0;
    for (uint64_t r = 0; r < s.rows; r++) total += (uint64_t)rows[r];
    step_axis(w, rows, s.rows, s.channels * s.positions, resolution, c->row, c);
    step_axis(w, channels, s.channels, total / s.channels, resolution, c->channel, c);
    step_axis(w, positions, s.positions, total / s.positions, resolution, c->position, c);
}

static void count_totals(const work *w, const classes *c) {
    const frz_sample *sample = w->sample;
    clear(w, c->range);
    if (c->range == 1) {
        for (size_t i = 0; i < sample->count; i++) w->counts[w->symbol[i]]++;
        return;
    }
    const steps given = steps_of(sample->shape, c->row, c->channel, c->position);
    for (size_t lane = 0, at = 0; at < sample->count; lane++) {
        const size_t end = (size_t)least(at + FRZ_SAMPLE_LANE, sample->count);
        fill_totals(c->totals + at, &given, sample->starts[lane], end - at);
        for (; at < end; at++) w->counts[(unsigned)(c->totals[at] - c->lowest) * w->width + w->symbol[at]]++;
    }
}

static size_t total_of(const work *w, unsigned table) {
    size_t total = 0;
    for (unsigned s = 0; s < w->width; s++) total += w->counts[(size_t)table * w->width + s];
    return total;
}

static void add(const work *w, unsigned from, unsigned to) {
    for (unsigned s = 0; s < w->width; s++) w->counts[(size_t)to * w->width + s] += w->counts[(size_t)from * w->width + s];
}

/* Add the counts of table `from` to those of table `to` if that costs no bytes. Return whether they were added. */
static int add_if_better(const work *w, unsigned from, unsigned to) {
    uint32_t *one = w->counts + (size_t)from * w->width, *other = w->counts + (size_t)to * w->width;
    const int64_t apart = price(w, cost_of(w, one)) + price(w, cost_of(w, other));
    uint32_t both[FRZ_WIDTH];
    for (unsigned s = 0; s < w->width; s++) both[s] = one[s] + other[s];
    if (price(w, cost_of(w, both)) > apart) return 0;
    memcpy(other, both, w->width * sizeof *other);
    return 1;
}

/* Merge totals at both ends: rare totals, totals in excess of the maximum number of classes, and totals that cost no
 * more bytes when merged. */
static void merge(const work *w, unsigned most, classes *c) {
    const size_t outside = w->sample->count / OUTSIDE;
    unsigned first = 0, last = c->range - 1, top = last;
    for (size_t below = total_of(w, first); below <= outside; below = total_of(w, first)) add(w, first, first + 1), first++;
    for (size_t above = total_of(w, top); above <= outside;) above += total_of(w, --top);
    top = (unsigned)least(top, first + most - 1);
    for (; last > top; last--) add(w, last, last - 1);
    while (first < last && add_if_better(w, first, first + 1)) first++;
    while (first < last && add_if_better(w, last, last - 1)) last--;
    c->low = c->lowest + (int)first;
    c->classes = last - first + 1;
    memmove(w->counts, w->counts + (size_t)first * w->width, (size_t)c->classes * w->width * sizeof *w->counts);
}

static void classify(const work *w, int resolution, classes *c) {
    count_totals(w, c);
    merge(w, (unsigned)least((uint64_t)resolution * FRZ_CLASSES / RESOLUTIONS, w->most), c);
    c->cost = cost_of_all(w, c->classes);
}

static void shift(int32_t *axis, uint64_t count, int by) {
    for (uint64_t i = 0; i < count; i++) axis[i] -= by;
}

/* Make the classes start at 0, both for the values of the sample and in the steps of the first axis that has steps. */
static void apply(const work *w, const classes *c) {
    const frz_shape s = w->sample->shape;
    const int most = (int)c->classes - 1;
    if (!most) memset(w->of, 0, w->sample->count);
    else for (size_t i = 0; i < w->sample->count; i++) w->of[i] = (uint8_t)clip_int(c->totals[i] - c->low, 0, most);
    if (c->row) shift(c->row, s.rows, c->low);
    else if (c->channel) shift(c->channel, s.channels, c->low);
    else if (c->position) shift(c->position, s.positions, c->low);
}

/* ---- neighbors ---- */

static void count_near(const work *w, unsigned number, uint64_t lag, unsigned reach) {
    const unsigned near = 2 * reach + 1, apart = near * w->width;
    clear(w, number * near);
    unsigned offset[NEAR];
    for (int v = 0; v < NEAR; v++) offset[v] = (unsigned)(clip(v - FRZ_REACH, -(int)reach, reach) + (int)reach) * w->width;
    for (size_t at = 0; at < w->sample->count; at += FRZ_SAMPLE_LANE) {
        const size_t end = (size_t)least(w->sample->count, at + FRZ_SAMPLE_LANE), late = (size_t)least(at + lag, end);
        for (size_t i = at; i < late; i++) w->counts[w->of[i] * apart + offset[FRZ_REACH] + w->symbol[i]]++;
        for (size_t i = late; i < end; i++) w->counts[w->of[i] * apart + offset[w->near[i - lag]] + w->symbol[i]]++;
    }
}

/* Convert the counts for one reach to those for the next smaller reach. */
static void narrow(const work *w, unsigned number, unsigned reach) {
    const size_t near = 2 * (size_t)reach + 1, width = w->width;
    for (size_t z = 0; z < number; z++) {
        uint32_t *from = w->counts + z * near * width, *to = w->counts + z * (near - 2) * width;
        for (unsigned s = 0; s < width; s++) {
            from[width + s] += from[s];
            from[(near - 2) * width + s] += from[(near - 1) * width + s];
        }
        memmove(to, from + width, (near - 2) * width * sizeof *to);
    }
}

/* Try all neighbors for which the maximum number of tables is large enough. */
static void compare(const work *w, frz_choice *best) {
    for (unsigned neighbor = 1; neighbor < 4; neighbor++) {
        const uint64_t lag = w->sample->lags[neighbor - 1];
        unsigned reach = lag ? FRZ_REACH : 0;
        while (reach && best->classes * (2 * reach + 1) > w->most) reach--;
        if (reach) count_near(w, best->classes, lag, reach);
        for (; reach; reach--) {
            const frz_cost cost = cost_of_all(w, best->classes * (2 * reach + 1));
            if (price(w, cost) < price(w, best->cost)) {
                best->neighbor = neighbor, best->reach = reach, best->cost = cost;
            }
            if (reach > 1) narrow(w, best->classes, reach);
        }
    }
}

static void describe_values(work *w) {
    symbols table;
    small_symbols(&table);
    w->width = 1;
    for (size_t i = 0; i < w->sample->count; i++) {
        const int32_t q = w->sample->values[i];
        const unsigned symbol = symbol_of(&table, q);
        w->symbol[i] = (uint8_t)symbol;
        w->near[i] = (uint8_t)(clip_int(q, -FRZ_REACH, FRZ_REACH) + FRZ_REACH);
        w->width = symbol >= w->width ? symbol + 1 : w->width;
    }
}

static const classes *choose(const work *w, classes found[RESOLUTIONS], frz_choice *best) {
    const classes *chosen = &found[0];
    for (int i = 0; i < RESOLUTIONS; i++) {
        classify(w, i + 1, &found[i]);
        if (price(w, found[i].cost) < price(w, chosen->cost)) chosen = &found[i];
        if (found[i].classes == 1) break;
    }
    apply(w, chosen);
    *best = (frz_choice){.classes = chosen->classes, .cost = chosen->cost};
    compare(w, best);
    return chosen;
}

/* Assign space to the steps of all axes that have stored classes. Return the number of steps. */
static size_t lay_out(const work *w, int32_t *at, classes *c) {
    const frz_shape s = w->sample->shape;
    const uint64_t size = s.rows * s.channels * s.positions;
    const int32_t *start = at;
    *c = (classes){.range = 1};
    if (w->most == 1) return 0;
    if (s.rows > 1 && s.rows < size) c->row = at, at += s.rows;
    if (s.channels > 1 && s.channels < size) c->channel = at, at += s.channels;
    if (s.positions > 1 && s.positions < size) c->position = at, at += s.positions;
    return (size_t)(at - start);
}

frz_result frz_choose(const frz_sample *sample, const int64_t *logs, int32_t *axes, frz_choice *best) {
    const frz_shape s = sample->shape;
    const size_t n = sample->count, each = sizeof(int16_t) * n;
    const uint64_t size = s.rows * s.channels * s.positions;
    work w = {.sample = sample, .logs = logs, .ratio = (int64_t)least(16 * (size / n) + 16 * (size % n) / n, MOST_RATIO)};
    w.most = (unsigned)least(1 + size / 256, FRZ_CLASSES * NEAR);
    int16_t *const totals = room(n, RESOLUTIONS * sizeof *totals + 3);
    int32_t *const step = room(s.rows + s.channels + s.positions, RESOLUTIONS * sizeof *step);
    frz_result result = FRZ_MEMORY;
    if (totals && step) {
        classes found[RESOLUTIONS];
        size_t length = 0;
        unsigned tables = w.most;
        w.symbol = (uint8_t *)totals + RESOLUTIONS * each, w.near = w.symbol + n, w.of = w.near + n;
        describe_values(&w);
        for (size_t i = 0; i < RESOLUTIONS; i++) {
            length = lay_out(&w, step + i * length, &found[i]);
            found[i].totals = totals + i * n;
            step_axes(&w, (int)i + 1, &found[i]);
            tables = tables > found[i].range ? tables : found[i].range;
        }
        w.counts = room((uint64_t)tables * w.width, sizeof *w.counts);
        if (w.counts) {
            const classes *chosen = choose(&w, found, best);
            memcpy(axes, step + (size_t)(chosen - found) * length, length * sizeof *axes);
            result = FRZ_OK;
        }
    }
    free(totals);
    free(step);
    free(w.counts);
    return result;
}
