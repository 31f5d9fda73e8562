"""Let this environment use the packages of another one, which come after its own: `borrow.py PYTHON_OF_THE_OTHER`."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

ASK = "import sysconfig; print(sysconfig.get_path('purelib'))"


def main() -> None:
    """Write the file by which Python finds them."""
    other = subprocess.run([sys.argv[1], "-c", ASK], capture_output=True, text=True, check=True).stdout.strip()
    # As a folder of packages of its own right, so that what is installed there for editing is found as well.
    line = f"import site; site.addsitedir({other!r})\n"
    Path(sysconfig.get_path("purelib"), "borrowed.pth").write_text(line, encoding="utf-8")


if __name__ == "__main__":
    main()
