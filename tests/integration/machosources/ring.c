/* Two libraries that need each other: RING is this one's name, OTHER the other's. */
#define JOINED(a, b) a##b
#define NAME(a, b) JOINED(a, b)

int NAME(OTHER, _value)(void);

int NAME(RING, _value)(void) { return RING_VALUE; }
#ifndef RING_STUB
int NAME(RING, _sum)(void) { return NAME(OTHER, _value)() * 10 + NAME(RING, _value)(); }
#endif
