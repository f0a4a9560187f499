/* The consumer of mid, and perhaps of foo. */
#include "module.h"

__declspec(dllimport) int mid_value(void);
__declspec(dllimport) int mid_count(void);

METHOD(value, mid_value() + 1)
METHOD(count, mid_count())
#ifdef OUTER_FOO
#include "foo.h"
METHOD(foo, foo_version())
METHOD(own_count, ++foo_counter)
MODULE_OF(ENTRY(value), ENTRY(count), ENTRY(foo), ENTRY(own_count))
#else
MODULE_OF(ENTRY(value), ENTRY(count))
#endif
