/* A program that needs foo. */
#include "foo.h"

int main(void) { return foo_add(1, 2); }
