"""Boards are drawn quickly: their figures are PNG alone, but where these are tested."""

import pytest


@pytest.fixture(autouse=True)
def figures(request):
    if request.path.name != "test_figures.py":
        request.getfixturevalue("png_alone")
