"""Where a device's kernels come from."""

import sys
from pathlib import Path

import pytest

from stillwave.kernels import cuda
from stillwave.runtime import BackendError
from stillwave.runtime.device import kernel_image
from stillwave.runtime.device.kernel_image import compiled, sources
from stillwave.runtime.engine_cache import EngineCache, EngineKey


@pytest.fixture
def cache(tmp_path):
    return EngineCache(tmp_path / "engines")


@pytest.fixture
def without_fatbin(monkeypatch):
    monkeypatch.setattr(cuda, "FATBIN", "none.fatbin")


def test_the_fatbin_that_was_built_is_taken(monkeypatch, tmp_path, cache):
    monkeypatch.setattr(sys.modules["stillwave.kernels"], "__path__", [str(tmp_path)])
    name = kernel_image.made_of().encode()
    (tmp_path / cuda.FATBIN).write_bytes(b"built of " + name)
    texts = sources()
    monkeypatch.setattr(kernel_image, "sources", lambda: texts)
    assert kernel_image.kernel_image(87, cache) == b"built of " + name


def test_the_installed_fatbin_is_of_these_sources():
    folders = sys.modules["stillwave.kernels"].__path__
    found = [path for folder in folders if (path := Path(folder, cuda.FATBIN)).is_file()]
    if not found:
        pytest.skip("installed without nvcc")
    assert kernel_image.made_of().encode() in found[0].read_bytes()


def test_a_fatbin_of_other_sources_is_not_taken(monkeypatch, tmp_path, cache):
    """As in an editable install whose sources were changed since."""
    texts = sources()
    monkeypatch.setattr(kernel_image, "sources", lambda: texts)
    monkeypatch.setattr(kernel_image, "_key", lambda capability: EngineKey("kernels", "", "", "", "", "", (87,), ""))
    monkeypatch.setattr(kernel_image, "compiled", lambda capability: b"compiled")
    monkeypatch.setattr(sys.modules["stillwave.kernels"], "__path__", [str(tmp_path)])
    (tmp_path / cuda.FATBIN).write_bytes(b"built of stillwave_sources_0")
    assert kernel_image.kernel_image(87, cache) == b"compiled"


def test_otherwise_it_is_compiled_once_and_kept(monkeypatch, without_fatbin, cache):
    pytest.importorskip("cuda.bindings.nvrtc", reason="needs cuda-bindings and NVRTC")
    first = kernel_image.kernel_image(87, cache)
    assert b"stillwave_splat_gather" in first
    monkeypatch.setattr(kernel_image, "compiled", None)
    assert kernel_image.kernel_image(87, cache) == first
    with pytest.raises(TypeError):  # another device's would be compiled
        kernel_image.kernel_image(90, cache)
    monkeypatch.setattr(kernel_image, "sources", lambda: {**sources(), "frame.cu": b"changed"})
    with pytest.raises(TypeError):  # other sources, too
        kernel_image.kernel_image(87, cache)


def test_sources_are_what_the_module_includes():
    texts = sources()
    assert cuda.SOURCE in texts
    lines = [line for text in texts.values() for line in text.splitlines() if line.startswith(b'#include "')]
    included = {line.split(b'"')[1].decode() for line in lines}
    # what is for the host alone is left out of a wheel
    assert {name for name in included if not name.endswith(("_host.h", "pool.h"))} <= texts.keys()
    assert Path(cuda.source_folder(), cuda.SOURCE).is_file()


def test_a_device_too_new_is_said(without_fatbin):
    pytest.importorskip("cuda.bindings.nvrtc", reason="needs cuda-bindings and NVRTC")
    with pytest.raises(BackendError, match=r"could not compile the kernels for sm_999: .*arch.*; install an nvidia"):
        compiled(999)


def test_without_nvrtc_the_remedy_is_named(monkeypatch, without_fatbin, cache):
    monkeypatch.setitem(sys.modules, "cuda.bindings.nvrtc", None)
    with pytest.raises(BackendError, match=r"no NVRTC to compile them .*pip install 'stillwave\[gpu\]'"):
        kernel_image.kernel_image(87, cache)
