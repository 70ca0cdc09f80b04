/* The part of the Python module that plans static blocks. */
#include "module.h"

static void release(Py_buffer *buffers, int count) {
    while (count-- > 0) PyBuffer_Release(&buffers[count]);
}

static PyObject *none_if(int done, const char *what) {
    if (done) return Py_NewRef(Py_None);
    return PyErr_Occurred() ? NULL : frz_value_error(what);
}

PyObject *frz_py_sums(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer given[4];
    if (!PyArg_ParseTuple(args, "y*w*w*w*", &given[0], &given[1], &given[2], &given[3])) return NULL;
    const Py_ssize_t count = frz_numbers(&given[0], sizeof(int32_t)), rows = frz_numbers(&given[1], sizeof(int64_t)),
                     channels = frz_numbers(&given[2], sizeof(int64_t)), positions = frz_numbers(&given[3], sizeof(int64_t));
    int fits = 0;
    if (count >= 0 && rows >= 0 && channels >= 0 && positions >= 0) {
        const frz_shape box = {(uint64_t)rows, (uint64_t)channels, (uint64_t)positions};
        fits = frz_check_shape(box) && box.rows * box.channels * box.positions == (uint64_t)count;
        if (fits) {
            Py_BEGIN_ALLOW_THREADS
            frz_sums(given[0].buf, box, given[1].buf, given[2].buf, given[3].buf);
            Py_END_ALLOW_THREADS
        }
    }
    release(given, 4);
    return none_if(fits, "the array does not match the values of a box");
}

/* Return 0 and set an exception unless all lanes of a sample are within its block. */
static int check_sample(frz_sample *sample, Py_ssize_t count, Py_ssize_t lanes) {
    const uint64_t size = sample->shape.rows * sample->shape.channels * sample->shape.positions;
    sample->count = (size_t)count;
    int sound = count > 0 && lanes == (count - 1) / FRZ_SAMPLE_LANE + 1;
    for (Py_ssize_t i = 0; sound && i < lanes; i++) {
        const uint64_t left = (uint64_t)count - (uint64_t)i * FRZ_SAMPLE_LANE, start = sample->starts[i];
        sound = start <= size && (left < FRZ_SAMPLE_LANE ? left : FRZ_SAMPLE_LANE) <= size - start;
    }
    for (int i = 0; i < 3; i++) sound = sound && sample->lags[i] <= size;
    if (!sound) frz_value_error("the arrays do not match the lanes of a sample");
    return sound;
}

/* Return 0 and set an exception unless the numbers of sums and classes match the block. */
static int check_axes(frz_shape s, Py_ssize_t sums, Py_ssize_t axes) {
    const uint64_t each[3] = {s.rows, s.channels, s.positions}, size = s.rows * s.channels * s.positions;
    uint64_t all = 0, stored = 0;
    for (int i = 0; i < 3; i++) {
        all += each[i];
        if (each[i] > 1 && each[i] < size) stored += each[i];
    }
    const int fits = (uint64_t)sums == all && (uint64_t)axes == stored;
    if (!fits) frz_value_error("there must be one sum and one class for each row, channel and position");
    return fits;
}

PyObject *frz_py_choose(PyObject *self, PyObject *args) {
    (void)self;
    unsigned long long shape[3], lags[3];
    Py_buffer given[5];
    if (!PyArg_ParseTuple(args, "(KKK)y*y*y*(KKK)y*w*", &shape[0], &shape[1], &shape[2], &given[0], &given[1], &given[2],
                          &lags[0], &lags[1], &lags[2], &given[3], &given[4])) {
        return NULL;
    }
    frz_sample sample = {.shape = {shape[0], shape[1], shape[2]}, .lags = {lags[0], lags[1], lags[2]}};
    sample.sums = given[0].buf, sample.values = given[1].buf, sample.starts = given[2].buf;
    const Py_ssize_t sums = frz_numbers(&given[0], sizeof(int64_t)), count = frz_numbers(&given[1], sizeof(int32_t)),
                     lanes = frz_numbers(&given[2], sizeof(uint64_t)), logs = frz_numbers(&given[3], sizeof(int64_t)),
                     axes = frz_numbers(&given[4], sizeof(int32_t));
    PyObject *done = NULL;
    if (sums >= 0 && count >= 0 && lanes >= 0 && logs >= 0 && axes >= 0 && frz_check_shape(sample.shape) &&
        check_sample(&sample, count, lanes) && check_axes(sample.shape, sums, axes)) {
        frz_choice best;
        frz_result result = FRZ_MEMORY;
        if (logs == FRZ_LOGS) {
            Py_BEGIN_ALLOW_THREADS
            result = frz_choose(&sample, given[3].buf, given[4].buf, &best);
            Py_END_ALLOW_THREADS
        }
        if (logs != FRZ_LOGS) frz_value_error("the table of logarithms has the wrong size");
        else if (result != FRZ_OK) PyErr_NoMemory();
        else done = Py_BuildValue("IIIL", best.classes, best.neighbor, best.reach, (long long)best.cost.bits);
    }
    release(given, 5);
    return done;
}

PyObject *frz_py_count(PyObject *self, PyObject *args) {
    (void)self;
    unsigned long long shape[3], lag, first;
    frz_contexts c;
    Py_buffer given[5];
    if (!PyArg_ParseTuple(args, "(KKK)IKIIy*y*y*Ky*w*", &shape[0], &shape[1], &shape[2], &c.lane, &lag, &c.reach, &c.classes,
                          &given[0], &given[1], &given[2], &first, &given[3], &given[4])) {
        return NULL;
    }
    c.shape = (frz_shape){shape[0], shape[1], shape[2]};
    c.lag = lag;
    int fits = frz_check_shape(c.shape) && frz_axis(&given[0], c.shape.rows, &c.row) &&
               frz_axis(&given[1], c.shape.channels, &c.channel) && frz_axis(&given[2], c.shape.positions, &c.position);
    if (fits) {
        const uint64_t size = c.shape.rows * c.shape.channels * c.shape.positions;
        const Py_ssize_t count = frz_numbers(&given[3], sizeof(int32_t)), room = frz_numbers(&given[4], sizeof(uint64_t));
        const int bounded = c.lane <= FRZ_MOST_LANE && c.classes && c.classes <= FRZ_CLASSES && c.reach <= FRZ_REACH;
        fits = bounded && count >= 0 && first <= size && (uint64_t)count <= size - first &&
               room == (Py_ssize_t)c.classes * (2 * (Py_ssize_t)c.reach + 1) * FRZ_WIDTH;
        if (fits) {
            Py_BEGIN_ALLOW_THREADS
            frz_count(&c, first, given[3].buf, (size_t)count, given[4].buf);
            Py_END_ALLOW_THREADS
        }
    }
    release(given, 5);
    return none_if(fits, "the sizes of values, classes and room for counts do not match");
}

PyObject *frz_py_scale(PyObject *self, PyObject *args) {
    (void)self;
    unsigned symbols;
    Py_buffer given[2];
    if (!PyArg_ParseTuple(args, "y*Iw*", &given[0], &symbols, &given[1])) return NULL;
    const Py_ssize_t counts = frz_numbers(&given[0], sizeof(uint64_t)), room = frz_numbers(&given[1], sizeof(uint16_t));
    const Py_ssize_t tables = counts / FRZ_WIDTH;
    const int fits = counts >= 0 && counts % FRZ_WIDTH == 0 && symbols && symbols <= FRZ_SYMBOLS &&
                     room == tables * (Py_ssize_t)symbols;
    if (fits) frz_scale(given[0].buf, (size_t)tables, symbols, given[1].buf);
    release(given, 2);
    return none_if(fits, "the sizes of counts and room for their frequencies do not match");
}
