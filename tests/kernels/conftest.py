import functools
from collections.abc import Iterator

import pytest

from stillwave.kernels import _library


# Module scope: a test with many Hypothesis examples needs the choice once.
@pytest.fixture(scope="module", params=[*_library.available(), "reference"])
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test once for every instruction set this machine has, and for the reference."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_library, "kernels", functools.partial(_library.kernels, request.param))
        yield request.param
