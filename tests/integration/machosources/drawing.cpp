/* The consumer of shape: says whether type information and inline variables are the same on both sides of the border. */
#include "shape.hpp"

struct PyObject;
extern "C" PyObject *PyModule_Create2(void *definition, int version);

extern "C" PyObject *PyInit__drawing() { return PyModule_Create2(0, 3); }
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
