"""One short script per DVC stage: read params and files, call the library, write files."""

import logging
import sys
from collections.abc import Callable
from typing import NoReturn

from rostfine.errors import RostfineError


def run(main: Callable[[], None]) -> NoReturn:
    """Run a stage; a failure that rostfine knows ends in its own lines and exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        main()
    except RostfineError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, a folder that may not be written to
        sys.stderr.write(f"{error.filename or 'the workspace'}: {error.strerror or error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; run it again to go on\n")
        sys.exit(130)
    sys.exit(0)
