"""One parent of worker processes for all the store's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from store_workers import Workers


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Starts processes that are up in milliseconds."""
    parent = Workers(tmp_path_factory.mktemp("workers"))
    yield parent
    parent.close()
