"""What acts pages out does what they say."""

from __future__ import annotations

import pytest
from acting import act

PAGE = """# Add something

New file `src/finq_predictor/domain/thing.py`:

```python
THING = 1
```

In `README.md`, below `# finq_predictor`, one line:

```text
A second line.
```

In `pyproject.toml`, instead of `name = "finq-predictor"`:

```toml
name = "other"
```

At the end of `README.md`:

```text
The end.
```

Then:

```bash
.venv/bin/python -c "from finq_predictor.domain.thing import THING; print(THING)"
```
"""


def test_a_page_is_acted_out(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    acted = act(page, tmp_path / "copy")
    assert acted.touched == ["src/finq_predictor/domain/thing.py", "README.md", "pyproject.toml"]
    readme = (acted.folder / "README.md").read_text().splitlines()
    assert readme[:2] == ["# finq_predictor", "A second line."]
    assert readme[-1] == "The end."
    project = (acted.folder / "pyproject.toml").read_text()
    assert 'name = "other"' in project
    assert 'name = "finq-predictor"' not in project
    (command,) = acted.commands
    assert acted.run(command).stdout == "1\n"


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("New file `README.md`:\n\n```text\nx\n```\n", "is not new"),
        ("In `README.md`, below `nothing like it`:\n\n```text\nx\n```\n", "has no line"),
        ("Somewhere:\n\n```python\nx = 1\n```\n", "does not place"),
    ],
)
def test_a_page_that_cannot_be_followed_is_found(tmp_path, page, complaint):
    (tmp_path / "page.md").write_text(page)
    with pytest.raises(AssertionError, match=complaint):
        act(tmp_path / "page.md", tmp_path / "copy")
