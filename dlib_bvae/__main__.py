"""python -m dlib_bvae <command> …: the same as dlib_bvae_<command> …."""

import sys

from dlib_bvae.commands import COMMANDS, run
from dlib_bvae.errors import unknown
from dlib_bvae.runtime import write_any_text

if __name__ == "__main__":
    write_any_text()
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(f"usage: python -m dlib_bvae COMMAND …, where COMMAND is one of {', '.join(COMMANDS)}")
        sys.exit(0 if len(sys.argv) > 1 else 2)
    if sys.argv[1] not in COMMANDS:
        print(f"python -m dlib_bvae: {unknown('command', sys.argv[1], COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    name = sys.argv.pop(1)
    sys.argv[0] = f"dlib_bvae_{name}"
    run(name)
