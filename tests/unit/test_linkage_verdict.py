"""Which tags content allows, and what is named as being in the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from madeimages import MadeHost, extension, graph_of, library, member, needs

from nativewheel.formats.image import Arch, Identity, IsaLevel, Libc, Symbol
from nativewheel.linkage.policy import PolicySet, policies
from nativewheel.linkage.verdict import Judge, Missing

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.inspection import Blocker, Verdict
    from nativewheel.linkage.policy import Policy

X86_64 = policies(Libc.GLIBC, Arch.X86_64)
LIBC = Identity("libc.so.6")
MEMCPY = Symbol(name="memcpy", version="GLIBC_2.14", library=LIBC)
OLD, NEW = X86_64.policies[0], X86_64.policies[-1]

pytestmark = pytest.mark.usefixtures("no_library_path")


def judge(host: MadeHost, *images: WheelImage, lib_path: tuple[Path, ...] = (), exclude: tuple[str, ...] = ()) -> Judge:
    return Judge(graph=graph_of(host, *images, lib_path=lib_path, exclude=exclude), policies=X86_64, host=host)


def verdict(judged: Judge, *platforms: str, vendoring: bool = False) -> Verdict:
    return judged.verdict(judged.evaluations(platforms), vendoring=vendoring)


def plain(blocker: Blocker) -> tuple[str, str, str | None, str | None, str]:
    return blocker.tag, blocker.member, blocker.library, blocker.symbol, blocker.needs


def test_content_without_wishes_fits_the_oldest_system(host: MadeHost) -> None:
    found = verdict(judge(host, member("pkg/_x.so", extension(needs("libc.so.6", "GLIBC_2.2.5")))))
    assert (found.tag, found.aliases, found.better, found.blockers) == ("manylinux_2_5_x86_64", ("manylinux1_x86_64",), (), ())


def test_a_newer_version_names_symbol_and_asker(host: MadeHost) -> None:
    image = member("pkg/_x.so", extension(needs("libc.so.6", "GLIBC_2.14")), imports=[Symbol(name="memcpy"), MEMCPY])
    found = verdict(judge(host, image))
    assert (found.tag, found.better) == ("manylinux_2_17_x86_64", ("manylinux_2_12_x86_64", "manylinux_2_5_x86_64"))
    assert [plain(blocker) for blocker in found.blockers] == [("manylinux_2_12_x86_64", "pkg/_x.so", "libc.so.6", "memcpy", "GLIBC_2.14")]


def test_a_version_without_symbol_still_counts(host: MadeHost) -> None:
    found = verdict(judge(host, member("pkg/_x.so", extension(needs("libc.so.6", "GLIBC_2.14")))))
    assert [(blocker.symbol, blocker.needs) for blocker in found.blockers] == [(None, "GLIBC_2.14")]


def test_a_version_of_a_library_that_is_not_listed_counts_all_the_same(host: MadeHost) -> None:
    image = replace(extension("libm.so.6"), unlisted=(needs("libc.so.6", "GLIBC_2.34"), needs("libcuda.so.1", "CUDA_99")))
    judged = judge(host, member("pkg/_x.so", image))
    assert verdict(judged).tag == "manylinux_2_34_x86_64"
    assert judged.violations(OLD)[0].needs == "GLIBC_2.34"


def test_a_version_of_a_library_in_the_wheel_is_no_matter_of_the_platform(host: MadeHost) -> None:
    asker = member("pkg/_x.so", extension(needs("libstdc++.so.6", "GLIBCXX_3.4.99"), rpaths=("$ORIGIN",)))
    own = member("pkg/libstdc++.so.6", library("libstdc++.so.6"))
    assert verdict(judge(host, asker, own)).tag == OLD.tag


def test_an_excluded_library_must_be_as_the_platform_has_it(host: MadeHost) -> None:
    image = member("pkg/_x.so", extension(needs("libstdc++.so.6", "GLIBCXX_3.4.20"), needs("libcuda.so.1", "libcuda.so.1")))
    assert verdict(judge(host, image, exclude=("lib*",))).tag == "manylinux_2_24_x86_64"


def test_what_no_policy_allows_leaves_the_tag_that_promises_nothing(host: MadeHost) -> None:
    found = verdict(judge(host, member("pkg/_x.so", extension(needs("libc.so.6", "GLIBC_PRIVATE")))))
    assert (found.tag, found.better[0], len(found.better)) == ("linux_x86_64", NEW.tag, len(X86_64.policies))
    assert [plain(blocker)[0] for blocker in found.blockers] == [NEW.tag]  # each obstacle once, at the nearest tag


def test_a_set_without_policies_promises_nothing(host: MadeHost) -> None:
    none = PolicySet(libc=Libc.GLIBC, arch=Arch.ARMV6L, policies=())
    judged = Judge(graph=graph_of(host), policies=none, host=host)
    assert judged.verdict(judged.evaluations(["linux_armv6l"]), vendoring=False).tag == "linux_armv6l"


class TestSymbols:
    @pytest.mark.parametrize(("weak", "tag"), [(False, "linux_x86_64"), (True, OLD.tag)])
    def test_symbols_that_some_systems_lack(self, host: MadeHost, weak: bool, tag: str) -> None:  # noqa: FBT001  (a table)
        library_name, symbols = next((name, symbols) for name, symbols in NEW.forbidden.items() if name in X86_64.always_supplied)
        symbol = Symbol(name=min(symbols), weak=weak)
        judged = judge(host, member("pkg/_x.so", extension(library_name), imports=[symbol]))
        assert verdict(judged).tag == tag
        if not weak:
            assert plain(judged.violations(NEW)[0])[2:4] == (library_name, symbol.name)

    def test_they_are_harmless_when_the_library_is_the_wheels_own_or_not_asked_for(self, host: MadeHost) -> None:
        name, symbols = next(iter(NEW.forbidden.items()))
        imports = [Symbol(name=min(symbols))]
        own = member(f"pkg/{name}", library(name))
        assert verdict(judge(host, member("pkg/_x.so", extension(name, rpaths=("$ORIGIN",)), imports=imports), own)).tag == OLD.tag
        assert verdict(judge(host, member("pkg/_x.so", extension(), imports=imports))).tag == OLD.tag

    @pytest.mark.parametrize(
        ("symbol", "needs"),
        [("PyFPE_jbuf", "a Python built with fpectl"), ("PyUnicodeUCS2_FromString", "a Python 2 built with UCS-2 strings")],
    )
    def test_builds_of_python_that_nobody_has(self, host: MadeHost, symbol: str, needs: str) -> None:
        judged = judge(host, member("pkg/_x.so", extension(), imports=[Symbol(name=symbol)]))
        assert verdict(judged).tag == "linux_x86_64"
        assert plain(judged.violations(NEW)[0]) == (NEW.tag, "pkg/_x.so", None, symbol, needs)

    def test_ucs4_is_what_manylinux_wants(self, host: MadeHost) -> None:
        assert verdict(judge(host, member("pkg/_x.so", extension(), imports=[Symbol(name="PyUnicodeUCS4_FromString")]))).tag == OLD.tag

    def test_an_instruction_set_that_not_every_processor_has(self, host: MadeHost) -> None:
        judged = judge(host, member("pkg/_x.so", replace(extension(), isa=IsaLevel.V3)))
        assert verdict(judged).tag == "linux_x86_64"
        assert judged.violations(OLD)[0].needs.startswith("x86-64-v3, ")


class TestVendoring:
    def test_what_would_be_vendored_is_judged_too(self, host: MadeHost, tmp_path: Path) -> None:
        top = host.put(tmp_path / "libtop.so.1", library("libtop.so.1", "libdeep.so.1"))
        deep = host.put(tmp_path / "libdeep.so.1", library("libdeep.so.1", needs("libc.so.6", "GLIBC_2.14")), imports=[MEMCPY])
        judged = judge(host, member("pkg/_x.so", extension("libtop.so.1")), lib_path=(tmp_path,))
        assert judged.evaluate(OLD).external == (top, deep)
        assert not judged.evaluate(OLD).fits
        assert [plain(blocker) for blocker in judged.violations(OLD)] == [(OLD.tag, "libdeep.so.1", "libc.so.6", "memcpy", "GLIBC_2.14")]
        assert verdict(judged, vendoring=True).tag == "manylinux_2_17_x86_64"
        as_it_is = verdict(judged)
        assert as_it_is.tag == "linux_x86_64"
        assert [(blocker.member, blocker.library) for blocker in as_it_is.blockers] == [("pkg/_x.so", "libtop.so.1")]

    def test_a_newer_platform_may_have_what_an_older_one_lacks(self, host: MadeHost, tmp_path: Path) -> None:
        expat = host.put(tmp_path / "libexpat.so.1", library("libexpat.so.1"))
        judged = judge(host, member("pkg/_x.so", extension("libexpat.so.1")), lib_path=(tmp_path,))
        external = {evaluation.policy.tag: evaluation.external for evaluation in judged.evaluations([])}
        assert external[OLD.tag] == (expat,)
        assert external["manylinux_2_12_x86_64"] == ()
        assert verdict(judged).tag == "manylinux_2_12_x86_64"

    def test_what_the_platform_has_need_not_be_on_the_host(self, host: MadeHost) -> None:
        judged = judge(host, member("pkg/_x.so", extension("libexpat.so.1", "libgone.so.1"), imports=[]))
        assert [missing.name for missing in judged.evaluate(OLD).missing] == ["libexpat.so.1", "libgone.so.1"]
        newer = judged.evaluate(X86_64.requested("manylinux_2_17"))
        assert newer.missing == (Missing(name=Identity("libgone.so.1"), wanted_by="pkg/_x.so"),)
        assert newer.grafts == 1

    def test_libpython_is_in_the_way_of_a_tag_but_no_library_to_vendor(self, host: MadeHost) -> None:
        judged = judge(host, member("pkg/_x.so", extension("libpython3.11.so.1.0")))
        assert judged.evaluate(OLD).grafts == 0
        assert verdict(judged, vendoring=True).tag == OLD.tag
        assert [blocker.library for blocker in verdict(judged).blockers] == ["libpython3.11.so.1.0"]


def test_tags_of_the_name_and_a_request_are_judged_besides_what_content_proves(host: MadeHost) -> None:
    musl = policies(Libc.MUSL, Arch.X86_64)
    graph = graph_of(host, member("pkg/_x.so", extension("libc.so", libc=Libc.MUSL)), libc=Libc.MUSL)
    judged = Judge(graph=graph, policies=musl, host=host)

    def tags(*platforms: str, requested: str | None = None) -> list[str]:
        policy = musl.requested(requested) if requested else None
        return [evaluation.policy.tag for evaluation in judged.evaluations(platforms, policy)]

    assert tags("linux_x86_64") == ["musllinux_1_2_x86_64"]
    assert tags("linux_x86_64", "musllinux_1_1_x86_64") == ["musllinux_1_1_x86_64", "musllinux_1_2_x86_64"]
    assert tags(requested="musllinux_1_1") == ["musllinux_1_1_x86_64", "musllinux_1_2_x86_64"]


def test_equal_lists_of_libraries_are_walked_once(host: MadeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = judge(host, member("pkg/_x.so", extension("libc.so.6")))
    walked: list[frozenset[str]] = []
    original = Judge._walked  # noqa: SLF001  (counts)

    def counting(self: Judge, policy: Policy) -> object:
        walked.append(policy.libraries)
        return original(self, policy)

    monkeypatch.setattr(Judge, "_walked", counting)
    judged.evaluations([])
    judged.evaluations([])
    assert len(walked) == len({policy.libraries for policy in X86_64.policies}) < len(X86_64.policies)
