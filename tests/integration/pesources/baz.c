/* The consumer of front. */
#include "module.h"

__declspec(dllimport) int front_version(void);
__declspec(dllimport) int front_add(int a, int b);
__declspec(dllimport) int front_hidden(void);

METHOD(version, front_version())
METHOD(add, front_add(2, 3))
METHOD(hidden, front_hidden())
MODULE_OF(ENTRY(version), ENTRY(add), ENTRY(hidden))
