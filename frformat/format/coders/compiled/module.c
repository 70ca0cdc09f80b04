/* The Python module of the coders. From Python 3.11 on, it uses the limited API, so that one binary works with
 * all of these versions.
 *
 * Objects are capsules. Any thread may use an object, but only one thread at a time. A capsule's context marks it as in
 * use, because the interpreter lock is released while values are coded.
 */
#include "module.h"

#include <stdlib.h>

static const char MODEL[] = "frformat.model", BLOCKS[] = "frformat.blocks", WRITER[] = "frformat.writer",
                  READER[] = "frformat.reader", LANES[] = "frformat.lanes";

static void free_model(PyObject *capsule) { frz_model_free(PyCapsule_GetPointer(capsule, MODEL)); }
static void free_blocks(PyObject *capsule) { frz_blocks_free(PyCapsule_GetPointer(capsule, BLOCKS)); }
static void free_writer(PyObject *capsule) { frz_writer_free(PyCapsule_GetPointer(capsule, WRITER)); }
static void free_reader(PyObject *capsule) { frz_reader_free(PyCapsule_GetPointer(capsule, READER)); }
static void free_lanes(PyObject *capsule) { frz_lanes_free(PyCapsule_GetPointer(capsule, LANES)); }

static PyObject *new_object(void *made, const char *name, PyCapsule_Destructor release) {
    return made ? PyCapsule_New(made, name, release) : PyErr_NoMemory();
}

PyObject *frz_value_error(const char *what) {
    PyErr_SetString(PyExc_ValueError, what);
    return NULL;
}

/* ---- objects in use ---- */

typedef struct {
    PyObject *capsule;
    const char *name;
    void *pointer;
} object;

static void give_back(const object *objects, int count) {
    while (count-- > 0) PyCapsule_SetContext(objects[count].capsule, NULL);
}

/* Mark objects as in use by this thread. Return 0 and set an exception if that fails. */
static int take_objects(object *objects, int count) {
    for (int i = 0; i < count; i++) {
        object *o = &objects[i];
        o->pointer = PyCapsule_GetPointer(o->capsule, o->name);
        if (o->pointer && PyCapsule_GetContext(o->capsule)) {
            o->pointer = NULL;
            PyErr_SetString(PyExc_RuntimeError, "a coder is used by two threads at the same time");
        }
        if (!o->pointer || PyCapsule_SetContext(o->capsule, o)) {
            give_back(objects, i);
            return 0;
        }
    }
    return 1;
}

Py_ssize_t frz_numbers(const Py_buffer *buffer, size_t size) {
    if ((size_t)buffer->len % size || (uintptr_t)buffer->buf % size) {
        frz_value_error("a buffer does not contain whole, aligned elements");
        return -1;
    }
    return buffer->len / (Py_ssize_t)size;
}

/* ---- adaptive ---- */

static PyObject *model(PyObject *self, PyObject *args) {
    (void)self;
    int scale, confidence;
    if (!PyArg_ParseTuple(args, "ii", &scale, &confidence)) return NULL;
    if (scale < 0 || scale > 239 || confidence < 0 || confidence > 255) {
        return frz_value_error("no such model: scale must be 0 to 239, confidence 0 to 255");
    }
    return new_object(frz_model_new(scale, (unsigned)confidence), MODEL, free_model);
}

int frz_check_shape(frz_shape s) {
    const uint64_t most = FRZ_VALUES;
    const int sound = s.rows <= most && s.channels <= most && s.positions <= most &&
                      (!s.channels || s.positions <= most / s.channels) &&
                      (!s.rows || s.channels * s.positions <= most / s.rows);
    if (!sound) frz_value_error("a block has too many values");
    return sound;
}

/* Return 0 and set an exception if the blocks have too many values. */
static int check_shapes(const frz_shape *shapes, size_t count) {
    uint64_t left = FRZ_VALUES;
    for (size_t i = 0; i < count; i++) {
        if (!frz_check_shape(shapes[i])) return 0;
        const uint64_t values = shapes[i].rows * shapes[i].channels * shapes[i].positions;
        if (values > left) return frz_value_error("blocks have too many values") != NULL;
        left -= values;
    }
    return 1;
}

static PyObject *blocks(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer shapes;
    if (!PyArg_ParseTuple(args, "y*", &shapes)) return NULL;
    PyObject *done = NULL;
    const Py_ssize_t found = frz_numbers(&shapes, sizeof(uint64_t));
    const size_t count = (size_t)found / 3;
    if (found % 3 > 0) frz_value_error("the shape of each block must be three numbers: rows, channels, positions");
    else if (found >= 0 && check_shapes(shapes.buf, count)) {
        done = new_object(frz_blocks_new(shapes.buf, count), BLOCKS, free_blocks);
    }
    PyBuffer_Release(&shapes);
    return done;
}

static PyObject *writer(PyObject *self, PyObject *none) {
    (void)self, (void)none;
    return new_object(frz_writer_new(), WRITER, free_writer);
}

static PyObject *reader(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "y*", &data)) return NULL;
    frz_reader *made = frz_reader_new(data.buf, (size_t)data.len);
    PyBuffer_Release(&data);
    return new_object(made, READER, free_reader);
}

/* Mark a writer or reader, a model and blocks as in use, and return the number of values in the buffer. If an object is
 * in use, or the blocks have fewer values left, set an exception and return -1. */
static Py_ssize_t take_block(object *used, const Py_buffer *values) {
    const Py_ssize_t count = frz_numbers(values, sizeof(int32_t));
    if (count < 0 || !take_objects(used, 3)) return -1;
    if ((uint64_t)count <= frz_blocks_left(used[2].pointer)) return count;
    give_back(used, 3);
    frz_value_error("the buffer has more values than are left in the blocks");
    return -1;
}

static PyObject *put(PyObject *self, PyObject *args) {
    (void)self;
    object used[3] = {{NULL, WRITER, NULL}, {NULL, MODEL, NULL}, {NULL, BLOCKS, NULL}};
    Py_buffer values;
    if (!PyArg_ParseTuple(args, "OOOy*", &used[0].capsule, &used[1].capsule, &used[2].capsule, &values)) return NULL;
    PyObject *done = NULL;
    const Py_ssize_t count = take_block(used, &values);
    if (count >= 0) {
        frz_result result;
        Py_BEGIN_ALLOW_THREADS
        result = frz_writer_put(used[0].pointer, used[1].pointer, used[2].pointer, values.buf, (size_t)count);
        Py_END_ALLOW_THREADS
        if (result == FRZ_OK) done = Py_BuildValue("");
        else if (result == FRZ_MEMORY) PyErr_NoMemory();
        else PyErr_SetString(PyExc_OverflowError, "an integer is beyond the coder's range");
        give_back(used, 3);
    }
    PyBuffer_Release(&values);
    return done;
}

static PyObject *finish(PyObject *self, PyObject *args) {
    (void)self;
    object used = {NULL, WRITER, NULL};
    Py_ssize_t least;
    if (!PyArg_ParseTuple(args, "On", &used.capsule, &least) || !take_objects(&used, 1)) return NULL;
    const uint8_t *data;
    size_t size;
    const frz_result result = frz_writer_finish(used.pointer, least > 0 ? (size_t)least : 0, &data, &size);
    PyObject *done = result == FRZ_OK ? PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)size) : PyErr_NoMemory();
    give_back(&used, 1);
    return done;
}

static PyObject *take(PyObject *self, PyObject *args) {
    (void)self;
    object used[3] = {{NULL, READER, NULL}, {NULL, MODEL, NULL}, {NULL, BLOCKS, NULL}};
    Py_buffer data, out;
    if (!PyArg_ParseTuple(args, "OOOy*w*", &used[0].capsule, &used[1].capsule, &used[2].capsule, &data, &out)) return NULL;
    PyObject *done = NULL;
    const Py_ssize_t count = take_block(used, &out);
    if (count >= 0) {
        frz_result result;
        Py_BEGIN_ALLOW_THREADS
        result = frz_reader_take(used[0].pointer, used[1].pointer, used[2].pointer, data.buf, (size_t)data.len, out.buf,
                                 (size_t)count);
        Py_END_ALLOW_THREADS
        done = result == FRZ_MEMORY ? PyErr_NoMemory() : PyBool_FromLong(result == FRZ_OK);
        give_back(used, 3);
    }
    PyBuffer_Release(&data);
    PyBuffer_Release(&out);
    return done;
}

static PyObject *ended(PyObject *self, PyObject *args) {
    (void)self;
    object used = {NULL, READER, NULL};
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "On", &used.capsule, &size) || !take_objects(&used, 1)) return NULL;
    const frz_result result = frz_reader_finish(used.pointer, (size_t)size);
    give_back(&used, 1);
    return PyBool_FromLong(result == FRZ_OK);
}

/* ---- static ---- */

int frz_axis(const Py_buffer *buffer, uint64_t count, const int32_t **classes) {
    const Py_ssize_t found = frz_numbers(buffer, sizeof(int32_t));
    if (found < 0) return 0;
    if (found && (uint64_t)found != count) {
        return frz_value_error("an axis must have one class for each index, or none") != NULL;
    }
    *classes = found ? buffer->buf : NULL;
    return 1;
}

static int describe(frz_tables *t, const Py_buffer buffers[4]) {
    if (!frz_check_shape(t->shape) || !frz_axis(&buffers[0], t->shape.rows, &t->row) ||
        !frz_axis(&buffers[1], t->shape.channels, &t->channel) || !frz_axis(&buffers[2], t->shape.positions, &t->position)) {
        return 0;
    }
    const Py_ssize_t found = frz_numbers(&buffers[3], sizeof(uint16_t));
    if (found < 0) return 0;
    const int bounded = t->classes <= FRZ_CLASSES && t->reach <= FRZ_REACH && t->symbols <= FRZ_SYMBOLS;
    if (!bounded || (size_t)found != (size_t)t->classes * (2 * t->reach + 1) * t->symbols) {
        return frz_value_error("the tables must have one frequency for each symbol") != NULL;
    }
    t->frequency = buffers[3].buf;
    return 1;
}

static PyObject *lanes(PyObject *self, PyObject *args) {
    (void)self;
    unsigned long long rows, channels, positions, lag;
    unsigned lane, reach, classes, symbols;
    Py_buffer given[4];
    if (!PyArg_ParseTuple(args, "(KKK)IKIIIy*y*y*y*", &rows, &channels, &positions, &lane, &lag, &reach, &classes, &symbols,
                          &given[0], &given[1], &given[2], &given[3])) {
        return NULL;
    }
    frz_tables t = {.shape = {rows, channels, positions}, .lane = lane, .lag = lag};
    t.reach = reach, t.classes = classes, t.symbols = symbols;
    PyObject *done = NULL;
    if (describe(&t, given)) {
        frz_lanes *made;
        const frz_result result = frz_lanes_new(&t, &made);
        if (result == FRZ_OK) done = new_object(made, LANES, free_lanes);
        else if (result == FRZ_MEMORY) PyErr_NoMemory();
        else frz_value_error("the tables of a block are not valid");
    }
    for (int i = 0; i < 4; i++) PyBuffer_Release(&given[i]);
    return done;
}

/* Return 0 and set an exception unless all lanes except the last lane of the block are complete. */
static int check_lanes(const frz_lanes *l, uint64_t first, Py_ssize_t count) {
    const uint64_t left = frz_lanes_left(l, first), n = (uint64_t)count;
    const int whole = n <= left && (n == left || frz_lanes_of(l, (size_t)count) != frz_lanes_of(l, (size_t)count + 1));
    if (!whole) frz_value_error("the values must fill whole lanes");
    return whole;
}

static PyObject *code_lanes(frz_lanes *l, uint64_t first, const int32_t *values, size_t count) {
    const size_t number = frz_lanes_of(l, count), most = frz_lanes_room(l, count);
    uint8_t *space = malloc(2 * number + most + 1), *counts = space;
    if (!space) return PyErr_NoMemory();
    uint8_t *words = space + 2 * number;
    size_t start = 0;
    frz_result result;
    Py_BEGIN_ALLOW_THREADS
    result = frz_lanes_encode(l, first, values, count, counts, words, &start);
    Py_END_ALLOW_THREADS
    PyObject *done = NULL;
    if (result == FRZ_OK) {
        done = Py_BuildValue("y#y#", (const char *)counts, (Py_ssize_t)(2 * number), (const char *)words + start,
                             (Py_ssize_t)(most - start));
    } else if (result == FRZ_MEMORY) {
        PyErr_NoMemory();
    } else {
        PyErr_SetString(PyExc_OverflowError, "a value has no frequency in its table");
    }
    free(space);
    return done;
}

static PyObject *encode(PyObject *self, PyObject *args) {
    (void)self;
    object used = {NULL, LANES, NULL};
    unsigned long long first;
    Py_buffer values;
    if (!PyArg_ParseTuple(args, "OKy*", &used.capsule, &first, &values)) return NULL;
    PyObject *done = NULL;
    const Py_ssize_t count = frz_numbers(&values, sizeof(int32_t));
    if (count >= 0 && take_objects(&used, 1)) {
        if (check_lanes(used.pointer, first, count)) done = code_lanes(used.pointer, first, values.buf, (size_t)count);
        give_back(&used, 1);
    }
    PyBuffer_Release(&values);
    return done;
}

static PyObject *decode(PyObject *self, PyObject *args) {
    (void)self;
    object used = {NULL, LANES, NULL};
    unsigned long long first;
    Py_buffer counts, words, out;
    if (!PyArg_ParseTuple(args, "OKy*y*w*", &used.capsule, &first, &counts, &words, &out)) return NULL;
    PyObject *done = NULL;
    const Py_ssize_t count = frz_numbers(&out, sizeof(int32_t));
    if (count >= 0 && take_objects(&used, 1)) {
        if ((size_t)counts.len != 2 * frz_lanes_of(used.pointer, (size_t)count)) {
            frz_value_error("there must be one count for each lane");
        } else if (check_lanes(used.pointer, first, count)) {
            frz_result result;
            Py_BEGIN_ALLOW_THREADS
            result = frz_lanes_decode(used.pointer, first, counts.buf, words.buf, (size_t)words.len, out.buf, (size_t)count);
            Py_END_ALLOW_THREADS
            done = result == FRZ_MEMORY ? PyErr_NoMemory() : PyBool_FromLong(result == FRZ_OK);
        }
        give_back(&used, 1);
    }
    PyBuffer_Release(&counts);
    PyBuffer_Release(&words);
    PyBuffer_Release(&out);
    return done;
}

/* ---- the module ---- */

static PyMethodDef methods[] = {
    {"model", model, METH_VARARGS, "model(scale, confidence): a model in its initial state"},
    {"blocks", blocks, METH_VARARGS, "blocks(shapes): blocks of values to code, each with rows, channels and positions"},
    {"writer", writer, METH_NOARGS, "writer(): starts a stream"},
    {"put", put, METH_VARARGS, "put(writer, model, blocks, values): code the next values of blocks"},
    {"finish", finish, METH_VARARGS, "finish(writer, least): the stream, with at least `least` bytes"},
    {"reader", reader, METH_VARARGS, "reader(data): starts to read a stream"},
    {"take", take, METH_VARARGS, "take(reader, model, blocks, data, out): decode the next values; False if malformed"},
    {"ended", ended, METH_VARARGS, "ended(reader, size): whether the stream was well formed and ends here"},
    {"lanes", lanes, METH_VARARGS, "lanes(shape, lane, lag, reach, classes, symbols, row, channel, position, frequency)"},
    {"encode", encode, METH_VARARGS, "encode(lanes, first, values): the counts and the words of some lanes"},
    {"decode", decode, METH_VARARGS, "decode(lanes, first, counts, words, out): decode some lanes; False if malformed"},
    {"sums", frz_py_sums, METH_VARARGS, "sums(values, rows, channels, positions): add magnitudes to sums"},
    {"choose", frz_py_choose, METH_VARARGS, "choose(shape, sums, values, starts, lags, logs, axes): choose classes"},
    {"count", frz_py_count, METH_VARARGS,
     "count(shape, lane, lag, reach, classes, row, channel, position, first, values, out): count symbols in tables"},
    {"scale", frz_py_scale, METH_VARARGS, "scale(counts, symbols, out): scale counts to frequencies"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "The entropy coders, compiled.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&definition); }
