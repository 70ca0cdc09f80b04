/* Functions that all parts of the Python module share. */
#ifndef FRZ_MODULE_H
#define FRZ_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "coder.h"

/* Set a ValueError and return NULL. */
PyObject *frz_value_error(const char *what);

/* Return the number of elements of `size` bytes in a buffer. If the buffer does not consist of whole,
 * aligned elements, set an exception and return -1. */
Py_ssize_t frz_numbers(const Py_buffer *buffer, size_t size);

/* Return 0 and set an exception if a shape has too many values. */
int frz_check_shape(frz_shape shape);

/* Get the class of each of `count` indices from a buffer, or NULL if it is empty. Return 0 and set an exception if the
 * buffer contains any other number of classes. */
int frz_axis(const Py_buffer *buffer, uint64_t count, const int32_t **classes);

PyObject *frz_py_sums(PyObject *self, PyObject *args);
PyObject *frz_py_choose(PyObject *self, PyObject *args);
PyObject *frz_py_count(PyObject *self, PyObject *args);
PyObject *frz_py_scale(PyObject *self, PyObject *args);

#endif
