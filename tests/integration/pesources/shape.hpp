/* A C++ interface; where there is a C++ runtime, an exception crosses the border of the library, and so does type information. */
#ifdef SHAPE_BUILD
#define SHAPE_API __declspec(dllexport)
#else
#define SHAPE_API __declspec(dllimport)
#endif

struct SHAPE_API Shape {
    virtual ~Shape();
    virtual int area() const;
};

struct SHAPE_API Square : Shape {
    int side = 3;
    int area() const override;
};

SHAPE_API const Shape *shape_square();
#if __cpp_exceptions
SHAPE_API void shape_fail();
#endif
