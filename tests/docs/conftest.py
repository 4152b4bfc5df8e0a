"""What the tests of the site share: the site, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.tool import site


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site in both languages; read it, never change it."""
    out = tmp_path_factory.mktemp("built") / "site"
    assert site.build(out) == 0
    return out
