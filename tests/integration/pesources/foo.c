#define FOO_BUILD
#include "foo.h"

int foo_counter = FOO_VERSION * 100;

int foo_version(void) { return FOO_VERSION; }
int foo_add(int a, int b) { return a + b + FOO_VERSION * 1000; }
int foo_hidden(void) { return FOO_VERSION + 50; }
