"""Repair built wheels for Linux, macOS and Windows from any host, and let wheels share native libraries.

>>> import nativewheel
>>> for outcome in nativewheel.repair(["dist/spam-1.0-cp311-cp311-linux_x86_64.whl"], exclude=["libcuda.so.*"]):  # doctest: +SKIP
...     print(outcome.output)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

# The package `nativewheel.repair` and the function `repair` share a name, and importing a package binds its name here.  It is imported first
# (it is only a docstring), so that the function is what stays bound, whoever imports the modules of that package later.
import nativewheel.check
import nativewheel.repair  # noqa: F401
from nativewheel.errors import LinkageError, MachineError, NativewheelError, ProviderError, UnreadableError, UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypedDict, Unpack

    from nativewheel.check.engine import CheckResult
    from nativewheel.linkage.inspection import Inspection
    from nativewheel.linkage.provider import ProviderNaming
    from nativewheel.repair.options import AddedLibrary, ExportRule
    from nativewheel.repair.outcome import Outcome

    StrPath = str | os.PathLike[str]

    class RepairKeywords(TypedDict, total=False):
        """The options of `nativewheel repair`, with underscores."""

        plat: str
        only_plat: bool
        lib_path: Sequence[StrPath]
        sysroot: StrPath
        exclude: Sequence[str]
        add_library: Sequence[StrPath | AddedLibrary]
        allow_missing: Sequence[str]
        no_mangle: Sequence[str]
        require_archs: str
        lib_sdir: str
        provider: Sequence[StrPath]
        providers: Mapping[str, str | ProviderNaming]
        export: Sequence[str | ExportRule]
        export_requires: str
        macos_binding: str
        uniquify_symbols: bool
        pe_backend: str
        strip: bool
        zip_level: int
        jobs: int
        verify: bool
        dry_run: bool

    class CheckKeywords(TypedDict, total=False):
        """The options of `nativewheel check`, with underscores."""

        select: Sequence[str]
        extend_select: Sequence[str]
        ignore: Sequence[str]
        per_wheel_ignores: Mapping[str, Sequence[str]]
        allow_missing: Sequence[str]
        against: Sequence[StrPath]


__version__ = "0.1.0"

__all__ = [
    "LinkageError",
    "MachineError",
    "NativewheelError",
    "ProviderError",
    "UnreadableError",
    "UsageError",
    "__version__",
    "check",
    "inspect",
    "repair",
]


def repair(
    wheels: Iterable[StrPath], *, wheel_dir: StrPath | None = None, config: StrPath | None = None, **options: Unpack[RepairKeywords]
) -> tuple[Outcome, ...]:
    """Repair a set of wheels into ``wheel_dir`` ("wheelhouse" when neither it nor ``config`` says another folder), as `nativewheel repair` does.

    Options go over those of the file ``config``; the current folder's pyproject.toml and the environment are not read.  Raises a
    ``NativewheelError``; then no output of any wheel is left.
    """
    # Imported here, because `nativewheel --version` must not pay for it.
    from nativewheel.config.document import Configuration, load  # noqa: PLC0415
    from nativewheel.config.keys import read_settings  # noqa: PLC0415
    from nativewheel.config.reading import Source  # noqa: PLC0415
    from nativewheel.repair.batch import repair_wheels  # noqa: PLC0415

    dry_run = options.pop("dry_run", False)
    values = {key.replace("_", "-"): value for key, value in options.items()}
    if wheel_dir is not None:
        values["wheel-dir"] = wheel_dir
    command = read_settings(values, Source())
    configuration = Configuration() if config is None else load(Path(config))
    return repair_wheels(
        tuple(map(Path, wheels)),
        lambda name: configuration.for_wheel(name, command, {}).repair_options(),
        command.over(configuration.settings).run_options(dry_run=dry_run),
        None,
    )


def check(
    wheels: Iterable[StrPath],
    *,
    provider: Sequence[StrPath] = (),
    config: StrPath | None = None,
    jobs: int = 1,
    **options: Unpack[CheckKeywords],
) -> CheckResult:
    """Look for mistakes in a set of wheels, as `nativewheel check` does.

    Options go over those of the file ``config``; the current folder's pyproject.toml is not read.  With several ``jobs``, processes are started,
    which import the main module of the program anew.  Wheels that cannot be read are among the ``failures`` of the result.  Raises ``UsageError``
    for options that make no sense.
    """
    from nativewheel.check.engine import check_wheels  # noqa: PLC0415
    from nativewheel.config.assigning import assign  # noqa: PLC0415
    from nativewheel.config.checking import read_check  # noqa: PLC0415
    from nativewheel.config.document import Configuration, load  # noqa: PLC0415
    from nativewheel.config.keys import read_settings  # noqa: PLC0415
    from nativewheel.config.reading import Source  # noqa: PLC0415
    from nativewheel.wheel.source import located  # noqa: PLC0415

    command = read_check({key.replace("_", "-"): value for key, value in options.items()}, "check", Source())
    settings = read_settings({"provider": provider}, Source())
    configuration = Configuration() if config is None else load(Path(config))
    return check_wheels(assign(tuple(map(located, wheels)), configuration, settings, command), jobs=jobs)


def inspect(wheel: StrPath, *, lib_path: Sequence[StrPath] = (), sysroot: StrPath | None = None, jobs: int = 1) -> Inspection:
    """Look at one wheel: its images, who supplies what they need, and the platform tag that the content allows.

    Raises ``UnreadableError`` for what is no wheel.
    """
    from nativewheel.linkage.inspect import inspect_wheel  # noqa: PLC0415
    from nativewheel.wheel.source import located  # noqa: PLC0415

    root = None if sysroot is None else Path(sysroot)
    return inspect_wheel(located(wheel), lib_path=tuple(map(Path, lib_path)), sysroot=root, jobs=jobs)
