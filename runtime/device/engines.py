"""The networks of a bundle on a device: from the cache of engines, built where it has none."""

import hashlib
import logging
from collections.abc import Mapping

from ..engine import DEVICE_BACKENDS
from ..engine_builder import BuildRequest, Told, build
from ..engine_cache import EngineCache, EngineKey
from ..errors import BackendError
from ..profile import Profile, fixed, holds, text_of
from ..trt_library import TrtLibrary, trt_library
from .contract import Device, DeviceEngine, Stream

logger = logging.getLogger(__name__)

WORKSPACE_BYTES = 512 * 2**20  # most that a layer may use as scratch, and what a builder may take for it


class DeviceEngines:
    """Opens networks on one device, in one stream, by one backend.

    backend   "tensorrt" or "tensorrt-rtx"; "cuda": ONNX Runtime
    provider  of ONNX Runtime's, see ort_cuda_engine.py; TensorRT's builds in this process, every time
    memory_limit  bytes of the device that ONNX Runtime may take for a network
    """

    def __init__(
        self,
        backend: str,
        device: Device,
        stream: Stream,
        cache: EngineCache | None = None,
        provider: str = "CUDAExecutionProvider",
        memory_limit: int = 2**30,
    ):
        if backend not in DEVICE_BACKENDS:
            raise BackendError(f"no {backend} on a device; choose one of {', '.join(DEVICE_BACKENDS)}")
        self.backend, self.device, self.stream, self.provider = backend, device, stream, provider
        self.memory_limit = memory_limit
        self.cache = cache or EngineCache()
        self.trt = None if backend == "cuda" else trt_library(backend)

    def open(
        self,
        network: bytes,
        name: str,
        sizes: Mapping[str, int],
        precision: str,
        profile: Profile | None = None,
        told: Told | None = None,
    ) -> DeviceEngine:
        """The network at these sizes, of all its symbols. The caller has verified its bytes.

        profile  of an engine for more sizes than these, see profile.py; built where neither is there
        """
        if self.trt is None:
            from ..ort_cuda_engine import OrtCudaEngine

            where = self.device, self.stream
            return OrtCudaEngine(network, name, sizes, *where, memory_limit=self.memory_limit, provider=self.provider)
        from ..trt_engine import TrtEngine

        exact = fixed(sizes)
        profile = profile if profile is not None and holds(profile, sizes) else exact
        key = engine_key(self.trt, network, name, precision, profile, self.device)
        engine = self.cache.find(engine_key(self.trt, network, name, precision, exact, self.device))
        if engine is None:
            engine = built(self.cache, self.trt, key, network, profile, told=told, device=self.device.index)
        return TrtEngine(self.trt, engine, network, name, sizes)


def engine_key(
    library: TrtLibrary,
    network: bytes,
    name: str,
    precision: str,
    profile: Profile,
    device: Device | None = None,
    targets: tuple[int, ...] = (),
) -> EngineKey:
    """What an engine for this device, or ahead of time for these targets, is kept under.

    TensorRT-RTX makes its kernels on the GPU, so that its engine serves every GPU of a capability it offers.
    """
    if device is not None:
        capability = device.compute_capability
        is_portable, targets = capability in library.targets(), (capability,)
    else:
        is_portable = True
    return EngineKey(
        name=name,
        sha256=hashlib.sha256(network).hexdigest(),
        precision=precision,
        backend=library.backend,
        version=library.version,
        device="" if is_portable or device is None else device.name,
        capabilities=targets,
        profile=text_of(profile),
    )


def built(
    cache: EngineCache,
    library: TrtLibrary,
    key: EngineKey,
    network: bytes,
    profile: Profile,
    workspace_bytes: int = WORKSPACE_BYTES,
    told: Told | None = None,
    device: int = 0,
) -> bytes:
    """The engine of this key: the one that is there, or a new one, built in a child process and kept."""
    with cache.building(key):
        engine = cache.find(key)
        if engine is not None:
            return engine
        logger.info("building %s for %s, once; `stillwave engine list` shows what is kept", key.name, library)
        targets = () if key.device else key.capabilities
        timings = timing_key(key)
        request = BuildRequest(
            library.backend, key.name, profile, targets, workspace_bytes, device, cache.find(timings) or b""
        )
        engine, timing = build(request, network, told)
        if timing and key.device:  # ahead of time nothing is timed
            cache.keep(timings, timing)
        cache.keep(key, engine)
        return engine


def timing_key(key: EngineKey) -> EngineKey:
    """What the timings of a device's builds are kept under: they serve every network."""
    return EngineKey("timings", "", "", key.backend, key.version, key.device, key.capabilities, "")
