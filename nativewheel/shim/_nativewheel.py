"""Load the native libraries that wheels share; nativewheel puts this file, as it is, into the wheels that it repairs."""

from __future__ import annotations

import os
import sys
from _thread import RLock  # threading costs a millisecond

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HANDLES: dict[str, object] = {}  # kept for ever: unloading a library whose code is in use ends the process
OFF = ("", "0", "false", "no")
_FILE = globals().get("__file__") or __spec__.origin or ""
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(_FILE))) if os.path.dirname(_FILE) else "(frozen)"


class Wheel:
    """One wheel: its libraries and what it uses of other wheels (the dictionaries in `__init__.py`), both in load order."""

    def __init__(self, title: str, libraries: list[Any], uses: list[Any]) -> None:
        self._title, self._libraries, self._uses, self._lock = title, libraries, uses, RLock()

    def load(self, names: str | list[str] | tuple[str, ...] | None = None) -> None:
        """Load what this wheel uses of others, then its libraries, or those named; raise ImportError when one cannot be had."""
        if os.environ.get("NATIVEWHEEL_SKIP", "").lower() not in OFF:
            return
        wanted = self._libraries if names is None else [self._find(name) for name in ([names] if isinstance(names, str) else names)]
        with self._lock:
            self._load([library for library in self._libraries if library in wanted])

    def library_name(self, name: str) -> str:
        """Return the name by which the loader knows the library after `load`."""
        return str(self._find(name)["identity"])

    def path(self, name: str) -> str:
        """Return the absolute path of the library."""
        return os.path.normpath(os.path.join(ROOT, self._find(name)["path"]))

    def _find(self, name: str) -> Any:
        found = [library for library in self._libraries if name in library["names"]]
        if len(found) != 1:
            raise ValueError(f"{self._title} has no library {name!r}; known are {[library['original'] for library in self._libraries]}")
        return found[0]

    def _load(self, wanted: list[Any]) -> None:
        for use in self._uses:
            HANDLES[use["module"]] = HANDLES.get(use["module"]) or self._load_provider(use)
        for library in wanted:
            HANDLES[library["identity"]] = HANDLES.get(library["identity"]) or self._load_library(library)

    def _load_provider(self, use: Any) -> object:
        wanted, fault = use["distribution"] + use["requirement"], "it was not found"
        try:
            provider: Any = __import__(use["module"])
            version = getattr(provider, "__version__", "")
            fault = f"{use['distribution']} {version or 'without a version'} was found in {', '.join(getattr(provider, '__path__', []))}"
            numbers = "".join(letter if letter in "0123456789." else " " for letter in ("" if "!" in version else "0.") + version.replace("!", "."))
            if version and tuple(int(number) for number in numbers.split(" ")[0].split(".") if number) >= use["minimum"]:
                offered = {original: provider.library_name(original) for original in use["names"]}
                if offered == use["names"]:
                    return provider.load(list(offered)) or provider
                fault += f" with {offered} instead of {use['names']}"
        except (ModuleNotFoundError, ValueError) as error:
            if getattr(error, "name", use["module"]) != use["module"]:
                raise  # it is there, and misses something else
            fault += f": {error}"
            if use["system"] and fault.startswith("it was not found"):  # plain names, of which the loader may have a copy
                try:
                    return [__import__("ctypes").CDLL(name) for name in use["names"].values()]
                except OSError as absent:
                    fault += f"; {absent}"
        raise ImportError(f'{self._title} needs {wanted}, but {fault}; try: python -m pip install "{wanted}"', name=use["module"])

    def _load_library(self, library: Any) -> object:
        identity, faults = library["identity"], []
        own = [os.path.normpath(os.path.join(ROOT, file)) for file in (library["path"], library["anchor"]) if file]
        preferred = {name.strip() for name in os.environ.get("NATIVEWHEEL_PREFER_SYSTEM", "").split(",")}.intersection(library["names"])
        for files in [[identity], own] if preferred and library["system_fallback"] else [own]:
            try:
                ctypes: Any = __import__("ctypes")  # late, as it takes milliseconds and may be blocked
                handles = [ctypes.CDLL(file, mode=getattr(ctypes, library["mode"])) for file in files]  # ctypes adds RTLD_NOW
                mapped = files[0] if sys.platform == "darwin" else self._mapped(ctypes, identity)
                if files is own and not os.path.samefile(mapped, own[0]):
                    raise OSError(f"the loader takes {mapped} for {identity}, because that was loaded before")  # noqa: TRY301 - as any other fault
                if os.environ.get("NATIVEWHEEL_DEBUG", "").lower() not in OFF:
                    print(f"nativewheel: {identity} from {mapped} ({self._title})", file=sys.stderr)
                return handles  # noqa: TRY300 - nothing after it can fail
            except Exception as error:  # noqa: BLE001 - an audit hook may raise anything
                faults.append(repr(error))
        advice = f'try: python -m pip install --force-reinstall "{self._title.replace(" ", "==")}"' if os.path.isdir(ROOT) else "install it unpacked"
        raise ImportError(f"{self._title} cannot load {own[0]} ({'; '.join(faults)}); {advice}", path=own[0])

    def _mapped(self, ctypes: Any, identity: str) -> str:
        """Return the file that the loader takes for a DT_NEEDED of `identity`; glibc and musl tell by dlinfo."""
        library, link_map = ctypes.CDLL(identity, mode=os.RTLD_NOLOAD | os.RTLD_NOW), ctypes.c_void_p()
        ctypes.CDLL(None).dlinfo(ctypes.c_void_p(library._handle), 2, ctypes.byref(link_map))  # 2: RTLD_DI_LINKMAP
        return os.fsdecode(ctypes.c_char_p.from_address(link_map.value + ctypes.sizeof(link_map)).value)  # l_name stands after l_addr
