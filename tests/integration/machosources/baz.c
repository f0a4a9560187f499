/* A consumer of what libfront re-exports. */
typedef struct PyObject PyObject;
PyObject *PyModule_Create2(void *definition, int version);

int front_version(void);
int foo_alias(int a);
int foo_add(int a, int b);

int baz_version(void) { return front_version(); }
#ifndef BAZ_UMBRELLA
int baz_alias(int a) { return foo_alias(a); }
#endif
int baz_add(int a, int b) { return foo_add(a, b); }
PyObject *PyInit__baz(void) { return PyModule_Create2(0, 3); }
