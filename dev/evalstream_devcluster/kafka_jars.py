"""Apache Kafka's jars: found in the cache, or fetched once through Maven."""

from __future__ import annotations

import functools
import os
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from evalstream_devcluster.kafka_process import KafkaDevError, locked, run

POM = Path(__file__).with_name("kafka-pom.xml")
#: For a tool that ends within a second: to compile well what it does takes longer than to do it.
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
JAVA_NEEDED = 17
DOWNLOAD_SECONDS = 900

_JAVA_HINT = (
    f"Kafka needs Java {JAVA_NEEDED} or newer. Install it (Debian, Ubuntu: apt install openjdk-17-jre-headless; "
    "Fedora: dnf install java-17-openjdk-headless; macOS: brew install openjdk@17), "
    "then put it on the PATH or set JAVA_HOME."
)
_MAVEN_HINT = (
    "Kafka's jars are fetched through Maven, and there is no `mvn` on the PATH. Install it "
    "(Debian, Ubuntu: apt install maven; Fedora: dnf install maven; macOS: brew install maven). "
    "It is needed once only."
)
_DOWNLOAD_HINT = (
    "Maven could not fetch Kafka's jars. Look at the network, and at the proxy and mirror in Maven's settings.xml; "
    "then try again. Maven said:"
)


def kafka_version() -> str:
    """Return the version of Apache Kafka that the pom pins."""
    pinned = re.search(r"<kafka\.version>(.+?)</", POM.read_text(encoding="utf-8"))
    assert pinned, "kafka-pom.xml pins kafka.version"
    return pinned[1]


def jars_directory(home: Path) -> Path:
    """Return where the jars of the pinned version are, or will be after `install`."""
    return home.absolute() / f"jars-{kafka_version()}"


def install(home: Path) -> Path:
    """Fetch Kafka's jars unless they are there already.

    Two processes may call it at once: the second waits for the first. A download that is cut off leaves nothing
    behind that could be taken for a whole one.

    Parameters
    ----------
    home
        The folder that keeps the jars of each version; made if missing.

    Returns
    -------
    Path
        The folder of the jars.

    Raises
    ------
    KafkaDevError
        There is no Maven, or it could not fetch the jars.
    """
    jars = jars_directory(home)
    if not jars.is_dir():
        jars.parent.mkdir(parents=True, exist_ok=True)
        with locked(jars.parent / "install.lock"):
            if not jars.is_dir():
                _download(jars)
    return jars


def _download(jars: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaDevError(_MAVEN_HINT)
    java_tool("java")
    with TemporaryDirectory(dir=jars.parent, prefix="arriving-") as directory:
        arriving = Path(directory, "jars")
        command = [maven, "--batch-mode", "--no-transfer-progress", "--quiet", "--strict-checksums"]
        command += ["--file", str(POM), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={arriving}"]
        environment = {"MAVEN_OPTS": " ".join(SHORT_LIVED), **os.environ}
        result = run(command, timeout=DOWNLOAD_SECONDS, environment=environment)
        if result.returncode:
            # Without its advice on how to run Maven.
            reasons = re.findall(r"\[ERROR\] (?!To see|Re-run|For more|\[Help)(\S.*)", result.stdout)
            raise KafkaDevError("\n".join([_DOWNLOAD_HINT, *(reasons or [result.stdout + result.stderr])]))
        arriving.rename(jars)


def java_tool(name: str) -> str:
    """Return the path of `java`, or of a tool beside it such as `keytool`, from $JAVA_HOME or the PATH.

    Raises
    ------
    KafkaDevError
        It is missing or too old.
    """
    java_home = os.environ.get("JAVA_HOME")
    path = shutil.which(name, path=str(Path(java_home, "bin"))) if java_home else shutil.which(name)
    if path is None:
        raise KafkaDevError(f"There is no `{name}` in {java_home or 'the PATH'}. {_JAVA_HINT}")
    if name == "java":
        _require_recent(path)
    return path


def archive_file(jars: Path) -> Path:
    """Return where the classes that a broker loads are, or will be, as the Java in use has once loaded them.

    Parameters
    ----------
    jars
        Without symbolic links: an archive is of classes at one place.
    """
    return jars.parent / f"{jars.name}-java-{_version(java_tool('java'))}.jsa"


def _require_recent(java: str) -> None:
    version = _version(java)
    number = re.match(r"\d+", version)
    if number is None or int(number[0]) < JAVA_NEEDED:
        raise KafkaDevError(f"{java} is {'too old' if version else 'not a Java'}. {_JAVA_HINT}")


@functools.cache
def _version(java: str) -> str:
    """Return the version of a Java; macOS ships a `java` that only says there is none, and so has none."""
    said = re.search(r'version "([\w.+-]+)"', run([java, "-version"]).stderr)
    return said[1] if said else ""
