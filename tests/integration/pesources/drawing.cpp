/* The consumer of shape. */
#include "shape.hpp"

extern "C" {
#include "module.h"
}

#if __cpp_exceptions
#include <stdexcept>

static int side()
{
    const Square *found = dynamic_cast<const Square *>(shape_square());
    return found ? found->side : -1;
}

static int failure()
{
    try {
        shape_fail();
    } catch (const std::runtime_error &error) {
        return error.what()[0];
    }
    return -1;
}
#else
static int side() { return static_cast<const Square *>(shape_square())->side; }
static int failure() { return 's'; }
#endif

extern "C" {
METHOD(area, shape_square()->area())
METHOD(square, side())
METHOD(caught, failure())
MODULE_OF(ENTRY(area), ENTRY(square), ENTRY(caught))
}
