"""Start the native program that this script stands for.

The program lies beside the packages, where it has a fixed path to its libraries; installers put scripts elsewhere.
"""

import os
import sys
import sysconfig

PROGRAM = "@PROGRAM@"


def find(program: str) -> str:
    """Return the path of the program: around this script (pip install --target), in the folders of this interpreter, or on its search path."""
    above = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders = [above, sysconfig.get_path("platlib"), *sys.path]
    for folder in folders:
        path = os.path.join(folder, program)
        if os.path.isfile(path):
            return path
    sys.exit(f"{program} was not found below any of {', '.join(folders)}: is the package installed for this Python?")


if __name__ == "__main__":
    path = find(PROGRAM)
    os.execv(path, [path, *sys.argv[1:]])
