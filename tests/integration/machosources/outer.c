/* A consumer of mid, and with OUTER_FOO of foo as well. */
#include "foo.h"

#define JOINED(a, b) a##b
#define NAME(a, b) JOINED(a, b)

typedef struct PyObject PyObject;
PyObject *PyModule_Create2(void *definition, int version);

extern int NAME(MID, _counter);
int NAME(MID, _version)(void);
int NAME(MID, _count)(void);

int outer_version(void) { return NAME(MID, _version)(); }
int outer_count(void) { return NAME(MID, _count)(); }
int outer_data(void) { return ++NAME(MID, _counter); }
#ifdef OUTER_FOO
int outer_foo(void) { return foo_version(); }
int outer_foo_count(void) { return ++foo_counter; }
#endif

PyObject *PyInit__outer(void) { return PyModule_Create2(0, 3); }
