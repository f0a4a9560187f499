/* The consumer of shape: says whether type information and inline variables are the same on both sides of the border. */
#include "shape.hpp"

extern "C" int PyInit__drawing() { return 0; }
extern "C" int drawing_area() { return shape_square()->area(); }
extern "C" int drawing_counted() { return shape_counted() + 10 * shape_count(); }

extern "C" int drawing_is_square()
{
    const Square *found = dynamic_cast<const Square *>(shape_square());
    return found ? found->side : -1;
}

extern "C" int drawing_is_circle()
{
    const Circle *found = dynamic_cast<const Circle *>(shape_circle());
    return found ? found->area() : -1;
}
