"""A network in TensorRT or TensorRT-RTX, on a caller's stream, addresses and workspace. See device/contract.py."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .device.contract import ALIGNMENT, Stream
from .errors import BackendError, EngineCacheError
from .signature import signature
from .trt_library import TrtLibrary, trt_logger


class TrtEngine:
    """An engine at fixed sizes. It owns its weights on the device and nothing else there.

    engine   what the builder made, from this user's own cache: it is code, and it is run
    network  the ONNX file it was made of, whose names, types and shapes it must have
    sizes    of every symbol of the network's shapes, within the engine's profile
    """

    def __init__(self, library: TrtLibrary, engine: bytes, network: bytes, name: str, sizes: Mapping[str, int]):
        self.name, self._tensorrt = name, library
        self.inputs, self.outputs = signature(network, name, sizes)
        self._messages: list[str] = []
        trt = library.trt
        try:
            self._runtime: Any = trt.Runtime(trt_logger(trt, self._messages))
        except TypeError as error:  # so the binding says that it got nothing
            raise self._refused("cannot be started", BackendError, "; see `stillwave doctor`") from error
        self._engine: Any = self._runtime.deserialize_cuda_engine(engine)
        if self._engine is None:
            raise self._refused("cannot be loaded", EngineCacheError, "; run `stillwave engine clear`")
        self._context: Any = _context(trt, self._engine)
        if self._context is None:
            raise self._refused("has no room for its weights", BackendError, "; close what else uses the GPU")
        self._check_tensors(trt)
        for spec in self.inputs:
            if not self._context.set_input_shape(spec.name, spec.shape):
                raise self._refused(f"was not built for {spec}", EngineCacheError, "; build it for this size")
        self.workspace_bytes = int(self._context.update_device_memory_size_for_shapes())
        self._is_bound, self._ran_in = False, 0

    @property
    def is_capturable(self) -> bool:
        """After a first run. TensorRT-RTX has engines that cannot be, and tells."""
        told = getattr(self._opened(), "is_stream_capturable", None)
        return told is None or bool(told(self._ran_in))

    def bind(self, workspace: int, **addresses: int) -> None:
        """Fix where every input, every output and the workspace lie on the device."""
        context = self._opened()
        names = {spec.name for spec in self.inputs + self.outputs}
        if addresses.keys() != names:
            got = ", ".join(sorted(addresses)) or "nothing"
            raise ValueError(f"{self.name}: bind {', '.join(sorted(names))}, each by name; got {got}")
        for name, address in {**addresses, "workspace": workspace}.items():
            if address % ALIGNMENT:
                raise ValueError(f"{self.name}: {name} at {address:#x}; want a multiple of {ALIGNMENT} bytes")
        context.set_device_memory(workspace, self.workspace_bytes)
        for name, address in addresses.items():
            if not context.set_tensor_address(name, address):
                raise self._refused(f"refused the address of {name}", BackendError)
        self._is_bound = True

    def enqueue(self, stream: Stream) -> None:
        """One run in the stream. The first, outside a graph, may make kernels; later ones may be captured."""
        context = self._opened()
        if not self._is_bound:
            raise ValueError(f"{self.name}: nothing is bound; call bind first")
        self._ran_in = stream.handle
        if not context.execute_async_v3(stream.handle):
            raise self._refused("could not be run", BackendError)

    def close(self) -> None:
        self._context = self._engine = self._runtime = None

    def _opened(self) -> Any:
        if self._context is None:
            raise ValueError(f"{self.name}: the engine is closed; open another")
        return self._context

    def _check_tensors(self, trt: Any) -> None:
        """Names, directions and types are the network's, or the engine is of another network."""
        engine = self._engine
        found = {engine.get_tensor_name(i) for i in range(engine.num_io_tensors)}
        if found != {spec.name for spec in self.inputs + self.outputs}:
            raise self._refused(f"has tensors {', '.join(sorted(found))}", EngineCacheError, "; build it again")
        for specs, mode in ((self.inputs, trt.TensorIOMode.INPUT), (self.outputs, trt.TensorIOMode.OUTPUT)):
            for spec in specs:
                dtype = np.dtype(trt.nptype(engine.get_tensor_dtype(spec.name)))
                if engine.get_tensor_mode(spec.name) != mode or dtype != spec.dtype:
                    raise self._refused(f"has another {spec}", EngineCacheError, "; build it again")

    def _refused(self, what: str, kind: type[Exception], remedy: str = "") -> Exception:
        told = "; ".join(message.strip() for message in self._messages[-2:])
        return kind(f"{self.name}: the engine of {self._tensorrt} {what}{': ' + told if told else ''}{remedy}")

    def __enter__(self) -> "TrtEngine":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _context(trt: Any, engine: Any) -> Any:
    """A context whose workspace is the caller's, and whose kernels are ready after its first run.

    TensorRT-RTX makes kernels for the sizes it meets, by default while it runs others in their place:
    a graph would keep those.
    """
    user_managed = trt.ExecutionContextAllocationStrategy.USER_MANAGED
    eager = getattr(getattr(trt, "DynamicShapesKernelSpecializationStrategy", None), "EAGER", None)
    if eager is None:
        return engine.create_execution_context(user_managed)
    config = engine.create_runtime_config()
    config.set_execution_context_allocation_strategy(user_managed)
    config.dynamic_shapes_kernel_specialization_strategy = eager
    return engine.create_execution_context(config)
