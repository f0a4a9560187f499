"""Stand in for an extension module where there is no ``__init__.py`` to put a call into: ``ext.py`` beside ``ext._nw.so`` or ``ext._nw.pyd``.

The binary stays in its folder, because of ``$ORIGIN``; no finder looks for such a suffix, so it cannot be imported by itself.
"""

# Written by nativewheel: loads the shared libraries of other wheels, then the extension module beside this file in the place of this module.


def __nativewheel_swap() -> None:
    import os  # noqa: PLC0415 - importlib.reload runs this file in the namespace of the extension module, where no name may stay
    import sys  # noqa: PLC0415
    from importlib.machinery import ExtensionFileLoader, ModuleSpec  # noqa: PLC0415

    __import__("@SHIM@").load()
    namespace = globals()
    own = namespace.get("__spec__")
    path = os.path.join(os.path.dirname(namespace.get("__file__") or str(getattr(own, "origin", ""))), "@BINARY@")
    loader = ExtensionFileLoader(__name__, path)
    spec = ModuleSpec(__name__, loader, origin=path)
    spec.has_location = True
    if any(not name.startswith("__") for name in namespace):  # reloaded: does nothing to an extension module
        namespace.update(__spec__=spec, __loader__=loader, __file__=path)
        namespace.pop("__cached__", None)
        namespace.pop("__builtins__", None)
        return
    placeholder = sys.modules.pop(__name__, None)  # single-phase initialisation would reuse the entry
    try:
        module = loader.create_module(spec)
        module.__spec__, module.__loader__, module.__file__, module.__package__ = spec, loader, path, spec.parent
        vars(spec)["_initializing"] = True  # other threads wait for this one, as for any import
        sys.modules[__name__] = module
        loader.exec_module(module)
    except BaseException:
        sys.modules.pop(__name__, None)
        raise
    finally:
        vars(spec)["_initializing"] = False
    namespace.update(vars(module), __spec__=own)  # for threads that have found this module in sys.modules, and hosts that load by file
    if placeholder and getattr(own, "loader_state", None):
        sys.modules[__name__] = placeholder  # importlib.util.LazyLoader, whose state that is, lets no other module take the place of its own


try:
    __nativewheel_swap()
finally:
    del __nativewheel_swap
