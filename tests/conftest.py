"""Hypothesis without its clock, for nothing here is timed, least of all on a busy machine, and with the same examples
everywhere: what passed passes again. And a device for machines that have none.
"""

import ctypes

import pytest
from emulator.device import EmulatedDevice, compiled_kernels
from hypothesis import HealthCheck, settings

from stillwave.runtime.errors import BackendError

settings.register_profile("repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def emulated_path(tmp_path_factory):
    """The CUDA kernels compiled for the processor; see emulator/device.py."""
    path = tmp_path_factory.mktemp("emulator") / "kernels.so"
    try:
        compiled_kernels(path)
    except BackendError as error:
        pytest.skip(str(error))
    return path


@pytest.fixture(scope="session")
def emulated_library(emulated_path):
    return ctypes.CDLL(str(emulated_path))


@pytest.fixture
def emulated(emulated_library):
    """An emulated device, not a GPU, of which nothing may be left open."""
    device = EmulatedDevice(emulated_library)
    yield device
    assert not device.blocks, "device memory was left allocated"
