/* What MSVC's delayimp.lib does when a function of a delay-loaded library is called for the first time. */
typedef void *Module;
__declspec(dllimport) Module __stdcall LoadLibraryExA(const char *name, void *file, unsigned long flags);
__declspec(dllimport) void *__stdcall GetProcAddress(Module module, const char *name);

extern char __ImageBase;

/* All members but the first are RVAs. */
struct descriptor {
    unsigned attributes, name, module, addresses, names, bound, unload, time;
};

void *__delayLoadHelper2(const struct descriptor *descriptor, void **place)
{
    char *base = &__ImageBase;
    Module *module = (Module *)(base + descriptor->module);
    long long index = place - (void **)(base + descriptor->addresses);
    unsigned long long name = ((unsigned long long *)(base + descriptor->names))[index];
    /* The highest bit says that the rest is an ordinal; else it is the RVA of a 16-bit hint and a name. */
    const char *wanted = name >> 63 ? (const char *)(name & 0xFFFF) : base + name + 2;
    if (!*module)
        *module = LoadLibraryExA(base + descriptor->name, 0, 0);
    *place = *module ? GetProcAddress(*module, wanted) : 0;
    if (!*place)
        __builtin_trap();
    return *place;
}
