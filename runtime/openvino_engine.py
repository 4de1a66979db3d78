"""OpenVINO on the CPU: reads the same networks, an extra of the package."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from .engine import Array, check_arrays
from .errors import BackendError
from .signature import signature

try:
    import openvino
except ImportError as error:
    raise BackendError("the openvino backend needs OpenVINO; pip install 'stillwave[openvino]'") from error


class OpenVinoEngine:
    """A network in OpenVINO. Its working memory has no bound; it is released when it closes."""

    def __init__(self, network: bytes, name: str, sizes: Mapping[str, int], threads: int):
        self.name = name
        self.inputs, self.outputs = signature(network, name, sizes)
        config = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",  # it would choose bfloat16 where the CPU has it
            "ENABLE_CPU_PINNING": False,
        }
        try:
            core = openvino.Core()
            model = core.read_model(network)
            model.reshape({spec.name: _partial(spec.shape) for spec in self.inputs})
            compiled = core.compile_model(model, "CPU", config)
            self._request: Any = compiled.create_infer_request()
        except RuntimeError as error:
            raise self._failed("loaded", error) from error
        self._bound: dict[str, Array] = {}

    def bind(self, **arrays: Array) -> None:
        check_arrays(self.name, self.inputs + self.outputs, arrays)
        if self._request is None:
            raise ValueError(f"{self.name}: the engine is closed; open another")
        for name, array in arrays.items():
            self._request.set_tensor(name, openvino.Tensor(array, shared_memory=True))
        self._bound = arrays  # OpenVINO reads and writes them in place, and keeps no reference

    def run(self) -> None:
        if not self._bound:
            raise ValueError(f"{self.name}: nothing is bound; call bind first")
        try:
            self._request.start_async()  # infer() would copy every output
            self._request.wait()
        except RuntimeError as error:
            raise self._failed("run", error) from error

    def close(self) -> None:
        self._request, self._bound = None, {}

    def _failed(self, verb: str, error: Exception) -> BackendError:
        version = openvino.get_version()
        return BackendError(f"{self.name} could not be {verb} by OpenVINO {version}: {error}")

    def __enter__(self) -> "OpenVinoEngine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _partial(shape: tuple[int | str, ...]) -> Any:
    return openvino.PartialShape([d if isinstance(d, int) else -1 for d in shape])
