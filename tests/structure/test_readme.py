"""README says what is so: settings, commands, links."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.structure import settings_table

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT) for folder in (".", "docs", "k8s") for path in (ROOT / folder).glob("*.md")
)


def test_the_table_of_settings_is_current() -> None:
    assert settings_table.written() == settings_table.table()


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / document).read_text())
    assert [link for link in links if not (ROOT / document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_make_targets_in_documents_exist(document: Path) -> None:
    named = set(
        re.findall(r"^make ([a-z0-9-]+)|`make ([a-z0-9-]+)", (ROOT / document).read_text(), re.MULTILINE)
    )
    for target in sorted(a or b for a, b in named):
        asked = subprocess.run(
            ["make", "--dry-run", "--question", target], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert "No rule" not in asked.stderr, f"{document} names make {target}"
