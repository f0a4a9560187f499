"""Both deflate engines, their limits, and hostile streams."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import zlib
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.errors import UnreadableError
from nativewheel.wheel import deflate
from nativewheel.wheel.zipformat import Method

ENGINES = ["zlib", *(["libdeflate"] if importlib.util.find_spec("deflate") else [])]
TEXT = b"the quick brown fox " * 500
NOISE = hashlib.shake_128(b"noise").digest(5000)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(deflate, "_ENGINE", request.param)
    return str(request.param)


@given(st.binary(max_size=2000), st.integers(0, 9))
def test_what_is_compressed_inflates_again(data: bytes, level: int) -> None:
    packed = deflate.compress(data, level)
    assert packed.size == len(data)
    assert packed.crc32 == zlib.crc32(data)
    assert packed.sha256 == "sha256=" + urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    if packed.method == Method.STORED:
        assert packed.data == data
    else:
        assert len(packed.data) < len(data)
        assert zlib.decompress(packed.data, -15) == data
        assert deflate.decompress(packed.data, len(data)) == data


@pytest.mark.parametrize("level", range(1, 10))
def test_every_engine_and_level_shrinks_text(engine: str, level: int) -> None:
    packed = deflate.compress(TEXT, level)
    assert deflate.engine() == engine
    assert packed.method == Method.DEFLATED
    assert deflate.decompress(packed.data, len(TEXT)) == TEXT
    assert packed.crc32 == zlib.crc32(TEXT)


def test_level_0_stores() -> None:
    assert deflate.compress(TEXT, 0).method == Method.STORED


@pytest.mark.parametrize("data", [b"", b"x", NOISE])
def test_what_does_not_shrink_is_stored(engine: str, data: bytes) -> None:
    assert deflate.engine() == engine
    packed = deflate.compress(data)
    assert (packed.method, packed.data) == (Method.STORED, data)


def test_large_data_streams_through_zlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deflate, "_STREAMING_SIZE", 1000)
    monkeypatch.setattr(deflate, "_CHUNK", 777)
    packed = deflate.compress(TEXT, 9)
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    assert packed.data == stream.compress(TEXT) + stream.flush()
    assert deflate.decompress(packed.data, len(TEXT)) == TEXT


def test_any_buffer_will_do() -> None:
    expected = deflate.compress(TEXT)
    assert deflate.compress(bytearray(TEXT)) == expected
    assert deflate.compress(memoryview(TEXT)) == expected


@pytest.mark.parametrize("size", [0, 1, len(TEXT) - 1, len(TEXT) + 1])
def test_a_stream_of_another_size_is_refused(engine: str, size: int) -> None:
    assert deflate.engine() == engine
    with pytest.raises(UnreadableError):
        deflate.decompress(deflate.compress(TEXT).data, size)


@pytest.mark.parametrize("lost", [1, 10, None])
def test_a_truncated_stream_is_refused(engine: str, lost: int | None) -> None:
    assert deflate.engine() == engine
    with pytest.raises(UnreadableError):
        deflate.decompress(bytes(deflate.compress(TEXT).data)[: -lost if lost else 0], len(TEXT))


@given(st.binary(min_size=1, max_size=60), st.integers(1, 300), st.sampled_from(ENGINES))
def test_random_bytes_inflate_or_give_a_clear_error(data: bytes, size: int, engine: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deflate, "_ENGINE", engine)
        try:
            inflated = deflate.decompress(data, size)
        except UnreadableError:
            return
    assert len(inflated) == size


def test_the_head_needs_only_the_start_of_the_stream() -> None:
    packed = bytes(deflate.compress(NOISE + TEXT).data)
    assert deflate.inflate_head(packed[:2000], 64) == NOISE[:64]


def test_a_bomb_never_inflates_past_the_head() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = bomb.compress(bytes(10_000_000)) + bomb.flush()
    assert deflate.inflate_head(packed, 64) == bytes(64)


def test_a_broken_head_is_refused() -> None:
    with pytest.raises(UnreadableError, match="broken"):
        deflate.inflate_head(b"\xff\xff\xff", 10)


def test_without_libdeflate_zlib_takes_over() -> None:
    code = (
        "import sys; sys.modules['deflate'] = None; from nativewheel.wheel import deflate as d; print(d.engine(), len(d.compress(bytes(999)).data))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(deflate.__file__).parents[2])
    stream = zlib.compressobj(6, zlib.DEFLATED, -15)
    assert result.stdout.split() == ["zlib", str(len(stream.compress(bytes(999)) + stream.flush()))]
