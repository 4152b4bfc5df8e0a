"""The command line: a thin layer over the library, and the one place where errors become messages."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sim.cli import (  # noqa: F401 - they add their commands to the app
    auditing,
    checking,
    comparing,
    costing,
    creating,
    developing,
    drawing,
    exporting,
    forking,
    listing,
    modelling,
    personas,
    reading,
    resuming,
    running,
    schemas,
    stats,
    sweeping,
    testing,
    verifying,
)
from sim.cli.app import app
from sim.errors import ModelError, SimError


def main() -> None:
    """Run the command line; errors end it with a message and an exit code.

    0 done, 1 the answer is no, 2 bad input or usage, 3 a model failed, 130 interrupted.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed from the beginning: then nobody reads
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        app()
    except ModelError as error:
        _tell(error)
        sys.exit(3)
    except SimError as error:
        _tell(error)
        sys.exit(2)
    except RecursionError:
        sys.stderr.write("sim: what was read is nested too deep\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was logged stays\n")
        sys.exit(130)
    except OSError as error:
        sys.stderr.write(f"sim: cannot write the output: {error.strerror}\n")
        sys.exit(2)


def _tell(error: SimError) -> None:
    from sim.world.kinds import CONTROL  # noqa: PLC0415 - not needed unless something went wrong

    lines = [CONTROL.sub("", line) for line in str(error).splitlines()]
    sys.stderr.write("".join(f"{'' if i else 'sim: '}{line}\n" for i, line in enumerate(lines)))
