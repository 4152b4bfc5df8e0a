"""The process in which code runs: it limits itself, then lets AutoGen's local executor run the blocks.

Started as ``python -I -m sim.stage.adapter.sandbox LIMITS``; the blocks come by standard input, the result goes out
as JSON. Limits set here hold for all that it starts.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
from pathlib import Path

from autogen.coding import CodeBlock, LocalCommandLineCodeExecutor

MEGABYTE = 1024 * 1024
LARGEST_FILE = 100 * MEGABYTE
MOST_OUTPUT = 200_000


def main() -> None:
    """Run the blocks and print what came of it."""
    logging.disable(logging.CRITICAL)
    limits = json.loads(sys.argv[1])
    blocks = [CodeBlock(language=language, code=code) for language, code in json.load(sys.stdin)]
    for what, most in (
        (resource.RLIMIT_AS, limits["memory_mb"] * MEGABYTE),
        (resource.RLIMIT_CPU, limits["seconds"] + 5),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    executor = LocalCommandLineCodeExecutor(timeout=limits["seconds"], work_dir=Path(limits["folder"]))
    try:
        result = executor.execute_code_blocks(blocks)
        found = {"exit": result.exit_code, "output": result.output[-MOST_OUTPUT:]}
    except (ValueError, OSError, UnicodeError) as error:
        found = {"exit": 1, "output": str(error)}
    except MemoryError:
        found = {"exit": 137, "output": "the memory limit was reached"}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
