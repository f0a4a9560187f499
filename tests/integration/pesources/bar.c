/* The consumer of foo; what is delay-loaded cannot be data. */
#include "foo.h"
#include "module.h"

#ifdef BAR_FUNCTIONS
#define COUNT 0
#else
#define COUNT ++foo_counter
#endif

METHOD(version, foo_version())
METHOD(add, foo_add(2, 3))
METHOD(hidden, foo_hidden())
METHOD(count, COUNT)
MODULE_OF(ENTRY(version), ENTRY(add), ENTRY(hidden), ENTRY(count))
