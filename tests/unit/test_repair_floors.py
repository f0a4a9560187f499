"""A warning where a consumer promises systems that its provider does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from nativewheel.formats.image import Identity
from nativewheel.linkage.manifest import ManifestConsumption
from nativewheel.linkage.provider import Consideration, Provider
from nativewheel.repair.floors import floors, with_floor_warnings
from nativewheel.repair.plan import Action, Plan
from nativewheel.wheel.names import WheelName


def plan(output: str, *uses: str) -> Plan:
    name = WheelName.parse(output)
    consumes = tuple(
        ManifestConsumption(provider=use, version="1", original=Identity("a.so"), identity=Identity("b.so"), requires="==1") for use in uses
    )
    return Plan(wheel=Path(output), name=name, output=name, action=Action.REPAIR, consumes=consumes)


def provider(filename: str) -> Provider:
    name = WheelName.parse(filename)
    return Provider(
        distribution=name.normalized,
        version=name.version,
        namespace="nw_prov",
        module="nw_prov",
        name=name,
        libraries=(),
        origin=filename,
        considered_because=Consideration.OPTION,
    )


@pytest.mark.parametrize(
    ("platforms", "oldest"),
    [
        ("manylinux_2_17_x86_64.manylinux2014_x86_64", {"x86_64": (2, 17)}),
        ("manylinux_2_28_x86_64.manylinux1_x86_64", {"x86_64": (2, 5)}),
        ("musllinux_1_2_aarch64", {"aarch64": (1, 2)}),
        ("macosx_10_9_universal2", {"x86_64": (10, 9), "arm64": (11, 0)}),
        ("macosx_10_9_x86_64.macosx_12_0_arm64", {"x86_64": (10, 9), "arm64": (12, 0)}),
        ("linux_x86_64", {}),
        ("any", {}),
    ],
)
def test_the_oldest_systems_of_a_wheel(platforms: str, oldest: dict[str, tuple[int, int]]) -> None:
    assert floors(WheelName.parse(f"a-1-py3-none-{platforms}.whl")) == oldest


@pytest.mark.parametrize(("newest", "warned"), [("11", False), ("12", True)])
def test_each_machine_counts(newest: str, *, warned: bool) -> None:
    consumer = "user-1-cp311-cp311-macosx_10_9_universal2.whl"
    plans = [plan(consumer, "prov"), plan("prov-1-py3-none-macosx_10_9_x86_64.whl"), plan(f"prov-1-py3-none-macosx_{newest}_0_arm64.whl")]
    expected = f"{consumer} is for systems that cannot install prov-1-py3-none-macosx_{newest}_0_arm64.whl, its provider: it promises too much there"
    assert with_floor_warnings(plans, [()] * 3)[0].warnings == ((expected,) if warned else ())


def test_each_machine_of_universal2_needs_a_provider() -> None:
    consumer, arm = "user-1-cp311-cp311-macosx_11_0_universal2.whl", "prov-1-py3-none-macosx_11_0_arm64.whl"
    expected = f"{consumer} is for x86_64 as well, and its provider {arm} is not: give the provider's wheel for both"
    assert with_floor_warnings([plan(consumer, "prov"), plan(arm)], [()] * 2)[0].warnings == (expected,)
    both = [plan(consumer, "prov"), plan(arm), plan("prov-1-py3-none-macosx_11_0_x86_64.whl")]
    assert with_floor_warnings(both, [()] * 3) == both


@pytest.mark.parametrize(
    ("consumer", "warned"),
    [
        ("user-1-cp311-cp311-manylinux_2_17_x86_64.whl", True),
        ("user-1-cp311-cp311-manylinux_2_28_x86_64.whl", False),
        ("user-1-cp311-cp311-manylinux_2_34_x86_64.whl", False),
        ("user-1-cp311-cp311-manylinux_2_17_aarch64.whl", False),  # no wheel of the provider for it: the choice of the provider sees to that
        ("user-1-cp311-cp311-linux_x86_64.whl", False),
    ],
)
@pytest.mark.parametrize("in_set", [True, False])
def test_a_consumer_below_its_provider(consumer: str, *, warned: bool, in_set: bool) -> None:
    filename = "prov-1-py3-none-manylinux_2_28_x86_64.whl"
    plans = [plan(consumer, "prov"), *([plan(filename)] if in_set else [])]
    found = with_floor_warnings(plans, [() if in_set else (provider(filename),) for _ in plans])
    expected = f"{consumer} is for systems that cannot install {filename}, its provider: it promises too much there"
    assert found[0].warnings == ((expected,) if warned else ())
    assert all(other.warnings == () for other in found[1:])


def test_one_wheel_of_the_provider_that_is_old_enough_will_do() -> None:
    plans = [
        plan("user-1-cp311-cp311-manylinux_2_17_x86_64.whl", "prov"),
        plan("prov-1-py3-none-manylinux_2_28_x86_64.whl"),
        plan("prov-1-py3-none-manylinux2014_x86_64.whl"),
    ]
    assert with_floor_warnings(plans, [()] * 3) == plans
