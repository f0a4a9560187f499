"""A wheel, as rules see it: each part is made when the first rule asks for it, and once."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Self, TypeVar

from nativewheel.check.facts import LibraryFacts, WheelFacts
from nativewheel.check.suppliers import Suppliers
from nativewheel.errors import LinkageError, UnreadableError
from nativewheel.formats.defects import defects
from nativewheel.formats.image import Kind, Libc
from nativewheel.linkage import contents as linked
from nativewheel.linkage import macos
from nativewheel.linkage.contents import Contents, LinuxTarget, MacTarget, Passed, WheelImage
from nativewheel.linkage.graph import GraphBuilder
from nativewheel.linkage.host import HostLibraries
from nativewheel.linkage.loaders import WithoutHost, known_policies, loader_for
from nativewheel.linkage.recorded import read_manifest
from nativewheel.linkage.verdict import Judge
from nativewheel.wheel.archive import WheelArchive
from nativewheel.wheel.headers import Headers
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from nativewheel.check.options import CheckOptions
    from nativewheel.formats.defects import Defect, DefectKind
    from nativewheel.formats.image import Format, Identity
    from nativewheel.linkage.graph import Graph
    from nativewheel.linkage.inspection import Verdict
    from nativewheel.linkage.manifest import Manifest
    from nativewheel.linkage.policy import Policy
    from nativewheel.wheel.names import WheelName
    from nativewheel.wheel.source import WheelUrl

T = TypeVar("T")

KEPT = 256 << 20
"""Bytes of inflated images that stay in memory for the next rule that wants them."""


class CheckedWheel:
    """One wheel, opened for the rules; they may ask from several threads only where it says so.

    ``jobs`` is the number of threads for what takes long, ``kept`` bounds the inflated images that are held (bytes).  Every property may raise
    ``UnreadableError``.
    """

    def __init__(self, path: Path | WheelUrl, options: CheckOptions, *, jobs: int = 1, kept: int = KEPT) -> None:
        self.path = path
        self.options = options
        self.archive = WheelArchive(path, strict_record=False, strict_names=False)
        self._jobs = linked.threads_for(self.archive, jobs)
        self._cache = _Cache(self.archive, kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.archive.close()

    @property
    def name(self) -> WheelName:
        """The file name, taken apart."""
        return self.archive.name

    @property
    def file(self) -> str:
        """The file name."""
        return self.path.name

    def data(self, member: Member) -> bytes | bytearray:
        """Return what a member holds, inflated and compared with its CRC.  Any thread may ask."""
        return self._cache.read(member)

    def verify(self) -> None:
        """Compare every member that was not read so far with its CRC and its hash in RECORD; differences are in ``archive.record_differences``.

        Those of a wheel on a web server are left out.
        """
        if not self.archive.is_remote:
            self.archive.verify(self._jobs)

    @contextmanager
    def errors_of(self, file: str) -> Iterator[None]:
        """Put the wheel into errors about a file of the `.dist-info` folder."""
        try:
            yield
        except UnreadableError as error:
            raise error.within(self.file, f"{self.archive.dist_info}/{file}") from error.__cause__

    def of_images(self, read: Callable[[WheelImage, bytes | bytearray], T], images: Iterable[WheelImage] | None = None) -> dict[Member, T]:
        """Call ``read`` with each of ``images`` (default: those of the wheel's platform) and its bytes, in threads; return what came of it."""
        chosen = tuple(self.contents.images if images is None else images)
        with ThreadPoolExecutor(max_workers=self._jobs) as pool:
            results = pool.map(lambda image: self._located(image, read), chosen)
            return {image.member: result for image, result in zip(chosen, results, strict=True)}

    @cached_property
    def metadata(self) -> Headers:
        """The headers of METADATA."""
        return self._headers("METADATA")

    @cached_property
    def wheel_file(self) -> Headers:
        """The headers of WHEEL."""
        return self._headers("WHEEL")

    @cached_property
    def manifest(self) -> Manifest | None:
        """What a repair has written into the wheel."""
        return read_manifest(self.archive)

    @cached_property
    def natives(self) -> Mapping[Member, Format]:
        """Every member that is a native file by its magic, whatever it is for, in archive order."""
        return linked.native_members(self.archive, jobs=self._jobs)

    @cached_property
    def read_images(self) -> Mapping[Member, WheelImage | Passed]:
        """All native files that could be read, those for other systems than the wheel's among them."""
        with ThreadPoolExecutor(max_workers=self._jobs) as pool:
            read = pool.map(self._read_image, self.natives)
            return {member: image for member, image in zip(self.natives, read, strict=True) if image is not None}

    @property
    def contents(self) -> Contents:
        """The images of the wheel's own platform, and what that is; none, where the images do not agree with the tags or each other."""
        return self._sorted_out[0]

    @property
    def disagreement(self) -> UnreadableError | LinkageError | None:
        """Why there are no `contents` although there are images."""
        return self._sorted_out[1]

    @cached_property
    def defects(self) -> Mapping[Member, tuple[Defect, ...]]:
        """What is wrong with each of the wheel's own images, taken by itself."""
        return self.of_images(lambda image, data: tuple(defects(data, image.image)))

    def defects_of(self, *kinds: DefectKind) -> list[tuple[Member, Defect]]:
        """Return the defects of these kinds with the images that have them, in archive order."""
        return [(member, item) for member, items in self.defects.items() for item in items if item.kind in kinds]

    @cached_property
    def graph(self) -> Graph | None:
        """Who needs whom in the wheel, None without images.

        Nothing is looked up on this machine.  A dependency that every tag of the platform promises has the reach PLATFORM; one that `supplies` says a
        tag of this wheel promises may have NOWHERE.  What a provider supplies by the manifest has no variants.
        """
        target = self.contents.target
        if target is None:
            return None
        system = loader_for(target, self.name, self.contents.images, host=HostLibraries())
        allowed = self.options.allow_missing
        return GraphBuilder(images=self.contents.images, loader=WithoutHost(system=system), allow_missing=allowed, providers=self.suppliers).build()

    @cached_property
    def suppliers(self) -> Suppliers:
        """The providers that the wheel may use."""
        return Suppliers(wheel=self.name, contents=self.contents, manifest=self.manifest, metadata=self.metadata, options=self.options)

    @cached_property
    def promised(self) -> tuple[Policy, ...]:
        """The Linux policies that the wheel's tags name, in their order; tags that are not known promise nothing that could be checked."""
        target = self.contents.target
        if not isinstance(target, LinuxTarget):
            return ()
        found = {policy.tag: policy for policy in map(known_policies(target).named, self.name.platforms) if policy}
        return tuple(found.values())

    def supplies(self, name: Identity) -> bool:
        """Whether every system that one of the wheel's tags names has the library, so that nobody need bring it."""
        return bool(self.promised) and all(policy.supplies(name) for policy in self.promised)

    @cached_property
    def judge(self) -> Judge | None:
        """Compares the content with the policies of Linux; None for other wheels."""
        target = self.contents.target
        if not isinstance(target, LinuxTarget) or self.graph is None:
            return None
        return Judge(graph=self.graph, policies=known_policies(target), host=HostLibraries())

    @cached_property
    def verdict(self) -> Verdict | None:
        """The best tag that the images allow, whoever supplies their libraries; None where no tag promises a version."""
        target = self.contents.target
        if isinstance(target, MacTarget):
            return macos.verdict({str(image.member): image.image for image in self.contents.images}, target.archs)
        if self.judge is None:
            return None
        return self.judge.verdict(self.judge.evaluations(self.name.platforms), vendoring=True)

    @cached_property
    def facts(self) -> WheelFacts:
        """What rules about sets want to know of the wheel."""
        exported = {export.member for export in self.manifest.exports} if self.manifest else set()
        return WheelFacts(
            file=self.file,
            name=self.name,
            version=self.metadata.first("Version") or self.name.version,
            requires=self.metadata.all("Requires-Dist"),
            libraries=tuple(
                LibraryFacts(
                    member=image.member,
                    format=image.image.format,
                    identity=image.image.identity,
                    size=image.size,
                    digest=self.digest(image.member),
                    exported=image.member in exported,
                )
                for image in self.contents.images
                if image.image.kind is Kind.LIBRARY
            ),
        )

    def digest(self, member: Member) -> str:
        """Return a text that is equal for equal files: the hash that RECORD has, else size and CRC."""
        row, entry = self.archive.row(member), self.archive.entries[member]
        return row.hash if row and row.hash else f"crc32={entry.crc32:08x},{entry.size}"

    @cached_property
    def _sorted_out(self) -> tuple[Contents, UnreadableError | LinkageError | None]:
        linked.refuse_unsupported(self.name)
        read = self.read_images  # what cannot be read at all is more than a disagreement
        try:
            # Images that do not tell their C library are taken for what most are.
            return linked.sort_out(self.name, self.natives, read, libc=Libc.GLIBC), None
        except (UnreadableError, LinkageError) as error:
            return Contents(images=()), error

    def _headers(self, file: str) -> Headers:
        with self.errors_of(file):
            return Headers.parse(bytes(self.data(Member(f"{self.archive.dist_info}/{file}"))))

    def _read_image(self, member: Member) -> WheelImage | Passed | None:
        expected = linked.expected_format(self.name, self.natives)
        try:
            return linked.read_image(self.archive, member, self.data(member))
        except UnreadableError:
            if self.natives[member] is expected:
                raise
            return None  # a file for another system, whatever it is for

    def _located(self, image: WheelImage, read: Callable[[WheelImage, bytes | bytearray], T]) -> T:
        try:
            return read(image, self.data(image.member))
        except UnreadableError as error:
            raise error.within(self.file, image.member) from error.__cause__


class _Cache:
    """Inflated members, the last used ones up to a number of bytes."""

    def __init__(self, archive: WheelArchive, limit: int) -> None:
        self._archive = archive
        self._limit = limit
        self._lock = Lock()
        self._held: OrderedDict[Member, bytes | bytearray] = OrderedDict()
        self._size = 0

    def read(self, member: Member) -> bytes | bytearray:
        """Return a member, from memory where it is there."""
        with self._lock:
            if member in self._held:
                self._held.move_to_end(member)
                return self._held[member]
        data = self._archive.read(member)
        with self._lock:
            if member not in self._held and len(data) <= self._limit:
                self._held[member] = data
                self._size += len(data)
                while self._size > self._limit:
                    self._size -= len(self._held.popitem(last=False)[1])
        return data
