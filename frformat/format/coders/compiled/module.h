/* Functions that the parts of the Python module share. */
#ifndef FRZ_MODULE_H
#define FRZ_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "coder.h"

/* Set a ValueError, and return NULL. */
PyObject *frz_value_error(const char *what);

/* Check that a buffer has complete, aligned numbers; return how many, or -1 with an exception. */
Py_ssize_t frz_numbers(const Py_buffer *buffer, size_t size);

/* Return 0 with an exception if a shape has too many values. */
int frz_check_shape(frz_shape shape);

/* Get the classes of `count` places, or none; return 0 with an exception if their number is neither `count` nor 0. */
int frz_axis(const Py_buffer *buffer, uint64_t count, const int32_t **classes);

PyObject *frz_py_sums(PyObject *self, PyObject *args);
PyObject *frz_py_choose(PyObject *self, PyObject *args);
PyObject *frz_py_count(PyObject *self, PyObject *args);
PyObject *frz_py_scale(PyObject *self, PyObject *args);

#endif
