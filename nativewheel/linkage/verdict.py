"""Which platform tags the content of a wheel allows, and what is in the way of the better ones."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nativewheel.formats.image import IsaLevel
from nativewheel.linkage.graph import Reach
from nativewheel.linkage.inspection import Blocker, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from nativewheel.formats.image import Identity, Image, Symbol
    from nativewheel.linkage.graph import Graph, Link
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.linkage.policy import Policy, PolicySet
    from nativewheel.wheel.names import Member

# CPython built with --with-fpectl had these; extension modules made with it fail on any other build (PEP 513; bpo-29137).
_FPECTL = frozenset({"PyFPE_jbuf", "PyFPE_dummy", "PyFPE_counter"})
_UCS2 = "PyUnicodeUCS2_"
# A library that a wheel carries is the same on every system, whatever the platform promises of its namesake.
_WHEELS = frozenset({Reach.MEMBER, Reach.PROVIDER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A dependency that was found nowhere, and an image that wants it."""

    name: Identity
    wanted_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A wheel judged by one policy.

    ``external`` are the host libraries (real paths) that would have to be vendored, ``missing`` the dependencies that neither the policy, the
    wheel nor the host supplies; ``fits`` says that the content, those libraries included, asks for nothing beyond the policy.
    """

    policy: Policy
    external: tuple[Path, ...]
    missing: tuple[Missing, ...]
    fits: bool

    @property
    def grafts(self) -> int:
        """How many libraries would have to come from elsewhere."""
        return len(self.external) + len(self.missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    """An image that takes part: a member of the wheel, or a library that a policy makes external (``path``)."""

    label: str
    image: Image
    links: tuple[Link, ...]
    path: Path | None
    imports: Callable[[], tuple[Symbol, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Closure:
    """What a list of supplied libraries makes of the graph.

    ``demands`` gathers who wants which symbol version of a library that the platform (or the user) supplies, so that each pair is judged once.
    """

    nodes: tuple[_Node, ...]
    missing: tuple[Missing, ...]
    demands: Mapping[tuple[Identity, str], tuple[_Node, ...]]


@dataclass(slots=True, kw_only=True)
class Judge:
    """Evaluates one wheel against the policies of its C library and architecture."""

    graph: Graph
    policies: PolicySet
    host: HostLibraries
    _closures: dict[frozenset[str], _Closure] = field(default_factory=dict)
    _suspects: dict[str, tuple[Symbol, ...]] = field(default_factory=dict)
    _names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self._names = self.policies.forbidden_names | _FPECTL

    def evaluate(self, policy: Policy) -> Evaluation:
        """Judge the wheel by one policy."""
        closure = self._closure(policy)
        return Evaluation(
            policy=policy,
            external=tuple(node.path for node in closure.nodes if node.path is not None),
            missing=closure.missing,
            fits=all(policy.allows(version) for _, version in closure.demands) and not self._forbidden(policy, closure),
        )

    def violations(self, policy: Policy) -> tuple[Blocker, ...]:
        """Return what the content asks for beyond the policy, libraries that would be vendored included."""
        closure = self._closure(policy)
        return (*self._version_violations(policy, closure), *self._forbidden(policy, closure))

    def evaluations(self, platforms: Iterable[str], requested: Policy | None = None) -> list[Evaluation]:
        """Judge the wheel by every policy that content can prove, by those that its tags name already and by ``requested``; best first."""
        named = [item for item in map(self.policies.named, platforms) if item]
        considered = {item.tag: item for item in (*self.policies.provable, *named, *([requested] if requested else []))}
        return [self.evaluate(item) for item in sorted(considered.values(), key=lambda item: -item.priority)]

    def verdict(self, evaluations: Iterable[Evaluation], *, vendoring: bool) -> Verdict:
        """Return the best tag among ``evaluations`` (best first); with ``vendoring``, host libraries are no obstacle."""
        better: list[Evaluation] = []
        for evaluation in evaluations:
            if not self._obstacles(evaluation, vendoring=vendoring):
                return self._verdict(evaluation.policy.tag, evaluation.policy.aliases, better, vendoring=vendoring)
            better.insert(0, evaluation)
        return self._verdict(self.policies.fallback, (), better, vendoring=vendoring)

    def _verdict(self, tag: str, aliases: tuple[str, ...], better: list[Evaluation], *, vendoring: bool) -> Verdict:
        nearest: dict[tuple[str, Identity | None, str | None, str], Blocker] = {}
        for evaluation in better:
            for blocker in self._obstacles(evaluation, vendoring=vendoring):
                nearest.setdefault((blocker.member, blocker.library, blocker.symbol, blocker.needs), blocker)
        return Verdict(tag=tag, aliases=aliases, better=tuple(item.policy.tag for item in better), blockers=tuple(nearest.values()))

    def _obstacles(self, evaluation: Evaluation, *, vendoring: bool) -> tuple[Blocker, ...]:
        if vendoring:
            return () if evaluation.fits else self.violations(evaluation.policy)
        own = () if evaluation.fits else self.violations(evaluation.policy)
        return (*self._external(evaluation), *(blocker for blocker in own if blocker.member in self.graph.images))

    def _external(self, evaluation: Evaluation) -> Iterator[Blocker]:
        """Yield a blocker for each library that an image of the wheel asks for and the policy does not promise."""
        for member in self.graph.images:
            for link in self.graph.links[member]:
                if link.reach in {Reach.HOST, Reach.NOWHERE, Reach.INTERPRETER} and not evaluation.policy.supplies(link.name):
                    yield Blocker(
                        tag=evaluation.policy.tag,
                        member=member,
                        library=link.name,
                        symbol=None,
                        needs="a library that the platform does not supply",
                    )

    def _closure(self, policy: Policy) -> _Closure:
        if policy.libraries not in self._closures:
            self._closures[policy.libraries] = self._walked(policy)
        return self._closures[policy.libraries]

    def _walked(self, policy: Policy) -> _Closure:
        nodes = [self._member(member) for member in self.graph.images]
        seen: set[Path] = set()
        missing: dict[Identity, Missing] = {}
        demands: dict[tuple[Identity, str], list[_Node]] = defaultdict(list)
        for node in nodes:  # grows while it is walked
            for link in node.links:
                if link.reach is Reach.EXCLUDED or (link.reach not in _WHEELS and policy.supplies(link.name)):
                    for version in link.dependency.versions:
                        demands[link.name, version].append(node)
                elif link.reach is Reach.NOWHERE:
                    missing.setdefault(link.name, Missing(name=link.name, wanted_by=node.label))
                elif link.path is not None and link.path not in seen:
                    seen.add(link.path)
                    nodes.append(self._library(link.path))
            for dependency in node.image.unlisted:
                if policy.supplies(dependency.name):
                    for version in dependency.versions:
                        demands[dependency.name, version].append(node)
        return _Closure(nodes=tuple(nodes), missing=tuple(missing.values()), demands={key: tuple(wanting) for key, wanting in demands.items()})

    def _member(self, member: Member) -> _Node:
        item = self.graph.images[member]
        return _Node(label=member, image=item.image, links=self.graph.links[member], path=None, imports=lambda: item.imports)

    def _library(self, path: Path) -> _Node:
        image = self.graph.libraries[path].image
        return _Node(label=path.name, image=image, links=self.graph.links[path], path=path, imports=lambda: self.host.imports(path))

    @staticmethod
    def _version_violations(policy: Policy, closure: _Closure) -> Iterator[Blocker]:
        for (library, version), wanting in closure.demands.items():
            if not policy.allows(version):
                for node in wanting:
                    symbol = next((found.name for found in node.imports() if found.version == version and found.library == library), None)
                    yield Blocker(tag=policy.tag, member=node.label, library=library, symbol=symbol, needs=version)

    def _forbidden(self, policy: Policy, closure: _Closure) -> tuple[Blocker, ...]:
        return tuple(blocker for node in closure.nodes for blocker in self._symbol_violations(policy, node))

    def _symbol_violations(self, policy: Policy, node: _Node) -> Iterator[Blocker]:
        def blocker(library: Identity | None, symbol: str | None, needs: str) -> Blocker:
            return Blocker(tag=policy.tag, member=node.label, library=library, symbol=symbol, needs=needs)

        if node.image.isa > IsaLevel.BASELINE:
            yield blocker(None, None, f"x86-64-v{node.image.isa}, an instruction set that not every processor of the platform has")
        libraries = [link.name for link in node.links if link.name in policy.forbidden and link.reach not in _WHEELS]
        if not libraries and node.path is not None:
            return  # the other obstacles are in extension modules only: a host library's symbols need not be read
        for symbol in self._suspicious(node):
            for library in libraries:
                if symbol.name in policy.forbidden[library] and not symbol.weak:
                    yield blocker(library, symbol.name, "a symbol that some systems of the platform lack")
            if symbol.name in _FPECTL:
                yield blocker(None, symbol.name, "a Python built with fpectl")
            elif symbol.name.startswith(_UCS2):
                yield blocker(None, symbol.name, "a Python 2 built with UCS-2 strings")

    def _suspicious(self, node: _Node) -> tuple[Symbol, ...]:
        """Return the imports of an image that any policy might refuse by name: few of many, and asked for by every policy."""
        key = str(node.path or node.label)
        if key not in self._suspects:
            self._suspects[key] = tuple(symbol for symbol in node.imports() if symbol.name in self._names or symbol.name.startswith(_UCS2))
        return self._suspects[key]
