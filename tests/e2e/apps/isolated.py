"""Run a command in a small world of its own: `python -m tests.e2e.apps.isolated COMMAND…`.

It has a network of its own that leads nowhere, in which every port is free and no privilege is
needed for the low ones, and a file of hosts of its own, to which `resolve` adds names. So servers
can stand where the registered environment says, under AWS's names and on AWS's ports, and nothing
outside can be reached by mistake. Linux only, by namespaces; no root is needed, and the command
has none: it runs as user 1000.

https://man7.org/linux/man-pages/man7/namespaces.7.html
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
import tempfile
from pathlib import Path

USER, MOUNTS, NETWORK = 0x10000000, 0x00020000, 0x40000000
BIND, PRIVATE = 0x1000, 0x4000 | 0x40000
SIOCSIFADDR, SIOCSIFFLAGS, UP = 0x8916, 0x8914, 0x1 | 0x40
WHO = 1000
CREDENTIALS = "169.254.170.2"
"""Where ECS hands out a task role's credentials."""

_VARIABLE = "PLUMBLINE_ISOLATED_HOSTS"


def resolve(names: dict[str, str]) -> None:
    """Let each of these names mean an address from now on, for all processes in here."""
    file = os.environ.get(_VARIABLE)
    if file is None:
        raise RuntimeError("this needs a network of its own: run `make e2e-litellm`")
    with open(file, "a", encoding="ascii") as hosts:
        hosts.writelines(f"{address} {name}\n" for name, address in names.items())


def enter() -> None:
    """Leave the machine's network, hosts and users. Raises OSError where the kernel forbids it."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)

    def call(function: str, *arguments: object) -> None:
        if getattr(libc, function)(*arguments):
            number = ctypes.get_errno()
            raise OSError(number, f"{function}: {os.strerror(number)}")

    call("unshare", USER | MOUNTS | NETWORK)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{WHO} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{WHO} {group} 1")
    descriptor, hosts = tempfile.mkstemp(prefix="hosts-")
    os.write(descriptor, b"127.0.0.1 localhost\n")
    os.close(descriptor)
    call("mount", b"none", b"/", None, PRIVATE, None)
    call("mount", hosts.encode(), b"/etc/hosts", None, BIND, None)
    Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")
    _interface(b"lo")
    _interface(b"lo:1", CREDENTIALS)
    os.environ[_VARIABLE] = "/etc/hosts"
    Path(hosts).unlink()  # what is mounted stays


def _interface(name: bytes, address: str = "") -> None:
    """Bring an interface up. https://man7.org/linux/man-pages/man7/netdevice.7.html"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as some:
        if address:
            inet = struct.pack("H2x4s8x", socket.AF_INET, socket.inet_aton(address))
            fcntl.ioctl(some, SIOCSIFADDR, struct.pack("16s16s", name, inet))
        fcntl.ioctl(some, SIOCSIFFLAGS, struct.pack("16sH14x", name, UP))


if __name__ == "__main__":
    try:
        enter()
    except OSError as error:
        sys.exit(
            f"no namespaces here ({error}): this needs Linux with unprivileged user namespaces "
            "(sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces>0; on Ubuntu "
            "kernel.apparmor_restrict_unprivileged_userns=0)"
        )
    os.execvp(sys.argv[1], sys.argv[1:])
