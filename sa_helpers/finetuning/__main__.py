"""`python -m sa_helpers.finetuning`."""

import sys

from sa_helpers.finetuning.command_line import main

sys.exit(main())
