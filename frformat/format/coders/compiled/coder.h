/* The entropy coders `adaptive` and `static` of the .frz format (specification, section 10).
 *
 * Portable C99 without global state. Several threads may run at the same time if they share only const data. Decoders read
 * and write only within the given buffers, whatever a stream contains.
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

/* The shape of a block of values. The product of its lengths must not exceed FRZ_VALUES. */
typedef struct {
    uint64_t rows, channels, positions;
} frz_shape;

#define FRZ_VALUES (UINT64_C(1) << 48)

/* ---- adaptive ---- */

typedef struct frz_model frz_model;   /* the adaptive statistics of a group */
typedef struct frz_blocks frz_blocks; /* blocks to code one after another */
typedef struct frz_writer frz_writer; /* encodes bits */
typedef struct frz_reader frz_reader; /* decodes bits */

/* Create a model. Return NULL if out of memory. `scale` must be 0 to 239, and `confidence` 0 to 255. */
frz_model *frz_model_new(int scale, unsigned confidence);
void frz_model_free(frz_model *model);

/* Create blocks, which must have at most FRZ_VALUES values in total. Return NULL if out of memory. */
frz_blocks *frz_blocks_new(const frz_shape *shapes, size_t count);
void frz_blocks_free(frz_blocks *blocks);

/* Return the number of values that have not yet been coded. No call may code more values. */
uint64_t frz_blocks_left(const frz_blocks *blocks);

frz_writer *frz_writer_new(void);
void frz_writer_free(frz_writer *writer);

/* Encode the next values of the blocks. Return FRZ_OK, FRZ_MEMORY, or FRZ_VALUE if a value is -2^31. */
frz_result frz_writer_put(frz_writer *writer, frz_model *model, frz_blocks *blocks, const int32_t *values, size_t count);

/* End the stream with as few bytes as possible, but with at least `least` bytes. The writer owns the bytes and accepts
 * no further values. Return FRZ_OK or FRZ_MEMORY. */
frz_result frz_writer_finish(frz_writer *writer, size_t least, const uint8_t **data, size_t *size);

/* Create a reader. It does not store the pointer, so each later call needs the whole stream again. */
frz_reader *frz_reader_new(const uint8_t *data, size_t size);
void frz_reader_free(frz_reader *reader);

/* Decode the next values of the blocks. Return FRZ_OK, FRZ_STREAM or FRZ_MEMORY. */
frz_result frz_reader_take(frz_reader *reader, frz_model *model, frz_blocks *blocks, const uint8_t *data, size_t size,
                           int32_t *values, size_t count);

/* Return FRZ_STREAM if the stream was malformed or bytes are left; otherwise return FRZ_OK. */
frz_result frz_reader_finish(const frz_reader *reader, size_t size);

/* ---- static ---- */

enum { FRZ_SYMBOLS = 127, FRZ_CLASS = 4096, FRZ_CLASSES = 64, FRZ_REACH = 4, FRZ_LEAST_LANE = 8, FRZ_MOST_LANE = 14 };

/* The data that is stored before the lanes of a block. */
typedef struct {
    frz_shape shape;
    unsigned lane, reach, classes, symbols;
    uint64_t lag;
    const int32_t *row, *channel, *position; /* the class of each index; NULL if all are 0 */
    const uint16_t *frequency;               /* classes * (2 * reach + 1) * symbols elements */
} frz_tables;

typedef struct frz_lanes frz_lanes;

/* Create a coder for the lanes of a block. It copies the tables. Return FRZ_OK, FRZ_MEMORY, or FRZ_STREAM if the tables
 * are invalid. */
frz_result frz_lanes_new(const frz_tables *tables, frz_lanes **lanes);
void frz_lanes_free(frz_lanes *lanes);

/* Return the number of values of the block from lane `first` on. */
uint64_t frz_lanes_left(const frz_lanes *lanes, uint64_t first);

/* Return the maximum size of `count` encoded values, in bytes. */
size_t frz_lanes_room(const frz_lanes *lanes, size_t count);

/* Return the number of lanes that `count` values occupy. */
size_t frz_lanes_of(const frz_lanes *lanes, size_t count);

/* Encode `count` values from lane `first` on. All lanes except the last lane of the block must be complete. `counts`
 * receives the number of words of each lane, minus 1. The words are written to the end of `space`, starting at
 * `*start`. Return FRZ_OK, FRZ_MEMORY, or FRZ_VALUE if a value has a frequency of 0. */
frz_result frz_lanes_encode(frz_lanes *lanes, uint64_t first, const int32_t *values, size_t count, uint8_t *counts,
                            uint8_t *space, size_t *start);

/* Decode `count` values from the words of their lanes, starting at lane `first`. Return FRZ_OK, FRZ_MEMORY or
 * FRZ_STREAM. */
frz_result frz_lanes_decode(frz_lanes *lanes, uint64_t first, const uint8_t *counts, const uint8_t *words, size_t size,
                            int32_t *values, size_t count);

/* ---- planning static blocks ---- */

enum { FRZ_WIDTH = 128, FRZ_LOGS = 1 << 12, FRZ_SAMPLE_LANE = 1 << 12 };

/* Add the magnitudes of a box of values, each capped at 2^20, to the sums of the rows, channels and positions. */
void frz_sums(const int32_t *values, frz_shape box, int64_t *rows, int64_t *channels, int64_t *positions);

/* A sample of a block: some of its lanes. */
typedef struct {
    frz_shape shape;        /* the block's shape, in which no length is 0 */
    const int64_t *sums;    /* sums of the magnitudes in each row, channel and position of the block */
    const int32_t *values;  /* the sampled values, lane after lane */
    const uint64_t *starts; /* the index in the block of each lane's first value */
    size_t count;           /* number of values, at least 1; all lanes except the last have FRZ_SAMPLE_LANE values */
    uint64_t lags[3];       /* the lag of each neighbor, or 0 if tables for that neighbor cannot pay off */
} frz_sample;

typedef struct {
    int64_t bits; /* size of the sample, in units of 2^-16 bits */
    size_t used;  /* number of stored frequencies other than 0 */
} frz_cost;

typedef struct {
    unsigned classes, neighbor, reach;
    frz_cost cost;
} frz_choice;

/* Choose classes and a neighbor that make the block small. `logs` contains the base-2 logarithms of 1 to 2 in FRZ_LOGS
 * steps, times 2^16. `axes` receives the classes of rows, channels and positions, but only for axes that have classes.
 * Return FRZ_OK or FRZ_MEMORY. */
frz_result frz_choose(const frz_sample *sample, const int64_t *logs, int32_t *axes, frz_choice *best);

/* The properties of a block that determine which table codes each value. */
typedef struct {
    frz_shape shape;
    const int32_t *row, *channel, *position; /* the class of each index; NULL if all are 0 */
    unsigned classes, reach, lane;
    uint64_t lag;
} frz_contexts;

/* Count the symbols that each table codes, with FRZ_WIDTH counts per table. `first` is the index of the first value,
 * which must be the first value of a lane. */
void frz_count(const frz_contexts *contexts, uint64_t first, const int32_t *values, size_t count, uint64_t *counts);

/* Scale the counts from frz_count to frequencies, with `symbols` frequencies per table. */
void frz_scale(const uint64_t *counts, size_t tables, unsigned symbols, uint16_t *frequency);

#endif
