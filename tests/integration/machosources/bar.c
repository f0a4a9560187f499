/* The consumer: an extension module as far as its exports go, whose other functions the emulator calls. */
#include "foo.h"

typedef struct PyObject PyObject;
PyObject *PyModule_Create2(void *definition, int version);

struct pointers {
    int (*function)(int, int);
    int *near, *middle;
    char *far;
};

/* Addends: none, one that a chained pointer itself can hold, one that it cannot, and one of more than 32 bits. */
struct pointers bar_pointers = {foo_add, &foo_table[3], &foo_table[1000],
#ifdef BAR_FAR
    (char *)foo_table + 0x123456789,
#endif
};

int bar_version(void) { return foo_version(); }
int bar_add(int a, int b) { return foo_add(a, b); }
int bar_pointed(int a) { return bar_pointers.function(a, 1); }
int bar_count(void) { return ++foo_counter; }
#ifndef BAR_FLAT /* linkers want to see that a variable is thread-local */
int bar_own(void) { return ++foo_own; }
#endif
int bar_own_there(void) { return foo_own_there(); }
int bar_near(void) { return *bar_pointers.near; }
int bar_middle(void) { return *bar_pointers.middle; }
long bar_far(void) { return bar_pointers.far - (char *)foo_table; }
int bar_maybe(void) { return foo_maybe ? foo_maybe() : -1; }
int bar_maybe_data(void) { return &foo_maybe_data ? foo_maybe_data : -1; }
int bar_length(const char *text) { return foo_length(text); }

PyObject *PyInit__bar(void) { return PyModule_Create2(0, 3); }
