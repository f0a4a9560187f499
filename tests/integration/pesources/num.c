/* The consumer of foo by ordinals. */
#include "foo.h"
#include "module.h"

METHOD(version, foo_version())
METHOD(add, foo_add(2, 3))
MODULE_OF(ENTRY(version), ENTRY(add))
