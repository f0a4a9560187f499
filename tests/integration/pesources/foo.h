/* The provider's library. */
#ifdef FOO_BUILD
#define FOO_API __declspec(dllexport)
#else
#define FOO_API __declspec(dllimport)
#endif

FOO_API int foo_version(void);
FOO_API int foo_add(int a, int b);
extern FOO_API int foo_counter;
/* Exported by its ordinal alone, as the definition file says. */
int foo_hidden(void);
