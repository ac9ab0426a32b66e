"""The Kafka server's jars: fetched once from Maven Central by jgo, checked, and kept below one folder.

::

    jars_dir()/
      kafka-4.4.0/            the jars, and manifest.json with their sizes: there only when complete
      kafka-4.4.0.partial/    a fetch under way, or one that was interrupted: swept away by the next
      lock                    one fetch at a time

jgo's layers are used below ``jgo.build``: that one sorts jars into module and class path with a Java 11 that it
downloads for the purpose (200 MB in ~/.cache), and puts its Maven cache in ~/.m2. Here all jars go on the class path,
and everything lies in this folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from schemas.errors import BrokerError, ConfigError
from streams.broker_lock import held
from streams.home import JARS_VARIABLE, jars_dir

KAFKA_VERSION = "4.4.0"

COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.slf4j:slf4j-jdk14:1.7.36",  # without a binding the server logs nothing, not even why it will not start
)

JARS_SHA256 = "a5a50c1577c87b41d10851ca260f2403cf93a7027a813de77bbaa6de11e475fd"
"""Digest of the sorted lines ``<sha256> <name>`` of all jars: the server that was proved is the server that runs."""

MAVEN_VARIABLE = "TAPEDECK_MAVEN"
MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"

FETCH_MB = 45
"""What a fetch downloads, for the reader's patience."""

FETCH_REQUEST_S_MAX = 30
"""How long Maven may stay silent within one request."""

FETCH_LOCK_S_MAX = 900.0
"""How long to wait for another process's fetch: 45 MB over half a megabit a second."""

PROGRESS_STEP_MB = 5


@dataclass(frozen=True, slots=True)
class ServerJars:
    """The folder of one server version's jars.

    Args:
        folder: Holds the jars and their manifest.
    """

    folder: Path

    @property
    def manifest(self) -> Path:
        """Names and sizes of all jars; written last."""
        return self.folder / "manifest.json"

    def names(self) -> list[str]:
        """File names of all jars, sorted; empty unless every one is there at its full size."""
        try:
            sizes = json.loads(self.manifest.read_bytes())
            whole = all((self.folder / name).stat().st_size == size for name, size in sizes.items())
        except (OSError, ValueError, AttributeError):
            return []
        return sorted(sizes) if whole else []

    def class_path(self) -> str:
        """The jars as Java's ``-cp`` takes them."""
        return os.pathsep.join(str(self.folder / name) for name in self.names())


def server_jars(progress: Callable[[str], None]) -> ServerJars:
    """The server's jars, fetched first if they are not there or not whole.

    Args:
        progress: Told what is being fetched.

    Raises:
        BrokerError: They cannot be fetched or stored, or are not the ones this version was proved with.
        ConfigError: The folder's path cannot be used.
    """
    jars = ServerJars(jars_dir() / f"kafka-{KAFKA_VERSION}")
    if os.pathsep in str(jars.folder):
        raise ConfigError(
            f"the jars' folder may not contain {os.pathsep!r}: Java's class path is split there",
            kind="folder_name",
            got=str(jars.folder),
            fix=f"set {JARS_VARIABLE} to another folder",
        )
    if jars.names():
        return jars
    try:
        jars.folder.parent.mkdir(parents=True, exist_ok=True)
        with held(jars_lock(jars), doing="fetching Kafka", timeout_s=FETCH_LOCK_S_MAX, progress=progress):
            if not jars.names():  # another process may have fetched them while this one waited
                _fetch(jars, progress)
    except OSError as error:
        raise BrokerError(
            f"the Kafka server's jars cannot be stored: {error.strerror or error}",
            kind="jars_unwritable",
            where=str(jars.folder),
            fix=f"make the folder writable, or set {JARS_VARIABLE} to another",
        ) from error
    return jars


def jars_lock(jars: ServerJars) -> Path:
    """The lock of all that changes the jars' folder."""
    return jars.folder.parent / "lock"


def _fetch(jars: ServerJars, progress: Callable[[str], None]) -> None:
    """Fetch beside, check, then rename into place: an interrupted fetch is never mistaken for a whole one."""
    partial = jars.folder.with_name(jars.folder.name + ".partial")
    for leftover in (partial, jars.folder):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir()
    source = os.environ.get(MAVEN_VARIABLE) or MAVEN_CENTRAL
    progress(f"fetching Apache Kafka {KAFKA_VERSION} from {source} ({FETCH_MB} MB, once) into {jars.folder}")
    fetched = _from_maven(source, partial / "maven", progress)
    for path in fetched:
        path.rename(partial / path.name)
    shutil.rmtree(partial / "maven")
    _check([partial / path.name for path in fetched], source)
    sizes = {path.name: (partial / path.name).stat().st_size for path in fetched}
    ServerJars(partial).manifest.write_text(json.dumps(sizes, indent=1, sort_keys=True), encoding="ascii")
    partial.rename(jars.folder)


def _from_maven(source: str, cache: Path, progress: Callable[[str], None]) -> list[Path]:
    """Resolve the coordinates and download all they need into the Maven cache given."""
    import requests  # lazily, as jgo: only the first start on a machine needs them
    from jgo.maven import MavenContext, PythonResolver
    from jgo.parse import Coordinate

    resolver = PythonResolver(progress_callback=_Progress(progress))
    maven = MavenContext(
        resolver=resolver, repo_cache=cache, remote_repos={"central": source}, timeout=FETCH_REQUEST_S_MAX
    )
    wanted = [
        maven.create_dependency(replace(Coordinate.parse(coordinate), scope="compile")) for coordinate in COORDINATES
    ]
    try:
        inputs, transitive = resolver.resolve(wanted)
        needed = [*inputs, *(dependency for dependency in transitive if dependency.scope in ("compile", "runtime"))]
        return [Path(dependency.artifact.resolve()) for dependency in needed]
    except (requests.RequestException, RuntimeError) as error:
        raise BrokerError(
            "the Kafka server's jars cannot be fetched",
            kind="jars_unfetched",
            got=f"{type(error).__name__}: {error}",
            where=source,
            fix=f"check the network and proxy, or set {MAVEN_VARIABLE} to a Maven mirror, or copy the jars' folder of "
            f"another machine and set {JARS_VARIABLE} to it; or name a running Kafka by its bootstrap address",
        ) from error


class _Progress:
    """jgo's callback: called with each file's name and size, gives a context whose value takes the bytes received."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self._bytes = 0
        self._told_mb = 0

    def __call__(self, _name: str, _size: int) -> AbstractContextManager[Callable[[int], None]]:
        return self._file()

    @contextmanager
    def _file(self) -> Iterator[Callable[[int], None]]:
        yield self._received

    def _received(self, count: int) -> None:
        self._bytes += count
        mb = self._bytes // 1_000_000
        if mb >= self._told_mb + PROGRESS_STEP_MB:
            self._told_mb = mb
            self._progress(f"fetched {mb} of {FETCH_MB} MB")


def _check(paths: list[Path], source: str) -> None:
    """Refuse other jars. Of a wrong checksum jgo only warns; running another server than the one proved is worse."""
    digest = jars_digest(paths)
    if digest != JARS_SHA256:
        raise BrokerError(
            "the jars fetched are not the ones this version of Tapedeck was proved with",
            kind="jars_foreign",
            got=digest,
            allowed=JARS_SHA256,
            where=source,
            fix="try again; if it stays so, the mirror serves other files",
        )


def jars_digest(paths: list[Path]) -> str:
    """SHA-256 over the sorted lines ``<sha256> <name>`` of the files."""
    lines = sorted(f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.name}\n" for path in paths)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
