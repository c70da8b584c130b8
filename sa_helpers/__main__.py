"""`python -m sa_helpers`: the same as the command `sa-helpers`."""

import sys

from sa_helpers.commands import main

sys.exit(main())
