/* The entropy coders of the .frz format, `adaptive` and `static`: section 10 of the specification.
 *
 * Portable C99 without global state. Threads may run concurrently as long as they share only const data. Whatever
 * a stream contains, decoders read and write only within the given buffers.
 */
#ifndef FRZ_CODER_H
#define FRZ_CODER_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    FRZ_OK,
    FRZ_STREAM, /* the stream is malformed */
    FRZ_MEMORY, /* out of memory */
    FRZ_VALUE   /* a value cannot be coded */
} frz_result;

/* A block of values. No product of these may exceed FRZ_VALUES. */
typedef struct {
    uint64_t rows, channels, positions;
} frz_shape;

#define FRZ_VALUES (UINT64_C(1) << 48)

/* ---- adaptive ---- */

typedef struct frz_model frz_model;   /* the adaptive state of a group */
typedef struct frz_blocks frz_blocks; /* blocks that are coded one after the other */
typedef struct frz_writer frz_writer; /* encodes bits */
typedef struct frz_reader frz_reader; /* decodes bits */

/* Return a model in its initial state, or NULL if out of memory. `scale` is 0 to 239, `confidence` 0 to 255. */
frz_model *frz_model_new(int scale, unsigned confidence);
void frz_model_free(frz_model *model);

/* All blocks together have at most FRZ_VALUES. Return NULL if out of memory. */
frz_blocks *frz_blocks_new(const frz_shape *shapes, size_t count);
void frz_blocks_free(frz_blocks *blocks);

/* Return how many of their values have not been coded yet. No call may code more. */
uint64_t frz_blocks_left(const frz_blocks *blocks);

frz_writer *frz_writer_new(void);
void frz_writer_free(frz_writer *writer);

/* Code the next values of blocks: FRZ_OK, FRZ_MEMORY, or FRZ_VALUE for -2^31. */
frz_result frz_writer_put(frz_writer *writer, frz_model *model, frz_blocks *blocks, const int32_t *values, size_t count);

/* End the stream with the fewest bytes that decode to the coded values, but at least `least`. They belong to the writer,
 * which accepts no more values. Return FRZ_OK or FRZ_MEMORY. */
frz_result frz_writer_finish(frz_writer *writer, size_t least, const uint8_t **data, size_t *size);

/* A reader keeps no pointer to the stored bytes: each call takes all of them. */
frz_reader *frz_reader_new(const uint8_t *data, size_t size);
void frz_reader_free(frz_reader *reader);

/* Decode the next values of blocks: FRZ_OK, FRZ_STREAM or FRZ_MEMORY. */
frz_result frz_reader_take(frz_reader *reader, frz_model *model, frz_blocks *blocks, const uint8_t *data, size_t size,
                           int32_t *values, size_t count);

/* Return FRZ_STREAM if the stream was malformed, or bytes are left. */
frz_result frz_reader_finish(const frz_reader *reader, size_t size);

/* ---- static ---- */

enum { FRZ_SYMBOLS = 127, FRZ_CLASS = 4096, FRZ_CLASSES = 64, FRZ_REACH = 4, FRZ_LEAST_LANE = 8, FRZ_MOST_LANE = 14 };

/* A block's data before its lanes. */
typedef struct {
    frz_shape shape;
    unsigned lane, reach, classes, symbols;
    uint64_t lag;
    const int32_t *row, *channel, *position; /* a class for each; NULL if all are 0 */
    const uint16_t *frequency;               /* classes * (2 * reach + 1) * symbols */
} frz_tables;

typedef struct frz_lanes frz_lanes;

/* Create the coder of a block's lanes. Return FRZ_STREAM if the tables are invalid. Copies what it needs. */
frz_result frz_lanes_new(const frz_tables *tables, frz_lanes **lanes);
void frz_lanes_free(frz_lanes *lanes);

/* Return how many values the block has from a lane on. */
uint64_t frz_lanes_left(const frz_lanes *lanes, uint64_t first);

/* Return the most bytes that `count` values can take, and the number of their lanes. */
size_t frz_lanes_room(const frz_lanes *lanes, size_t count);
size_t frz_lanes_of(const frz_lanes *lanes, size_t count);

/* Code `count` values from lane `first` on; all lanes but the block's last must be complete. `counts` receives the number of
 * words of each lane, less 1. The words fill the end of `space`, from `*start`. Return FRZ_OK, FRZ_MEMORY, or FRZ_VALUE if
 * a value has no frequency. */
frz_result frz_lanes_encode(frz_lanes *lanes, uint64_t first, const int32_t *values, size_t count, uint8_t *counts,
                            uint8_t *space, size_t *start);

/* Decode such values from all their words. Return FRZ_OK, FRZ_MEMORY or FRZ_STREAM. */
frz_result frz_lanes_decode(frz_lanes *lanes, uint64_t first, const uint8_t *counts, const uint8_t *words, size_t size,
                            int32_t *values, size_t count);

/* ---- planning static blocks ---- */

enum { FRZ_WIDTH = 128, FRZ_LOGS = 1 << 12, FRZ_SAMPLE_LANE = 1 << 12 };

/* Add the magnitudes of a box of values, each at most 2^20, to the sums of its rows, its channels and its positions. */
void frz_sums(const int32_t *values, frz_shape box, int64_t *rows, int64_t *channels, int64_t *positions);

/* Some lanes of a block. */
typedef struct {
    frz_shape shape;        /* of the block, which has values */
    const int64_t *sums;    /* of magnitudes in each row, each channel and each position of the block */
    const int32_t *values;  /* of the sample, lane after lane */
    const uint64_t *starts; /* the index of each lane's first value in the block */
    size_t count;           /* number of values, at least 1; all lanes but the last one have FRZ_SAMPLE_LANE */
    uint64_t lags[3];       /* of each neighbour that may be worth its tables, else 0 */
} frz_sample;

typedef struct {
    int64_t bits; /* of the sample, in parts of 2^-16 */
    size_t used;  /* number of stored frequencies that are not 0 */
} frz_cost;

typedef struct {
    unsigned classes, neighbour, reach;
    frz_cost cost;
} frz_choice;

/* Choose classes and a neighbour that give few bytes. `logs` are the logarithms of 1 to 2, in FRZ_LOGS steps, times 2^16.
 * `axes` receives the classes of rows, of channels and of positions, as far as an axis has any. Return FRZ_OK or
 * FRZ_MEMORY. */
frz_result frz_choose(const frz_sample *sample, const int64_t *logs, int32_t *axes, frz_choice *best);

/* What decides which table codes a value. */
typedef struct {
    frz_shape shape;
    const int32_t *row, *channel, *position; /* a class for each; NULL if all are 0 */
    unsigned classes, reach, lane;
    uint64_t lag;
} frz_contexts;

/* Count the symbols of values in each table, FRZ_WIDTH counts for each. `first` is the index of the first value, which
 * begins a lane. */
void frz_count(const frz_contexts *contexts, uint64_t first, const int32_t *values, size_t count, uint64_t *counts);

/* Scale such counts to frequencies: each table has as many as there are symbols. */
void frz_scale(const uint64_t *counts, size_t tables, unsigned symbols, uint16_t *frequency);

#endif
