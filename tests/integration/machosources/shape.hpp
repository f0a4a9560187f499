/* A class whose members are all inline: every image that uses it has its vtable and type information as weak definitions. */
struct Shape {
    virtual ~Shape() {}
    virtual int area() const { return 1; }
};

struct Square : Shape {
    int side = 3;
    int area() const override { return side * side; }
};

/* A class with a member that is not inline: its type information is in the library alone. */
struct Circle : Shape {
    int area() const override;
};

/* One counter in a process, however many images have this function. */
__attribute__((noinline)) inline int shape_count()
{
    static int count = 0;
    return ++count;
}

extern "C" const Shape *shape_square();
extern "C" const Shape *shape_circle();
extern "C" int shape_counted();
