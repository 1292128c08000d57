"""Refactor a single-file FastAPI app into a package, and prove that nothing has changed.

Reading order: `small` is the table of contents; `survey` and `kinds` read MAIN, `plan` finds homes,
`tree` writes them with the `rewrites`, `verify` judges old against new by what `probe` sees.
"""

__version__ = "0.1.0"
