/* A library that has nothing but one function of its own: its definition file forwards the others to foo, which it does not import. */
__declspec(dllexport) int front_version(void) { return 9; }
