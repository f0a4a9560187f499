"""NW504: the shim of a wheel that uses libraries of others, and when it runs."""

from __future__ import annotations

from posixpath import basename, dirname, join
from typing import TYPE_CHECKING

from nativewheel.check.few import few
from nativewheel.check.rule import Rule
from nativewheel.check.startup import late_call, used_distributions, wrong_swap
from nativewheel.check.uses import owner, uses
from nativewheel.formats.image import Kind
from nativewheel.linkage.contents import WindowsTarget
from nativewheel.linkage.dependents import dependents
from nativewheel.linkage.naming import module_name
from nativewheel.wheel.names import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.wheel.names import Member

_FIX = "repair the wheel again, and edit sources before the repair, not after"


class ShimNotFirst(Rule):
    """NW504."""

    code = "NW504"
    name = "shim-not-first"
    summary = "The shim is missing, or an extension module can be imported before it runs"
    explanation = """\
A wheel that uses libraries of other wheels carries a package `nw_<distribution>`, its shim, that loads them. An extension module finds them only \
when the shim ran before: either a package that contains the module calls it in its `__init__.py`, before anything else can import the module, or a \
small module has taken the extension's name and calls the shim before it loads the extension (`ext.py` beside `ext._nw.so`). On Windows, DLLs that \
were vendored into a folder of their own need it as well.

The rule proves this from the sources: there is a call at the top level of `__init__.py`, and before it neither an import from the wheel's own \
packages nor a call of something that could import. A call under a condition, or inside a function, proves nothing.

Source: The Python Language Reference, "Regular packages": the `__init__.py` of each parent runs before a submodule is imported."""
    example = "pkg/__init__.py: line 3 can import an extension module before nw_pkg.load() is called, and pkg/_ext.so needs it"
    remedy = """\
Repair the wheel again, from what the build backend made. When a formatter or another tool has moved the lines between `# nativewheel: begin` and \
`# nativewheel: end`, have it leave files of finished wheels alone."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Look for the shim, then for its call on the way to each extension module."""
        if wheel.graph is None:
            return
        vendored = _vendored(wheel)
        users = dependents(wheel.graph, lambda link: link.chosen is not None or owner(link, wheel) is not None or link.member in vendored)
        if not users:
            return
        files = {path: member for member in wheel.archive.entries if (path := wheel.archive.installed_path(member)) is not None}
        shim = module_name(wheel.name.distribution)
        if missing := [path for path in _shim_files(wheel, shim) if path not in files]:
            message = f"it lacks {listed(missing)}, which would load the libraries that {users[0].member} needs"
            yield self.found(wheel, message, fix=_FIX)
            return
        yield from self._not_loaded(wheel, files[f"{shim}/__init__.py"])
        yield from self._calls(wheel, users, files, shim)

    def _not_loaded(self, wheel: CheckedWheel, source: Member) -> Iterator[Finding]:
        """Report providers that the shim does not load."""
        loaded = used_distributions(bytes(wheel.data(source)))
        used = dict.fromkeys(use.distribution for use in uses(wheel) if use.distribution)
        lacking = [distribution for distribution in used if loaded is not None and distribution not in loaded]
        if lacking:
            yield self.found(wheel, f"does not load the libraries of {listed(lacking)}, which the wheel uses", fix=_FIX, member=source)

    def _calls(self, wheel: CheckedWheel, users: tuple[WheelImage, ...], files: Mapping[str, Member], shim: str) -> Iterator[Finding]:
        """Report each place where a call should be and is not, with one module that needs it."""
        problems: dict[Member, str] = {}
        for image in users:
            if image.image.kind is Kind.PROGRAM:
                problems[image.member] = "needs a library of another wheel, and nothing can load that before a native program starts"
            elif image.image.kind is Kind.EXTENSION and image.installed is not None:
                place, problem = _on_the_way(wheel, image, image.installed, files, shim)
                if problem is not None:
                    needs = "" if place == image.member else f", and {image.member} needs it"
                    problems.setdefault(place, f"{problem}{needs}")
        for (member, problem), others in few(problems.items()):
            yield self.found(wheel, f"{problem}{others}", fix=_FIX, member=member)


def _vendored(wheel: CheckedWheel) -> frozenset[Member]:
    """Return the DLLs that a repair has put where the loader of Windows does not look by itself."""
    is_windows = isinstance(wheel.contents.target, WindowsTarget)
    return frozenset(item.member for item in wheel.manifest.vendored) if wheel.manifest and is_windows else frozenset()


def _shim_files(wheel: CheckedWheel, shim: str) -> tuple[str, ...]:
    windows = (f"{shim}/_windows.py",) if isinstance(wheel.contents.target, WindowsTarget) else ()
    return (f"{shim}/__init__.py", f"{shim}/_nativewheel.py", *windows)


def _on_the_way(wheel: CheckedWheel, image: WheelImage, installed: str, files: Mapping[str, Member], shim: str) -> tuple[Member, str | None]:
    """Return what would have to call the shim before the module at ``installed`` is imported, and why that does not; None when something does."""
    folder, file = dirname(installed), basename(installed)
    stem, mark, _ = file.partition("._nw.")
    if mark:
        stand_in = files.get(join(folder, f"{stem}.py"))
        if stand_in is None:
            return image.member, f"is imported by {stem}.py, which is missing"
        return stand_in, wrong_swap(bytes(wheel.data(stand_in)), shim, file)
    packages = {path.partition("/")[0].partition(".")[0] for path in files} - {shim}
    problems: list[tuple[Member, str]] = []
    parts = folder.split("/") if folder else []
    for depth in range(1, len(parts) + 1):
        source = files.get("/".join((*parts[:depth], "__init__.py")))
        if source is None:
            continue
        problem = late_call(bytes(wheel.data(source)), shim, packages)
        if problem is None:
            return source, None
        problems.append((source, problem))
    late = [item for item in problems if "does not call" not in item[1]]
    return (late or problems or [(image.member, f"is in no package, and no module takes its place that calls {shim}.load()")])[0]
