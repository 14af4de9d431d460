"""`python -m nlpseq` is `nlpseq`; launchers of several processes want a module: `torchrun ... -m nlpseq`."""

import sys

from nlpseq.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
