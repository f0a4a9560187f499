#include "foo.h"

unsigned long strlen(const char *text);

int foo_counter = FOO_VERSION * 100;
int foo_table[2000] = {FOO_VERSION, 1, 2, 3, [1000] = FOO_VERSION * 1000};
_Thread_local int foo_own = FOO_VERSION;
_Thread_local int foo_other;
static int initialized;
static int (*const pointer)(int, int) = foo_add;

__attribute__((constructor)) static void initialize(void) { initialized = FOO_VERSION; }

int foo_version(void) { return initialized; }
int foo_add(int a, int b) { return a + b + FOO_VERSION * 1000; }
int foo_renamed(int a) { return -a; }
int foo_own_there(void) { return foo_own + foo_other++; }
int foo_calls_itself(int a) { return pointer(a, a); }
int foo_length(const char *text) { return (int)strlen(text); }
#ifndef FOO_LESS
int foo_maybe(void) { return FOO_VERSION + 50; }
int foo_maybe_data = FOO_VERSION + 60;
#endif
