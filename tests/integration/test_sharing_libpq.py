"""A real library in a wheel of its own: Debian's libpq, used by psycopg2 where the system has no copy of it, against a real server."""

from __future__ import annotations

import _ctypes
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command import dynamic, extract, nativewheel, repair, vendored
from realwheels import pip, unrepaired
from sealed import SITE, SealedRoot

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.debian, pytest.mark.network, pytest.mark.skipif(sys.platform != "linux", reason="the wheels are built here, for Linux")]

PLAIN, UNIQUE = "libpq.so.5", "libnw_libpq__pq.so.5"
EXPORT = """
[[tool.nativewheel.export]]
distribution = "libpq"
library = ["libpq/lib/libpq.so*"]
requires = "=={major}.*,>={version}"
"""


def pg_config(question: str) -> str:
    if shutil.which("pg_config") is None:
        pytest.skip("no pg_config program: Debian's libpq-dev is missing")
    return subprocess.run(["pg_config", f"--{question}"], capture_output=True, text=True, check=True).stdout.strip()


def libpq_version() -> str:
    (found,) = re.findall(r"^PostgreSQL (\d+\.\d+)", pg_config("version"))
    return str(found)


def libpq_wheel(folder: Path) -> Path:
    """Pack the system's libpq as a build backend would, which writes symbolic links out as files."""
    version = libpq_version()
    info = folder / "tree" / f"libpq-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: libpq\nVersion: {version}\n")
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: false\nTag: py3-none-linux_{os.uname().machine}\n")
    package = folder / "tree/libpq"
    (package / "lib").mkdir(parents=True)
    (package / "__init__.py").touch()
    library = Path(pg_config("libdir"), PLAIN).resolve()
    for name in {library.name, PLAIN, "libpq.so"}:
        shutil.copyfile(library, package / "lib" / name)
    subprocess.run([sys.executable, "-m", "wheel", "pack", str(folder / "tree"), "-d", str(folder)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The wheels of one repair."""

    provider: Path
    consumer: Path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("libpq")
    (folder / "export.toml").write_text(EXPORT)
    output = folder / "out"
    nativewheel("repair", "--config", folder / "export.toml", "-w", output, unrepaired("psycopg2"), libpq_wheel(folder / "raw"))
    (provider,), (consumer,) = output.glob("libpq-*.whl"), output.glob("psycopg2-*.whl")
    return Pair(provider=provider, consumer=consumer)


def test_the_provider_holds_the_library_once_with_all_that_it_needs(pair: Pair, tmp_path: Path) -> None:
    assert f"libpq-{libpq_version()}-py3-none-manylinux" in pair.provider.name
    with zipfile.ZipFile(pair.provider) as archive:
        beside = {name.rpartition("/")[2] for name in archive.namelist() if name.startswith("libpq/lib/")}
    assert beside == {UNIQUE, f"{UNIQUE}.anchor", "libpq.so"}
    library = dynamic(extract(pair.provider, f"libpq/lib/{UNIQUE}", tmp_path))
    assert (library["SONAME"], library["RPATH"]) == ([UNIQUE], ["$ORIGIN/../../libpq.libs"])
    assert any(member.startswith("libpq.libs/libcrypto-") for member in vendored(pair.provider))


def test_the_consumer_asks_for_what_the_provider_said(pair: Pair, tmp_path: Path) -> None:
    version = libpq_version()
    with zipfile.ZipFile(pair.consumer) as archive:
        (metadata,) = (archive.read(name) for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        (module,) = (name for name in archive.namelist() if name.startswith("psycopg2/_psycopg."))
    assert message_from_bytes(metadata).get_all("Requires-Dist") == [f"libpq=={version.partition('.')[0]}.*,>={version}"]
    extension = dynamic(extract(pair.consumer, module, tmp_path))
    assert UNIQUE in extension["NEEDED"]
    assert PLAIN not in extension["NEEDED"]
    assert not {"RPATH", "RUNPATH"} & extension.keys()
    assert vendored(pair.consumer) == set()


def test_the_consumer_is_a_tenth_of_the_wheel_that_vendors(pair: Pair, tmp_path: Path) -> None:
    alone = repair(unrepaired("psycopg2"), tmp_path / "alone")
    assert vendored(alone)
    assert pair.consumer.stat().st_size * 10 <= alone.stat().st_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running PostgreSQL server, and how a client reaches it."""

    port: int
    user: str
    password: str


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a server on the loopback interface, in a folder that its user may enter; it refuses to run as root."""
    programs = Path(pg_config("bindir"))
    if not (programs / "initdb").is_file():
        pytest.skip(f"no PostgreSQL server in {programs}: Debian's package postgresql is missing")
    account = _account()
    who: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder, data = Path(name), Path(name, "data")
        server = Server(port=_free_port(), user="tester", password=secrets.token_hex(8))
        (folder / "password").write_text(server.password)
        for path in (folder, folder / "password"):
            os.chown(path, account.pw_uid, account.pw_gid)

        def run(program: str, *arguments: object) -> None:
            # Into a file, because the server keeps what it inherits open as long as it runs.
            with (folder / "said").open("w+") as said:
                command = [str(programs / program), "-D", str(data), *map(str, arguments)]
                code = subprocess.run(command, check=False, stdout=said, stderr=said, cwd=folder, timeout=120, **who).returncode
                said.seek(0)
                assert code == 0, said.read()

        run("initdb", "-U", server.user, "--pwfile", folder / "password", "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync")
        settings = f"-c listen_addresses=127.0.0.1 -p {server.port} -c unix_socket_directories= -c fsync=off"
        run("pg_ctl", "start", "-w", "-l", folder / "log", "-o", settings)
        try:
            yield server
        finally:
            run("pg_ctl", "stop", "-m", "immediate")


def _account() -> pwd.struct_passwd:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    return pwd.getpwnam("nobody")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def root(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> SealedRoot:
    """Install the wheels into two folders of a root without the system's libpq, OpenSSL and Kerberos, but with what Python's ctypes needs."""
    root = SealedRoot(tmp_path_factory.mktemp("root"))
    for path in re.findall(r"=> (/\S+)", subprocess.run(["ldd", _ctypes.__file__], capture_output=True, text=True, check=True).stdout):
        root.add(Path(path))
    for folder, wheel in (("provider", pair.provider), ("consumer", pair.consumer)):
        pip("install", "--target", root.site / folder, "--no-deps", "--no-index", wheel)
    return root


QUERY = """
import psycopg2
with psycopg2.connect(host="127.0.0.1", port={port}, user="{user}", password="{password}", dbname="postgres", connect_timeout=20) as connection:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(n * %s), %s FROM generate_series(1, 10) AS n", (2, "wäre 'da'"))
        (total, text) = cursor.fetchone()
result = [total, text, psycopg2.extensions.libpq_version()]
"""


@pytest.mark.parametrize("folders", [("provider", "consumer"), ("consumer", "provider")], ids=["provider first", "consumer first"])
def test_a_query_of_a_real_server(folders: tuple[str, str], pair: Pair, root: SealedRoot, server: Server) -> None:
    code = QUERY.format(port=server.port, user=server.user, password=server.password)
    run = root.run(code, PYTHONPATH=os.pathsep.join(str(SITE / folder) for folder in folders))
    major, minor = libpq_version().split(".")
    assert run.result == [110, "wäre 'da'", 10000 * int(major) + int(minor)]
    provided = {SITE / "provider" / member for member in (f"libpq/lib/{UNIQUE}", *vendored(pair.provider))}
    assert provided <= run.mapped, provided - run.mapped
    wanted = {path.name for path in provided}
    assert not {path for path in run.mapped if path.name in wanted | {PLAIN}} - provided


def test_without_the_provider_the_import_says_what_to_install(root: SealedRoot) -> None:
    code = "try:\n    import psycopg2\nexcept ImportError as error:\n    result = str(error)"
    run = root.run(code, PYTHONPATH=str(SITE / "consumer"))
    version = libpq_version()
    assert f'python -m pip install "libpq=={version.partition(".")[0]}.*,>={version}"' in run.result
