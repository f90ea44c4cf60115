"""`python -m rlsel` is `rlsel`."""

from rlsel.cli import main

main()
