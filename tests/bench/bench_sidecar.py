"""What a sidecar costs while there is nothing to do: resident memory, CPU, and how soon it is ready.

Then the same of one that serves a fleet. Sizes: SECONDS (60) of idling, DATABASES (20) of the fleet.
"""

from __future__ import annotations

import os
import re
import socket
import tempfile
import time
from pathlib import Path

from scripts.build import build
from tests.sidecar.process import Sidecar
from tests.support.cluster import Cluster
from tests.support.fake_telegram import FakeTelegram

SECONDS = float(os.environ.get("SECONDS", "60"))
DATABASES = int(os.environ.get("DATABASES", "20"))
MEMORY_AIM, CPU_AIM = 60, 0.1
FLEET_MEMORY_AIM = 80


def main() -> None:
    """Starts it as it is installed, with the default settings, and lets it idle."""
    build()
    with tempfile.TemporaryDirectory() as directory, Cluster() as cluster, FakeTelegram() as telegram:
        names = [f"bot_{number}" for number in range(1, DATABASES + 1)]
        for name in names:
            cluster.create_database(name)
            cluster.execute("CREATE EXTENSION ghostwatch", name)
            cluster.execute("SELECT ghostwatch.add_channel('admins', 1)", name)
        idle(Path(directory), telegram, [cluster.dsn(names[0])], MEMORY_AIM)
        idle(Path(directory), telegram, [cluster.dsn(name) for name in names], FLEET_MEMORY_AIM)


def idle(directory: Path, telegram: FakeTelegram, databases: list[str], memory_aim: int) -> None:
    """One process that serves these databases."""
    file = directory / "databases"
    file.write_text("\n".join(databases), encoding="utf-8")
    file.chmod(0o600)
    address = directory / f"notify-{len(databases)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(address))
        begun = time.monotonic()
        environment = telegram.environment | {"NOTIFY_SOCKET": str(address), "GHOSTWATCH_DSN_FILE": str(file)}
        with Sidecar("", directory / f"log-{len(databases)}", environment) as sidecar:
            supervisor.recv(100)
            ready = time.monotonic() - begun
            sidecar.wait_until_it_says("NOTIFY wakes", len(databases))
            # The first turns load what later ones only use.
            time.sleep(5)
            used = cpu_seconds(sidecar.process.pid)
            time.sleep(SECONDS)
            used = cpu_seconds(sidecar.process.pid) - used
            memory = resident_mib(sidecar.process.pid)
    print(f"an idle sidecar of {len(databases)}, over {SECONDS:g} s:")
    print(f"{'resident memory':18}{memory:8.1f} MiB   (aim: {memory_aim} at most)")
    print(f"{'CPU':18}{used / SECONDS * 100:8.3f} % of a core   (aim: {CPU_AIM * len(databases):g} at most)")
    print(f"{'ready after':18}{ready:8.2f} s")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    assert match is not None
    return int(match[1]) / 1024


if __name__ == "__main__":
    main()
