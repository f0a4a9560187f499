"""Carries out a plan: writes the repaired wheel.  Decides nothing."""

from __future__ import annotations

import hashlib
import mmap
import secrets
import tempfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import nativewheel
from nativewheel import formats
from nativewheel.errors import MachineError, NativewheelError
from nativewheel.linkage.manifest import MANIFEST, Manifest, ManifestImage, ManifestLibrary, hexadecimal
from nativewheel.linkage.naming import module_name
from nativewheel.repair import sbom
from nativewheel.shim.inject import launcher
from nativewheel.wheel.deflate import compress
from nativewheel.wheel.headers import Headers
from nativewheel.wheel.names import Member
from nativewheel.wheel.wheelfile import retag
from nativewheel.wheel.writer import WheelWriter, timestamp_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from nativewheel.formats.image import Edit
    from nativewheel.repair.owners import Owner
    from nativewheel.repair.plan import ImageEdit, Launcher, NewFile, Plan, VendoredLibrary
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.deflate import Compressed

_EXECUTABLE = 0o755
_WINDOW = 32 << 20
_SIGNATURES = ("RECORD", "RECORD.jws", "RECORD.p7s")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Task:
    """A member to make; ``size`` (bytes) is that of its source."""

    make: Callable[[], _Made]
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A new or changed member, ready to be written; ``before`` is the hash (hexadecimal) of an image before its edit."""

    member: Member
    compressed: Compressed
    mode: int
    before: str | None = None


def apply(
    plan: Plan,
    archive: WheelArchive,
    destination: Path,
    *,
    owners: Callable[[], Mapping[Path, Owner]],
    zip_level: int,
    jobs: int,
    advance: Callable[[], None],
) -> None:
    """Write the repaired wheel to ``destination``.

    ``owners`` is asked last, so that its query can run beside the work; ``advance`` is called for each image that is done.  Raises
    ``MachineError`` when a program or the disk fails, ``UnreadableError`` when the input turns out to be damaged.
    """
    with _scratch() as folder, WheelWriter(destination, timestamp=timestamp_of(archive)) as writer, ThreadPoolExecutor(max_workers=jobs) as pool:
        work = _Work(plan=plan, archive=archive, folder=folder, zip_level=zip_level)
        made = list(_written(work, writer, pool, advance))
        _write_dist_info(work, writer, made, owners() if plan.vendored else {})


def _written(work: _Work, writer: WheelWriter, pool: ThreadPoolExecutor, advance: Callable[[], None]) -> Iterator[_Made]:
    """Write everything outside `.dist-info`: what the input has, in its order, then what is new, sorted; yield what was made."""
    in_place, new = work.tasks()
    done = _in_order(pool, [*in_place.values(), *new])

    def add() -> _Made:
        made = next(done)
        writer.add(made.member, made.compressed, made.mode)
        advance()
        return replace(made, compressed=replace(made.compressed, data=b""))  # only the hashes are still wanted: let go of the bytes

    for entry in work.archive.entries.values():
        if entry.name in in_place:
            yield add()
        elif not entry.name.startswith(f"{work.archive.dist_info}/") and entry.name not in work.plan.removed:
            writer.copy(work.archive, entry)
    for _ in new:
        yield add()


def _write_dist_info(work: _Work, writer: WheelWriter, made: Sequence[_Made], owners: Mapping[Path, Owner]) -> None:
    """Write `.dist-info`: what the input has, changed where the plan says so, then what is new, sorted; RECORD last."""
    archive, folder = work.archive, f"{work.archive.dist_info}/"
    files = {file.member: file.data for file in work.plan.files if file.member.startswith(folder)}
    files[Member(f"{folder}WHEEL")] = work.wheel_file()
    files[Member(f"{folder}{MANIFEST}")] = work.manifest(made, owners)
    if work.plan.vendored:
        files[Member(f"{folder}{sbom.SBOM}")] = sbom.render(work.plan, owners)
    for entry in archive.entries.values():
        if entry.name in files:
            writer.add(entry.name, compress(files.pop(entry.name), work.zip_level), entry.mode)
        elif entry.name.startswith(folder) and entry.name.rpartition("/")[2] not in _SIGNATURES:
            writer.copy(archive, entry)
    for member, data in sorted(files.items()):
        writer.add(member, compress(data, work.zip_level))
    writer.finish(f"{folder}RECORD")


def _in_order(pool: ThreadPoolExecutor, tasks: Sequence[_Task]) -> Iterator[_Made]:
    """Run the tasks in threads and yield their results in order.

    Two windows of a bounded number of bytes are under way at a time: that bounds the memory.  Within a window the largest comes first, so that it
    does not keep one thread busy when the others have nothing left.
    """
    begun: deque[deque[Future[_Made]]] = deque()
    try:
        for window in (*_windows(tasks), []):
            futures = {task: pool.submit(task.make) for task in sorted(window, key=lambda task: task.size, reverse=True)}
            begun.append(deque(futures[task] for task in window))
            while begun and (len(begun) > 1 or not window):
                while begun[0]:
                    yield begun[0].popleft().result()
                begun.popleft()
    finally:
        for future in chain.from_iterable(begun):
            future.cancel()


def _windows(tasks: Sequence[_Task]) -> Iterator[list[_Task]]:
    window: list[_Task] = []
    for task in tasks:
        if window and sum(item.size for item in window) + task.size > _WINDOW:
            yield window
            window = []
        window.append(task)
    if window:
        yield window


@contextmanager
def _scratch() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="nativewheel-") as folder:
            yield Path(folder)
    except OSError as error:
        raise MachineError(f"cannot work in the folder for temporary files: {error.strerror}", where=(tempfile.gettempdir(),)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """Makes the new bytes of one wheel; ``folder`` is for scratch files."""

    plan: Plan
    archive: WheelArchive
    folder: Path
    zip_level: int

    def tasks(self) -> tuple[dict[Member, _Task], list[_Task]]:
        """Return what to make in the place of a member of the input, in its order, and what to make anew, sorted by name."""
        in_place: dict[Member, _Task] = {}
        new: list[tuple[Member, _Task]] = []
        edits = {edit.member: edit for edit in self.plan.edits}
        launchers = {script.member: script for script in self.plan.launchers}
        files = {file.member: file for file in self.plan.files if not file.member.startswith(f"{self.archive.dist_info}/")}
        for member, entry in self.archive.entries.items():
            if member in launchers:
                in_place[member] = _Task(make=partial(self._launcher, launchers[member]), size=0)
                new.append((edits[member].target, _Task(make=partial(self._edited, edits[member]), size=entry.size)))
            elif member in edits:
                in_place[member] = _Task(make=partial(self._edited, edits[member]), size=entry.size)
            elif member in files:
                in_place[member] = self._file(replace(files.pop(member), mode=entry.mode))
        new += [(file.member, self._file(file)) for file in files.values()]
        new += [(library.member, _Task(make=partial(self._vendored, library), size=library.size)) for library in self.plan.vendored]
        return in_place, [task for _, task in sorted(new, key=lambda item: item[0])]

    def wheel_file(self) -> bytes:
        """Return the new WHEEL."""
        headers = Headers.parse(bytes(self.archive.read(Member(f"{self.archive.dist_info}/WHEEL"))))
        return bytes(retag(headers, self.plan.output.tags, nativewheel.__version__))

    def manifest(self, made: Sequence[_Made], owners: Mapping[Path, Owner]) -> bytes:
        """Return the manifest."""
        hashes = {item.member: hexadecimal(item.compressed.sha256) for item in made}
        libraries = [
            ManifestLibrary(
                name=library.member.rpartition("/")[2],
                member=library.member,
                source=owners[library.source].purl if library.source in owners else library.source.name,
                sha256=hashes[library.member],
            )
            for library in self.plan.vendored
        ]
        images = [ManifestImage(member=item.member, sha256_before=item.before, sha256_after=hashes[item.member]) for item in made if item.before]
        return bytes(
            Manifest(
                namespace=module_name(self.plan.output.distribution),
                exports=self.plan.exports,
                vendored=tuple(libraries),
                consumes=self.plan.consumes,
                images=tuple(images),
            )
        )

    def _file(self, file: NewFile) -> _Task:
        made = _Made(member=file.member, compressed=compress(file.data, self.zip_level), mode=file.mode)
        return _Task(make=lambda: made, size=0)

    def _launcher(self, script: Launcher) -> _Made:
        return _Made(member=script.member, compressed=compress(launcher(script.program), self.zip_level), mode=_EXECUTABLE)

    def _edited(self, edit: ImageEdit) -> _Made:
        data = self.archive.read(edit.member)
        before = hashlib.sha256(data).hexdigest()
        with _placed(edit.member, self.archive):
            source = self._scratch_file()
            source.write_bytes(data)
            del data
            # Installers make every file of the scripts folder executable, but none that is beside the packages.
            mode = self.archive.entries[edit.member].mode if edit.target == edit.member else _EXECUTABLE
            made = self._changed(source, edit.target, edit.edit, mode)
            source.unlink()
        return replace(made, before=before)

    def _vendored(self, library: VendoredLibrary) -> _Made:
        with _placed(library.member, self.archive):
            return self._changed(library.source, library.member, library.edit, _EXECUTABLE)

    def _changed(self, source: Path, member: Member, edit: Edit, mode: int) -> _Made:
        if not edit:
            return _Made(member=member, compressed=self._compressed(source), mode=mode)
        target = self._scratch_file()
        formats.apply(source, edit, target, self.plan.backend)
        made = _Made(member=member, compressed=self._compressed(target), mode=mode)
        target.unlink()
        return made

    def _compressed(self, path: Path) -> Compressed:
        with path.open("rb") as file:
            return compress(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)), self.zip_level)

    def _scratch_file(self) -> Path:
        return self.folder / secrets.token_hex(8)


@contextmanager
def _placed(member: Member, archive: WheelArchive) -> Iterator[None]:
    """Put the wheel and the member into errors."""
    try:
        yield
    except OSError as error:
        raise MachineError(f"cannot be made: {error.strerror}", where=(str(archive.name), member)) from error
    except NativewheelError as error:
        raise error.within(str(archive.name), member) from error.__cause__
