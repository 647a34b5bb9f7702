"""The program of a worker process of `sshbench.results.workers`."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from sshbench.errors import SshbenchError
from sshbench.whole_file import end_at_once

CUT_OFF = 91  # exit code of a process whose method closed the connection


def main(connection: int, alive: int) -> None:
    """Process the tasks from a connection until it is closed.

    Parameters
    ----------
    connection
        The file descriptor of this process's end of a pipe. The process receives tasks, and sends `("step", ...)`,
        `("told", ...)`, `("done", ...)`, `("unread", ...)` and `("raised", ...)`.
    alive
        The file descriptor of a pipe that closes when the parent process ends; this process then ends, too.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end_at_once)
    threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()
    parent = Connection(connection)

    def report(step: Any) -> None:
        parent.send(("step", step))

    try:
        first = parent.recv_bytes()
        try:
            start, args, work = pickle.loads(first)
        except Exception as error:  # such as data that refer to a variable of the user's script
            parent.send(("unread", f"{type(error).__name__}: {error}"))
            parent.recv_bytes()
        state, told = start(*args, report)
        parent.send(("told", told))
        while True:
            task = pickle.loads(parent.recv_bytes())
            parent.send(("done", work(state, task, report)))
    except EOFError:
        code = 0
    except Exception as error:
        code = 1
        try:
            parent.send(("raised", _sendable(error)))
            parent.recv_bytes()  # waits until the parent has received the error
        except (OSError, EOFError):
            code = CUT_OFF
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads that a method left running do not delay the exit


def _end_with_parent(alive: int) -> None:
    os.read(alive, 1)
    end_at_once()


def _sendable(error: Exception) -> Exception:
    """Return the error, or a general error with its text if the parent process does not know its class."""
    known = type(error).__module__.partition(".")[0] in ("builtins", "sshbench")
    try:
        if known and type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    except Exception:  # an error's own pickling may raise any error
        known = False
    return SshbenchError(str(error)) if isinstance(error, SshbenchError) else RuntimeError(repr(error))
