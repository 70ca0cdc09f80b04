/* The adaptive coder: a learned scale, adaptive counters and a binary range coder (specification, 10.1 to 10.4). */
#include <stdlib.h>
#include <string.h>

#include "coder.h"

enum {
    SCALES = 240,
    ZONES = SCALES / 2,
    CLASSES = 30, /* number of counters for a magnitude's bit length, and number of counters for its second-highest bit */
    UNIT = 4096,  /* the number 1 in the fixed-point format of residuals and guesses */
    MOST = 3 * UNIT,
    FIRST_EVIDENCE = 6 << 12,
    MOST_EVIDENCE = 511 << 12,
    MOST_TERM = 1 << 22,
    MOST_WEIGHT = 1 << 20,
    MOST_MAGNITUDE = 1 << 22,
    LEAST_START = 2048
};

typedef uint32_t counter; /* 22 bits of probability, 8 bits of count */

struct frz_model {
    counter zero[ZONES][3], longer[ZONES][5][CLASSES], top[ZONES][CLASSES], sign[5];
    int32_t base, weight, tap[4];
    uint64_t gain[SCALES], ratio[SCALES];
    uint32_t worth[SCALES], share[512], rate[256];
};

static int64_t asr(int64_t x, int n) { return x >= 0 ? x >> n : ~(~x >> n); }

static int64_t clamp(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

static uint64_t mean(int scale) {
    static const uint64_t octave[8] = {68438, 74632, 81386, 88752, 96785, 105545, 115098, 125515};
    return (octave[scale % 8] << (scale / 8 + 2)) >> 16;
}

static counter start(uint64_t p, unsigned n) {
    return (counter)(p < LEAST_START ? LEAST_START : p > 65535 ? 65535 : p) << 14 | n;
}

frz_model *frz_model_new(int scale, unsigned confidence) {
    frz_model *m = malloc(sizeof *m);
    if (!m) return NULL;
    for (int s = 0; s < SCALES; s++) {
        const uint64_t mu = s ? mean(s) : 0;
        m->gain[s] = (UINT64_C(1) << 44) / (UNIT + mu);
        m->ratio[s] = (UINT64_C(1) << 44) / (UNIT / 4 + mu);
        m->worth[s] = (uint32_t)(2 * UNIT * mu / (UNIT + mu));
    }
    for (unsigned n = 1; n < 512; n++) m->share[n] = 65536 / n;
    for (unsigned n = 0; n < 256; n++) m->rate[n] = 131072 / (2 * n + 3);
    for (int z = 0; z < ZONES; z++) {
        const uint64_t mu = mean(2 * z + 1);
        uint64_t t = (mu << 16) / (UNIT + mu);
        for (int i = 0; i < 3; i++) m->zero[z][i] = start(t, confidence);
        for (int c = 0; c < CLASSES; c++) {
            m->longer[z][0][c] = start(t, confidence);
            m->top[z][c] = start(t < LEAST_START ? t : (t << 16) / (65536 + t), confidence);
            t = t * t >> 16;
        }
        for (int i = 1; i < 5; i++) memcpy(m->longer[z][i], m->longer[z][0], sizeof m->longer[z][0]);
    }
    for (int i = 0; i < 5; i++) m->sign[i] = start(32768, 4);
    m->base = (scale - 80) * 8192;
    m->weight = m->tap[0] = m->tap[1] = m->tap[2] = m->tap[3] = 0;
    return m;
}

void frz_model_free(frz_model *model) { free(model); }

/* ---- the range coder, for both directions ---- */

struct frz_writer {
    uint64_t low;
    uint32_t range;
    int full; /* out of memory */
    uint8_t *out;
    size_t filled, capacity;
};

struct frz_reader {
    uint32_t range, code;
    int fault;
    size_t position;
};

/* The state of a writer or reader while it codes values. */
typedef struct {
    frz_writer *w;
    uint64_t low;
    uint32_t range, code;
    int fault;
    const uint8_t *data;
    size_t position, size;
} coder;

static void push(frz_writer *w, uint64_t *low) {
    if (*low >> 32) {
        for (size_t at = w->filled; at > 0 && ++w->out[--at] == 0;) {}
    }
    if (w->filled == w->capacity) {
        const size_t more = w->capacity < SIZE_MAX / 2 - 4096 ? 2 * w->capacity + 4096 : 0;
        uint8_t *grown = more ? realloc(w->out, more) : NULL;
        if (grown) w->out = grown, w->capacity = more;
    }
    if (w->filled < w->capacity) w->out[w->filled++] = (uint8_t)(*low >> 24);
    else w->full = 1;
    *low = (*low & 0xFFFFFF) << 8;
}

static inline void normalize(coder *c, const int reading) {
    while (c->range < 1u << 24) {
        c->range <<= 8;
        if (reading) {
            c->code <<= 8;
            if (c->position < c->size) c->code |= c->data[c->position];
            c->position++;
        } else {
            uint64_t low = c->low; /* a local copy, which the compiler can keep in registers */
            push(c->w, &low);
            c->low = low;
        }
    }
}

/* Code one bit with a counter. After inlining, `reading` is a constant at every call. */
static inline int bit(coder *c, const uint32_t *rate, counter *state, int b, const int reading) {
    uint32_t p = *state >> 8;
    const uint32_t n = *state & 255, r = rate[n];
    const uint32_t bound = (c->range >> 16) * (p >> 6 | 8);
    if (reading) {
        b = c->code < bound;
        if (b) {
            c->range = bound;
            p += (uint32_t)((uint64_t)((1u << 22) - p) * r >> 16);
        } else {
            c->range -= bound;
            c->code -= bound;
            p -= (uint32_t)((uint64_t)p * r >> 16);
        }
    } else { /* without branches, which the processor would often mispredict */
        const uint32_t none = (uint32_t)b - 1; /* all bits are set if b is 0 */
        const uint32_t change = (uint32_t)((uint64_t)(b ? (1u << 22) - p : p) * r >> 16);
        c->low += bound & none;
        c->range = (c->range & none) + (bound ^ none) - none; /* range - bound, or bound */
        p += (change ^ none) - none;
    }
    *state = p << 8 | (n + (n < 255));
    normalize(c, reading);
    return b;
}

/* Code the lowest `count` bits of x, each with a probability of one half. */
static inline uint32_t direct(coder *c, uint32_t x, int count, const int reading) {
    uint32_t y = 0;
    for (int i = count - 1; i >= 0; i--) {
        uint32_t b = x >> i & 1;
        c->range >>= 1;
        if (reading) {
            b = c->code >= c->range;
            if (b) c->code -= c->range;
            if (c->code >= c->range) c->fault = 1;
        } else {
            c->low += c->range & (0u - b);
        }
        y = y << 1 | b;
        normalize(c, reading);
    }
    return y;
}

/* ---- values ---- */

typedef struct {
    int32_t value;
    uint32_t evidence;
} term;

/* A block while it is being coded. */
typedef struct {
    frz_shape shape;
    uint64_t left, channel, position;
    term row;
    term *channels, *positions; /* NULL if each element would be used only once */
    int16_t *over;              /* the values of the previous row; NULL if the block has only one row */
    int64_t around, v1, v2, v3;
} block;

struct frz_blocks {
    frz_shape *shapes;
    size_t count, next;
    uint64_t left;
    block now;
};

static uint64_t values_of(frz_shape s) { return s.rows * s.channels * s.positions; }

static term *terms(uint64_t count) {
    term *t = count <= SIZE_MAX / sizeof *t ? malloc((size_t)count * sizeof *t) : NULL;
    for (uint64_t i = 0; t && i < count; i++) t[i] = (term){0, FIRST_EVIDENCE};
    return t;
}

static void end_block(block *b) {
    free(b->channels);
    free(b->positions);
    free(b->over);
    *b = (block){.left = 0};
}

/* Start a block. Return 0 if out of memory. */
static int start_block(block *b, frz_shape s) {
    end_block(b);
    b->shape = s;
    b->row.evidence = FIRST_EVIDENCE;
    const uint64_t count = values_of(s), columns = s.channels * s.positions;
    const int of_channels = s.channels > 1 && count > s.channels, of_positions = s.positions > 1 && count > s.positions;
    if (of_channels) b->channels = terms(s.channels);
    if (of_positions) b->positions = terms(s.positions);
    if (s.rows > 1 && columns <= SIZE_MAX) b->over = calloc((size_t)columns + 1, sizeof *b->over);
    if ((of_channels && !b->channels) || (of_positions && !b->positions) || (s.rows > 1 && !b->over)) {
        end_block(b);
        return 0;
    }
    b->left = count;
    return 1;
}

frz_blocks *frz_blocks_new(const frz_shape *shapes, size_t count) {
    frz_blocks *b = calloc(1, sizeof *b);
    if (!b || count > SIZE_MAX / sizeof *shapes || !(b->shapes = malloc(count * sizeof *shapes + 1))) {
        free(b);
        return NULL;
    }
    b->count = count;
    for (size_t i = 0; i < count; i++) b->left += values_of(b->shapes[i] = shapes[i]);
    return b;
}

void frz_blocks_free(frz_blocks *blocks) {
    if (!blocks) return;
    end_block(&blocks->now);
    free(blocks->shapes);
    free(blocks);
}

uint64_t frz_blocks_left(const frz_blocks *blocks) { return blocks->left; }

static inline void learn(const frz_model *m, term *t, int64_t residual, uint32_t worth) {
    const int64_t step = asr(residual * (int64_t)m->share[t->evidence >> 12] + 512, 10);
    t->value = (int32_t)clamp(t->value + step, -MOST_TERM, MOST_TERM);
    t->evidence += worth;
    if (t->evidence > MOST_EVIDENCE) t->evidence = MOST_EVIDENCE;
}

static inline void adjust(int32_t *weight, int64_t product, int shift) {
    *weight = (int32_t)clamp(*weight + asr(product + (1 << (shift - 1)), shift), -MOST_WEIGHT, MOST_WEIGHT);
}

static inline int length(uint32_t x) {
#if defined(__GNUC__)
    return x ? 32 - __builtin_clz(x) : 0;
#else
    int n = 0;
    for (; x; x >>= 1) n++;
    return n;
#endif
}

/* Code a nonzero magnitude. */
static inline uint32_t nonzero(frz_model *m, coder *c, int zone, int agreement, uint32_t x, const int reading) {
    counter *longer = m->longer[zone][agreement];
    const int n = length(x);
    int k = 0;
    while (k < CLASSES && bit(c, m->rate, &longer[k], k + 1 < n, reading)) k++;
    if (k == 0) return 1;
    const int top = bit(c, m->rate, &m->top[zone][k - 1], n > 1 ? (int)(x >> (n - 2) & 1) : 0, reading);
    return (uint32_t)(2 | top) << (k - 1) | direct(c, x, k - 1, reading);
}

/* Return the level of a guess, from 0 to 4, which depends on its distance from 0. */
static inline int level_of(int64_t guess) {
    const int64_t size = guess < 0 ? -guess : guess;
    return (size >= 512) + (size >= 1024) + (size >= 2048) + (size >= 4096);
}

static inline void next_value(block *b) {
    if (++b->position < b->shape.positions) return;
    b->position = 0;
    if (++b->channel < b->shape.channels) return;
    b->channel = 0;
    b->around = b->v1 = b->v2 = b->v3 = 0;
    b->row = (term){0, FIRST_EVIDENCE};
}

/* Code the next values of a block: read them from `in`, or write them to `out`. */
static inline void code(frz_model *m, block *one, coder *c, const int32_t *in, int32_t *out, size_t count, const int reading) {
    block b = *one;
    /* Local copies, which the compiler can keep in registers. */
    const int32_t base = m->base;
    int32_t weight = m->weight, t1 = m->tap[0], t2 = m->tap[1], t3 = m->tap[2], t4 = m->tap[3];
    for (size_t at = 0; at < count; at++) {
        term *channel = b.channels ? &b.channels[b.channel] : NULL;
        term *position = b.positions ? &b.positions[b.position] : NULL;
        int16_t *over = b.over ? &b.over[b.channel * b.shape.positions + b.position] : NULL;
        const int64_t v4 = over ? *over : 0;
        int64_t e = (int64_t)base + b.row.value + asr(weight * b.around, 12);
        if (channel) e += channel->value;
        if (position) e += position->value;
        const int s = (int)clamp(asr(e, 13) + 80, 0, SCALES - 1), zone = s >> 1;
        const int64_t guess = asr(t1 * b.v1 + t2 * b.v2 + t3 * b.v3 + t4 * v4, 16);
        const int level = level_of(guess), sure = level >> 1;

        uint32_t x = 0;
        int negative = 0;
        if (!reading) {
            negative = in[at] < 0;
            x = negative ? 0u - (uint32_t)in[at] : (uint32_t)in[at];
        }
        if (bit(c, m->rate, &m->zero[zone][sure], x != 0, reading)) {
            const int differs = bit(c, m->rate, &m->sign[level], negative != (guess < 0), reading);
            negative = differs != (guess < 0);
            x = nonzero(m, c, zone, differs ? 2 + sure : 2 - sure, x, reading);
        }
        if (reading) out[at] = negative ? -(int32_t)x : (int32_t)x;

        const uint64_t size = x < MOST_MAGNITUDE ? x : MOST_MAGNITUDE;
        int64_t residual = (int64_t)((size + 1) * m->gain[s] >> 20);
        residual = (residual < MOST + UNIT ? residual : MOST + UNIT) - UNIT;
        if (s == SCALES - 1 && residual > 0) residual = 0;
        const uint32_t worth = m->worth[s];
        learn(m, &b.row, residual, worth);
        if (channel) learn(m, channel, residual, worth);
        if (position) learn(m, position, residual, worth);
        adjust(&weight, residual * b.around, 16);
        int64_t v = (int64_t)(size * m->ratio[s] >> 20);
        v = v < MOST ? v : MOST;
        if (negative) v = -v;
        const int64_t miss = clamp(v - guess, -MOST, MOST);
        adjust(&t1, miss * b.v1, 17);
        adjust(&t2, miss * b.v2, 17);
        adjust(&t3, miss * b.v3, 17);
        adjust(&t4, miss * v4, 17);
        b.around += asr(residual - b.around, 2);
        b.v3 = b.v2;
        b.v2 = b.v1;
        b.v1 = v;
        if (over) *over = (int16_t)v;
        next_value(&b);
    }
    m->weight = weight;
    m->tap[0] = t1, m->tap[1] = t2, m->tap[2] = t3, m->tap[3] = t4;
    b.left -= count;
    *one = b;
}

/* Code the next values of the blocks. Return 0 if out of memory. */
static inline int code_blocks(frz_model *m, frz_blocks *b, coder *c, const int32_t *in, int32_t *out, size_t count,
                              const int reading) {
    for (size_t at = 0; at < count;) {
        while (!b->now.left) {
            if (!start_block(&b->now, b->shapes[b->next])) return 0;
            b->next++;
        }
        const size_t some = count - at < b->now.left ? count - at : (size_t)b->now.left;
        code(m, &b->now, c, reading ? NULL : in + at, reading ? out + at : NULL, some, reading);
        b->left -= some;
        at += some;
    }
    return 1;
}

frz_writer *frz_writer_new(void) {
    frz_writer *w = calloc(1, sizeof *w);
    if (w) w->range = UINT32_MAX;
    return w;
}

void frz_writer_free(frz_writer *writer) {
    if (!writer) return;
    free(writer->out);
    free(writer);
}

frz_result frz_writer_put(frz_writer *w, frz_model *model, frz_blocks *blocks, const int32_t *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (values[i] == INT32_MIN) return FRZ_VALUE;
    }
    coder c = {.w = w, .low = w->low, .range = w->range};
    const int coded = code_blocks(model, blocks, &c, values, NULL, count, 0);
    w->low = c.low;
    w->range = c.range;
    return coded && !w->full ? FRZ_OK : FRZ_MEMORY;
}

frz_result frz_writer_finish(frz_writer *w, size_t least, const uint8_t **data, size_t *size) {
    uint64_t last = w->low;
    for (int zeros = 32; zeros >= 0; zeros--) {
        const uint64_t mask = (UINT64_C(1) << zeros) - 1;
        last = (w->low + mask) & ~mask;
        if (last < w->low + w->range) break;
    }
    w->low = last;
    for (int i = 0; i < 4; i++) push(w, &w->low);
    if (w->full) return FRZ_MEMORY;
    while (w->filled > least && w->out[w->filled - 1] == 0) w->filled--;
    *data = w->out;
    *size = w->filled;
    return FRZ_OK;
}

frz_reader *frz_reader_new(const uint8_t *data, size_t size) {
    frz_reader *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->range = UINT32_MAX;
    for (; r->position < 4; r->position++) r->code = r->code << 8 | (r->position < size ? data[r->position] : 0u);
    r->fault = r->code == UINT32_MAX;
    return r;
}

void frz_reader_free(frz_reader *reader) { free(reader); }

frz_result frz_reader_take(frz_reader *r, frz_model *model, frz_blocks *blocks, const uint8_t *data, size_t size,
                           int32_t *values, size_t count) {
    if (r->fault) return FRZ_STREAM;
    coder c = {.range = r->range, .code = r->code, .data = data, .position = r->position, .size = size};
    if (!code_blocks(model, blocks, &c, NULL, values, count, 1)) return FRZ_MEMORY;
    *r = (frz_reader){c.range, c.code, c.fault, c.position};
    return r->fault ? FRZ_STREAM : FRZ_OK;
}

frz_result frz_reader_finish(const frz_reader *reader, size_t size) {
    return reader->fault || reader->position < size ? FRZ_STREAM : FRZ_OK;
}
