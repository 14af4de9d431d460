"""Entry point of `python -m nlpseq`, which launchers need: `torchrun ... -m nlpseq run ...`."""

import sys

from nlpseq.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
