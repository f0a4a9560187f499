/* A library that needs foo: MID is its name. */
#include "foo.h"

#define JOINED(a, b) a##b
#define NAME(a, b) JOINED(a, b)

int NAME(MID, _counter) = 1000;
int NAME(MID, _version)(void) { return foo_version() + 100; }
int NAME(MID, _count)(void) { return ++foo_counter; }
