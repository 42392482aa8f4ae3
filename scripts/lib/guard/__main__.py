"""What scripts/guard runs, and ctest."""

import pathlib
import sys

sys.dont_write_bytecode = True
LIB = pathlib.Path(__file__).resolve().parent.parent
sys.path[0] = str(LIB)

from guard.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(LIB.parent.parent))
