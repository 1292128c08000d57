"""Whatever the code looks like, it moves letter for letter, with its comments."""

from __future__ import annotations

import tempfile
from pathlib import Path

from conftest import grow_trusting
from hypothesis import given, settings
from hypothesis import strategies as st

HEAD = "from fastapi import FastAPI\nfrom pydantic import BaseModel\n"
words = st.text("abc xyz'\"{}#", max_size=12).map(str.strip)
KINDS = ["constant", "class", "function", "route"]
gaps = st.sampled_from(["", "\n", "\n\n", "\n\n\n"])


@st.composite
def fragments(draw) -> list[tuple[str, str]]:
    """Statements of an app in any order: the text, and the part of it that must stay as it is."""
    made = []
    for number in range(draw(st.integers(2, 9))):
        comment, kind = draw(words), draw(st.sampled_from(KINDS))
        above = f"# {comment}\n" if draw(st.booleans()) else ""
        if kind == "constant":
            text = f"{above}LIMIT{number}   =  ( {number},)  # {comment}\n"
        elif kind == "class":
            text = (
                f"{above}class Model{number}( BaseModel ):\n    # {comment}\n    x:int={number}\n"
            )
        elif kind == "function":
            text = f"{above}def work{number}( a,b = {number} ):  # {comment}\n\treturn (a ,b)\n"
        else:
            body = f"def route{number}(  ) -> int :\n    '''{number}'''\n    return  {number}\n"
            path = draw(st.sampled_from(["users", "shops"]))
            made.append((f"{above}@app.get('/{path}/{number}')\n{body}", body))
            continue
        made.append((text, text))
    return made


@settings(max_examples=25, deadline=None)
@given(fragments(), st.lists(gaps, min_size=10, max_size=10))
def test_statements_move_letter_for_letter(statements, spaces):
    text = HEAD + "app = FastAPI()\n"
    text += "".join(
        gap + statement for gap, (statement, _) in zip(spaces, statements, strict=False)
    )
    with tempfile.TemporaryDirectory() as folder:
        main = Path(folder, "main.py")
        main.write_text(text)
        files = grow_trusting(main).files or {"main.py": text}
    for _statement, kept in statements:
        assert sum(kept in written for written in files.values()) == 1
