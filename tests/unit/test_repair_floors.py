"""A warning where a consumer promises systems that its provider does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from nativewheel.formats.image import Identity
from nativewheel.linkage.manifest import ManifestConsumption
from nativewheel.linkage.provider import Consideration, Provider
from nativewheel.repair.floors import floor, with_floor_warnings
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
        ("manylinux_2_17_x86_64.manylinux2014_x86_64", (2, 17)),
        ("manylinux_2_28_x86_64.manylinux1_x86_64", (2, 5)),
        ("musllinux_1_2_aarch64", (1, 2)),
        ("macosx_10_9_universal2", (10, 9)),
        ("linux_x86_64", None),
        ("any", None),
    ],
)
def test_the_oldest_system_of_a_wheel(platforms: str, oldest: tuple[int, int] | None) -> None:
    assert floor(WheelName.parse(f"a-1-py3-none-{platforms}.whl")) == oldest


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
