"""Fixtures of the runtime's tests: a photo with something to move, and the embedded bundle's animator."""

import shutil
from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A smooth random picture with fine detail, uint8 (96, 160, 3)."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:96, 0:160] / 16
    smooth = np.stack([np.sin(x * a + b) * np.cos(y * c) for a, b, c in rng.uniform(0.3, 1.5, (3, 3))], 2)
    return (120 + 70 * smooth + rng.normal(0, 8, (96, 160, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def swaying() -> np.ndarray:
    """A motion of the photo's middle, (4, 4, 48, 80) px of its grid; the left third never moves."""
    volume = np.zeros((4, 4, 48, 80), np.float32)
    y, x = np.mgrid[0:48, 0:80]
    volume[1, 1] = volume[2, 2] = 0.8 * np.exp(-(((x - 52) / 10) ** 2) - ((y - 24) / 9) ** 2)
    volume[:, :, :, :36] = 0
    return volume


@pytest.fixture(scope="session")
def animator() -> Iterator:
    from stillwave.runtime import Animator

    with Animator(backend="cpu") as opened:
        yield opened


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Headless Chromium, drawing without a GPU; tests that ask for it are skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright; pip install playwright")
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    arguments = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_api.sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=next(filter(None, found), None), args=arguments)
        except sync_api.Error as error:
            pytest.skip(f"needs Chromium; apt install chromium ({error.message.splitlines()[0]})")
        yield opened
        opened.close()


@pytest.fixture
def on_device(emulated, monkeypatch):
    """An animator on the emulated device."""
    from emulator.device import HostEngines

    from stillwave.runtime import Animator
    from stillwave.runtime.device import contract as device
    from stillwave.runtime.device import stages as device_stages

    monkeypatch.setattr(device, "open_device", lambda: emulated)
    monkeypatch.setattr(device_stages, "kernel_image", lambda capability: b"")
    monkeypatch.setattr(device_stages, "DeviceEngines", HostEngines)
    with Animator(backend="cuda") as animator:
        yield animator
