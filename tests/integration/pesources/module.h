/* An extension module for the stable ABI, named MODULE: each of its functions takes nothing and returns an integer. */
#include "pyabi.h"

#define JOIN(a, b) a##b
#define JOINED(a, b) JOIN(a, b)
#define QUOTE(name) #name
#define QUOTED(name) QUOTE(name)
#define METHOD(name, value)                                                                                                                        \
    static PyObject *name(PyObject *module, PyObject *unused)                                                                                      \
    {                                                                                                                                              \
        (void)module, (void)unused;                                                                                                                \
        return PyLong_FromLong(value);                                                                                                             \
    }
#define ENTRY(name) {#name, (name), METH_NOARGS, 0}
#define MODULE_OF(...)                                                                                                                             \
    static PyMethodDef methods[] = {__VA_ARGS__, {0, 0, 0, 0}};                                                                                    \
    static PyModuleDef definition = {.refcount = 1, .name = QUOTED(MODULE), .size = -1, .methods = methods};                                       \
    PY_INIT PyObject *JOINED(PyInit_, MODULE)(void)                                                                                                \
    {                                                                                                                                              \
        return PyModule_Create2(&definition, PYTHON_ABI_VERSION);                                                                                  \
    }
