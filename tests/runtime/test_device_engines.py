"""Which engine a device is given: the one for its sizes, the one for a range, or one built now."""

from types import SimpleNamespace

import pytest

from stillwave.runtime.device import engines as device_engines
from stillwave.runtime.device.engines import built, engine_key, timing_key
from stillwave.runtime.engine_cache import EngineCache
from stillwave.runtime.errors import BackendError
from stillwave.runtime.profile import fixed
from stillwave.runtime.trt_library import TrtLibrary

NETWORK = b"onnx"
PROFILE = {"h": (3, 5, 16)}
GPU = SimpleNamespace(name="NVIDIA Test 1000", compute_capability=89, index=0)
ORIN = SimpleNamespace(name="Orin", compute_capability=87, index=1)
STANDARD = TrtLibrary("tensorrt", SimpleNamespace(__version__="10.3.0"))
OFFERED = SimpleNamespace(NONE=0, CURRENT=1, SM86=86, SM89=89, SM120=120)
RTX = TrtLibrary("tensorrt-rtx", SimpleNamespace(__version__="1.7", ComputeCapability=OFFERED))


@pytest.fixture
def cache(tmp_path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


@pytest.fixture
def requests(monkeypatch):
    """What was asked of the builder, which answers with what it was asked for."""
    asked = []

    def build(request, network, told=None):
        asked.append(request)
        return f"engine {len(asked)}".encode(), b"timings"

    monkeypatch.setattr(device_engines, "build", build)
    return asked


def key_of(library, device=None, targets=(), network=NETWORK, profile=PROFILE):
    return engine_key(library, network, "pyramid", "fp16", profile, device, targets)


def test_targets_are_those_the_library_names() -> None:
    assert RTX.targets() == (86, 89, 120)
    assert STANDARD.targets() == ()


def test_standard_engines_are_a_devices_own() -> None:
    key = key_of(STANDARD, GPU)
    assert (key.device, key.capabilities, key.version) == ("NVIDIA Test 1000", (89,), "10.3.0")
    assert key != key_of(STANDARD, SimpleNamespace(**{**vars(GPU), "name": "NVIDIA Test 2000"}))


def test_rtx_engines_serve_a_capability_that_it_names_and_else_a_device() -> None:
    assert (key_of(RTX, GPU).device, key_of(RTX, GPU).capabilities) == ("", (89,))
    assert (key_of(RTX, ORIN).device, key_of(RTX, ORIN).capabilities) == ("Orin", (87,))
    assert key_of(RTX, targets=(86, 89)).serves(key_of(RTX, GPU))
    assert not key_of(RTX, targets=(86, 89)).serves(key_of(RTX, ORIN))


def test_another_network_or_profile_is_another_key() -> None:
    assert key_of(RTX, GPU) != key_of(RTX, GPU, network=b"other")
    assert key_of(RTX, GPU) != key_of(RTX, GPU, profile=fixed({"h": 5}))


def test_built_once(cache, requests) -> None:
    for _ in range(2):
        assert built(cache, STANDARD, key_of(STANDARD, GPU), NETWORK, PROFILE, workspace_bytes=1 << 20) == b"engine 1"
    (request,) = requests
    assert (request.backend, request.name, request.profile) == ("tensorrt", "pyramid", PROFILE)
    assert (request.targets, request.workspace_bytes, request.timing) == ((), 1 << 20, b"")


def test_timings_of_a_device_serve_its_next_build(cache, requests) -> None:
    first, second = key_of(STANDARD, GPU), key_of(STANDARD, GPU, network=b"other")
    built(cache, STANDARD, first, NETWORK, PROFILE)
    assert cache.find(timing_key(first)) == b"timings"
    built(cache, STANDARD, second, b"other", PROFILE)
    assert requests[1].timing == b"timings"
    built(cache, STANDARD, key_of(STANDARD, ORIN), NETWORK, PROFILE, device=1)
    assert (requests[2].timing, requests[2].device) == (b"", 1)


def test_ahead_of_time_is_for_targets_and_times_nothing(cache, requests) -> None:
    key = key_of(RTX, targets=(86, 89))
    built(cache, RTX, key, NETWORK, PROFILE)
    assert requests[0].targets == (86, 89)
    assert cache.find(timing_key(key)) is None
    assert built(cache, RTX, key_of(RTX, GPU), NETWORK, PROFILE) == b"engine 1"  # finds it


def test_failed_build_keeps_nothing(cache, monkeypatch) -> None:
    def fail(*_):
        raise BackendError("killed")

    monkeypatch.setattr(device_engines, "build", fail)
    with pytest.raises(BackendError):
        built(cache, RTX, key_of(RTX, GPU), NETWORK, PROFILE)
    assert cache.headers() == []


class TestOpen:
    @pytest.fixture
    def engines(self, cache, monkeypatch, requests):
        monkeypatch.setattr(device_engines, "trt_library", lambda backend: RTX)
        monkeypatch.setattr("stillwave.runtime.trt_engine.TrtEngine", lambda *arguments: arguments)
        return device_engines.DeviceEngines("tensorrt-rtx", GPU, None, cache)

    def test_engine_for_a_range_serves_sizes_within_it(self, engines, requests) -> None:
        for h in (3, 16):
            assert engines.open(NETWORK, "pyramid", {"h": h}, "fp16", PROFILE)[1] == b"engine 1"
        assert [request.profile for request in requests] == [PROFILE]

    def test_sizes_outside_the_range_get_their_own(self, engines, requests) -> None:
        engines.open(NETWORK, "pyramid", {"h": 17}, "fp16", PROFILE)
        engines.open(NETWORK, "pyramid", {"h": 5}, "fp16")
        assert [request.profile for request in requests] == [fixed({"h": 17}), fixed({"h": 5})]

    def test_engine_for_just_these_sizes_comes_first(self, engines, cache) -> None:
        cache.keep(key_of(RTX, GPU), b"for a range")
        cache.keep(key_of(RTX, GPU, profile=fixed({"h": 5})), b"for this")
        assert engines.open(NETWORK, "pyramid", {"h": 5}, "fp16", PROFILE)[1] == b"for this"
        assert engines.open(NETWORK, "pyramid", {"h": 6}, "fp16", PROFILE)[1] == b"for a range"


def test_onnx_runtime_stays_within_the_animators_budget(monkeypatch) -> None:
    """By the provider asked for: CUDA's, unless it is TensorRT's."""
    ort_cuda_engine = pytest.importorskip("stillwave.runtime.ort_cuda_engine", reason="needs ONNX Runtime")
    monkeypatch.setattr(ort_cuda_engine, "OrtCudaEngine", lambda *_, **options: options)
    opened = device_engines.DeviceEngines("cuda", GPU, None, memory_limit=1 << 28).open(NETWORK, "pyramid", {}, "fp16")
    assert opened == {"memory_limit": 1 << 28, "provider": ort_cuda_engine.CUDA}
    engines = device_engines.DeviceEngines("cuda", GPU, None, provider=ort_cuda_engine.TENSORRT)
    assert engines.open(NETWORK, "pyramid", {}, "fp16")["provider"] == ort_cuda_engine.TENSORRT
