"""Starting a child that cannot outlive us: its own session, a signal at our death, an unprivileged user where asked.

The kernel ties the signal to the thread that started the child, so children are started from the main thread.
"""

import os
import pwd
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

_LAUNCH = """
import ctypes, os, sys
number, parent, uid, gid = map(int, sys.argv[1:5])
os.umask(0o077)
if uid:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
# After the change of user, which clears it. 1 is PR_SET_PDEATHSIG.
ctypes.CDLL(None).prctl(1, number, 0, 0, 0)
if os.getppid() != parent:
    sys.exit("the parent is gone")
os.execve(sys.argv[5], sys.argv[5:], os.environ)
"""
"""Runs between fork and the program: a preexec_fn would run Python in a forked copy of a process with threads."""


@dataclass(frozen=True, slots=True)
class User:
    """An unprivileged user to run as; uid 0 stands for staying who we are."""

    uid: int = 0
    gid: int = 0


def unprivileged() -> User:
    """Give the user that embedded servers run as: nobody when we are root, ourselves otherwise."""
    if os.geteuid() != 0:
        return User()
    found = pwd.getpwnam("nobody")
    return User(found.pw_uid, found.pw_gid)


def spawn(
    argv: Sequence[str],
    environ: Mapping[str, str],
    *,
    death_signal: Signals,
    log: Path | None,
    user: User = User(),
    pass_fds: Sequence[int] = (),
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program by its full path; it gets ``death_signal`` when we die.

    Its output is appended to ``log``, or goes where ours goes when there is none.
    """
    launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(int(death_signal)), str(os.getpid())]
    with nullcontext() if log is None else log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own programs
            [*launch, str(user.uid), str(user.gid), *argv],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=pass_fds,
            cwd=cwd,
        )
