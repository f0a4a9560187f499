/* The provider's library, in variants by macros: FOO_VERSION, and FOO_LESS without what consumers import weakly. */
#ifndef FOO_H
#define FOO_H

extern int foo_counter;
extern int foo_table[2000];
extern _Thread_local int foo_own;
int foo_version(void);
int foo_add(int a, int b);
int foo_renamed(int a);
int foo_own_there(void);
int foo_calls_itself(int a);
int foo_length(const char *text);
int foo_maybe(void) __attribute__((weak_import));
extern int foo_maybe_data __attribute__((weak_import));

#endif
