"""Lets `python -m ghostwatch` do what the command does."""

import sys

from ghostwatch.cli import main

sys.exit(main())
