#include "shape.hpp"

static const Square square;
static const Circle circle;

int Circle::area() const { return 28; }

const Shape *shape_square() { return &square; }
const Shape *shape_circle() { return &circle; }
int shape_counted() { return shape_count(); }
