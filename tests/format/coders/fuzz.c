/* Check that random values survive a round trip and that damaged streams do no harm. Run this with sanitizers
 * (`make fuzz-c`).
 *
 * Arguments: the number of rounds (2000 by default) and a seed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coder.h"

static uint64_t state;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t below(uint64_t n) { return next() % n; }

static void check(int sound, const char *what) {
    if (sound) return;
    fprintf(stderr, "failed: %s\n", what);
    exit(1);
}

static int32_t value(int kind) {
    const uint64_t r = next();
    switch (kind) {
        case 0: return 0;
        case 1: return (int32_t)(r % 3) - 1;
        case 2: return r % 50 ? 0 : (int32_t)below(9) - 4;
        case 3: return (int32_t)(r % 201) - 100;
        case 4: return (int32_t)(r >> 33 >> below(31)) * (r & 1 ? 1 : -1);
        case 5: return r & 1 ? INT32_MAX : -INT32_MAX;
        default: return value((int)below(6));
    }
}

static frz_shape some_shape(void) {
    if (below(3) == 0) return (frz_shape){1, 1, below(300)};
    if (below(8) == 0) return (frz_shape){below(30) + 1, below(90) + 1, below(9) + 1};
    return (frz_shape){below(9), below(7), below(10)};
}

/* Return a damaged copy of a stream, in memory of exactly its size. */
static uint8_t *damaged(const uint8_t *data, size_t size, size_t *left) {
    const int how = (int)below(4);
    *left = how == 1 && size ? below(size) : how == 3 ? size + below(9) : size;
    uint8_t *copy = malloc(*left ? *left : 1);
    check(copy != NULL, "memory");
    memset(copy, (int)below(256), *left ? *left : 1);
    memcpy(copy, data, size < *left ? size : *left);
    if (how == 0 && size) copy[below(size)] ^= (uint8_t)(1 << below(8));
    for (size_t i = 0; how == 2 && i < *left; i++) copy[i] = (uint8_t)next();
    return copy;
}

/* ---- adaptive ---- */

static frz_blocks *two_blocks(frz_shape s) { return frz_blocks_new((frz_shape[]){s, s}, 2); }

static frz_result take_all(const uint8_t *data, size_t size, frz_shape s, int32_t *out) {
    frz_model *model = frz_model_new(80, 16);
    frz_blocks *blocks = two_blocks(s);
    frz_reader *reader = frz_reader_new(data, size);
    check(model && blocks && reader, "memory");
    frz_result result = FRZ_OK;
    for (uint64_t left = frz_blocks_left(blocks); left && result == FRZ_OK; left = frz_blocks_left(blocks)) {
        const uint64_t count = below(left) + 1;
        result = frz_reader_take(reader, model, blocks, data, size, out, (size_t)count);
        out += count;
    }
    if (result == FRZ_OK) result = frz_reader_finish(reader, size);
    frz_reader_free(reader);
    frz_blocks_free(blocks);
    frz_model_free(model);
    return result;
}

static void fuzz_adaptive(frz_shape s, const int32_t *values, int32_t *back, size_t count) {
    frz_model *model = frz_model_new(80, 16);
    frz_blocks *blocks = two_blocks(s);
    frz_writer *writer = frz_writer_new();
    check(model && blocks && writer, "memory");
    for (size_t at = 0; at < count;) {
        const size_t some = (size_t)below(count - at) + 1;
        check(frz_writer_put(writer, model, blocks, values + at, some) == FRZ_OK, "values are coded");
        at += some;
    }
    const uint8_t *data;
    size_t size;
    check(frz_writer_finish(writer, below(9) ? 0 : 40, &data, &size) == FRZ_OK, "a stream ends");
    check(take_all(data, size, s, back) == FRZ_OK, "a stream is well-formed");
    check(!memcmp(values, back, count * sizeof *values), "values come back");
    for (int i = 0; i < 4; i++) {
        size_t left;
        uint8_t *bent = damaged(data, size, &left);
        take_all(bent, left, s, back);
        free(bent);
    }
    frz_writer_free(writer);
    frz_blocks_free(blocks);
    frz_model_free(model);
}

/* ---- static ---- */

static int32_t *some_classes(uint64_t count) {
    int32_t *classes = malloc((size_t)count * sizeof *classes + 1);
    check(classes != NULL, "memory");
    for (uint64_t i = 0; i < count; i++) classes[i] = below(9) ? (int32_t)below(5) - 2 : (int32_t)below(8193) - 4096;
    return classes;
}

static uint16_t *some_frequencies(size_t tables) {
    uint16_t *f = malloc(tables * FRZ_SYMBOLS * sizeof *f);
    check(f != NULL, "memory");
    for (size_t t = 0; t < tables; t++) {
        unsigned left = 4096 - FRZ_SYMBOLS;
        for (size_t i = 0; i < FRZ_SYMBOLS; i++) {
            const unsigned more = i + 1 < FRZ_SYMBOLS ? (unsigned)below(left / 3 + 1) : left;
            f[t * FRZ_SYMBOLS + i] = (uint16_t)(1 + more);
            left -= more;
        }
    }
    return f;
}

static void damage_lanes(frz_lanes *lanes, const uint8_t *counts, size_t number, const uint8_t *words, size_t size,
                         int32_t *back, size_t count) {
    uint8_t *bent_counts = malloc(2 * number + 1);
    check(bent_counts != NULL, "memory");
    memcpy(bent_counts, counts, 2 * number);
    if (below(3) == 0) bent_counts[below(2 * number)] = (uint8_t)next();
    size_t left;
    uint8_t *bent = damaged(words, size, &left);
    frz_lanes_decode(lanes, 0, bent_counts, bent, left, back, count);
    free(bent);
    free(bent_counts);
}

static void fuzz_static(frz_shape s, const int32_t *values, int32_t *back, size_t count) {
    int32_t *row = some_classes(s.rows), *channel = some_classes(s.channels), *position = some_classes(s.positions);
    const int neighbor = (int)below(4);
    const uint64_t lags[4] = {0, 1, s.positions, s.channels * s.positions};
    frz_tables t = {.shape = s, .lag = lags[neighbor], .row = below(3) ? row : NULL, .channel = below(3) ? channel : NULL};
    t.position = below(3) ? position : NULL;
    t.lane = FRZ_LEAST_LANE + (unsigned)below(7);
    t.reach = neighbor ? (unsigned)below(4) + 1 : 0;
    t.classes = (unsigned)below(9) + 1;
    t.symbols = FRZ_SYMBOLS;
    const size_t tables = (size_t)t.classes * (2 * t.reach + 1);
    uint16_t *f = some_frequencies(tables);
    t.frequency = f;
    frz_lanes *lanes;
    check(frz_lanes_new(&t, &lanes) == FRZ_OK, "sound tables");
    const size_t number = frz_lanes_of(lanes, count), most = frz_lanes_room(lanes, count);
    uint8_t *counts = malloc(2 * number), *words = malloc(most);
    check(counts && words, "memory");
    size_t start;
    check(frz_lanes_encode(lanes, 0, values, count, counts, words, &start) == FRZ_OK, "lanes are coded");
    check(frz_lanes_decode(lanes, 0, counts, words + start, most - start, back, count) == FRZ_OK, "lanes are well-formed");
    check(!memcmp(values, back, count * sizeof *values), "values come back from lanes");
    for (int i = 0; i < 4; i++) damage_lanes(lanes, counts, number, words + start, most - start, back, count);
    frz_lanes_free(lanes);
    /* Tables in which one number is arbitrary must be rejected unless they are valid; if accepted, they do no harm. */
    f[below(tables * FRZ_SYMBOLS)] = (uint16_t)next();
    if (frz_lanes_new(&t, &lanes) == FRZ_OK) {
        damage_lanes(lanes, counts, number, words + start, most - start, back, count);
        frz_lanes_free(lanes);
    }
    free(words);
    free(counts);
    free(f);
    free(row);
    free(channel);
    free(position);
}

/* Plan a block as a writer does, and encode it. Every value must have a frequency. */
static void fuzz_planning(frz_shape s, const int32_t *values, size_t count, const int64_t *logs) {
    const size_t axes = (size_t)(s.rows + s.channels + s.positions), columns = (size_t)(s.channels * s.positions);
    int64_t *sums = calloc(axes, sizeof *sums);
    int32_t *classes = calloc(axes, sizeof *classes), *row = NULL, *channel = NULL, *position = NULL, *at = classes;
    check(sums && classes, "memory");
    frz_sums(values, s, sums, sums + s.rows, sums + s.rows + s.channels);
    const size_t lanes = (count - 1) / FRZ_SAMPLE_LANE + 1, few = lanes > 2 ? 2 : lanes;
    const uint64_t starts[2] = {0, FRZ_SAMPLE_LANE};
    frz_sample sample = {.shape = s, .sums = sums, .values = values, .starts = starts, .lags = {1, s.positions, columns}};
    sample.count = few < lanes ? few * FRZ_SAMPLE_LANE : count;
    for (int i = 0; i < 3; i++) sample.lags[i] = below(4) && sample.lags[i] < count ? sample.lags[i] : 0;
    frz_choice best;
    check(frz_choose(&sample, logs, classes, &best) == FRZ_OK, "a choice is made");
    if (best.classes > 1) {
        if (s.rows > 1 && s.rows < count) row = at, at += s.rows;
        if (s.channels > 1 && s.channels < count) channel = at, at += s.channels;
        if (s.positions > 1 && s.positions < count) position = at;
    }
    const uint64_t lag = best.neighbor ? sample.lags[best.neighbor - 1] : 0;
    const unsigned lane = FRZ_LEAST_LANE + (unsigned)below(7);
    const frz_contexts c = {s, row, channel, position, best.classes, best.reach, lane, lag};
    const size_t tables = (size_t)best.classes * (2 * best.reach + 1);
    uint64_t *seen = calloc(tables * FRZ_WIDTH, sizeof *seen);
    uint16_t *f = malloc(tables * FRZ_SYMBOLS * sizeof *f);
    check(seen && f, "memory");
    frz_count(&c, 0, values, count, seen);
    frz_scale(seen, tables, FRZ_SYMBOLS, f);
    const frz_tables t = {s, lane, best.reach, best.classes, FRZ_SYMBOLS, lag, row, channel, position, f};
    frz_lanes *made;
    check(frz_lanes_new(&t, &made) == FRZ_OK, "planned tables are sound");
    uint8_t *counts = malloc(2 * frz_lanes_of(made, count)), *words = malloc(frz_lanes_room(made, count));
    check(counts && words, "memory");
    size_t start;
    check(frz_lanes_encode(made, 0, values, count, counts, words, &start) == FRZ_OK, "every value has a frequency");
    frz_lanes_free(made);
    free(words);
    free(counts);
    free(f);
    free(seen);
    free(classes);
    free(sums);
}

int main(int argc, char **argv) {
    static int64_t logs[FRZ_LOGS];
    for (int i = 0; i < FRZ_LOGS; i++) logs[i] = 16 * (int64_t)i; /* any rough approximation will do */
    const int rounds = argc > 1 ? atoi(argv[1]) : 2000;
    state = argc > 2 ? strtoull(argv[2], NULL, 10) | 1 : UINT64_C(88172645463325252);
    for (int i = 0; i < rounds; i++) {
        const frz_shape s = some_shape();
        const size_t count = (size_t)(s.rows * s.channels * s.positions);
        int32_t *values = malloc(2 * count * sizeof *values + 1), *back = malloc(2 * count * sizeof *back + 1);
        check(values && back, "memory");
        const int kind = (int)below(7);
        for (size_t k = 0; k < 2 * count; k++) values[k] = value(kind);
        fuzz_adaptive(s, values, back, 2 * count);
        if (count) {
            fuzz_static(s, values, back, count);
            fuzz_planning(s, values, count, logs);
        }
        free(values);
        free(back);
    }
    printf("%d rounds\n", rounds);
    return 0;
}
