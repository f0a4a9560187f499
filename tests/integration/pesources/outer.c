/* The consumer of mid. */
#include "module.h"

__declspec(dllimport) int mid_value(void);

METHOD(value, mid_value() + 1)
MODULE_OF(ENTRY(value))
