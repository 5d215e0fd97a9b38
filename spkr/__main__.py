"""`python -m spkr` is the command `spkr`; torchrun starts it so."""

from spkr.cli import main

main()
