/* A library that needs foo. */
#include "foo.h"

__declspec(dllexport) int mid_value(void) { return foo_version() * 10; }
__declspec(dllexport) int mid_count(void) { return ++foo_counter; }
