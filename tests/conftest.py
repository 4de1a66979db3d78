"""Hypothesis without its clock: nothing here is timed, least of all on a busy machine. And a device for
machines that have none.
"""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def emulated_library():
    """The CUDA kernels compiled for the processor; see emulator/device.py."""
    from emulator.device import compiled
    from stillwave.runtime.errors import BackendError

    try:
        return compiled()
    except BackendError as error:
        pytest.skip(str(error))


@pytest.fixture
def emulated(emulated_library):
    """An emulated device, not a GPU, of which nothing may be left open."""
    from emulator.device import EmulatedDevice

    device = EmulatedDevice(emulated_library)
    yield device
    assert not device.blocks, "device memory was left allocated"
