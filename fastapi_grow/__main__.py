"""`python -m fastapi_grow`."""

import sys

from fastapi_grow.cli import main

sys.exit(main())
