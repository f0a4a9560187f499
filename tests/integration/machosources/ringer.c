/* A consumer of both libraries of the ring. */
typedef struct PyObject PyObject;
PyObject *PyModule_Create2(void *definition, int version);

int left_sum(void);
int right_sum(void);

int ringer_left(void) { return left_sum(); }
int ringer_right(void) { return right_sum(); }
PyObject *PyInit__ringer(void) { return PyModule_Create2(0, 3); }
