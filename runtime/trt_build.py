"""ONNX -> TensorRT engine, in this process. Builders crash and take memory: see engine_builder.py for who calls it."""

from collections.abc import Callable
from typing import Any

from .engine import shape_at
from .errors import BackendError
from .profile import Profile
from .signature import signature
from .trt_library import TrtLibrary, trt_logger

Progress = Callable[[str, int, int], None]  # phase, steps done, steps in all


def built_engine(
    library: TrtLibrary,
    network: bytes,
    name: str,
    profile: Profile,
    targets: tuple[int, ...] = (),
    workspace_bytes: int = 0,
    timing: bytes = b"",
    progress: Progress | None = None,
) -> tuple[bytes, bytes]:
    """The engine, and the timings that make the next build fast ("" where the library keeps none).

    targets          compute capabilities to build for; none: the GPU that is here
    workspace_bytes  most that any layer may use as scratch; 0: all that the GPU has
    """
    trt = library.trt
    messages: list[str] = []
    logger = trt_logger(trt, messages)
    try:
        builder = trt.Builder(logger)
    except TypeError as error:  # so the binding says that it got nothing
        raise _refusal(library, name, "no builder was started", messages) from error
    definition = builder.create_network(_network_flags(trt))
    parser = trt.OnnxParser(definition, logger)
    if not parser.parse(network):
        found = [_parser_error(parser.get_error(i)) for i in range(parser.num_errors)]
        raise _refusal(library, name, "the network is not accepted", found or messages)
    config = builder.create_builder_config()
    config.add_optimization_profile(_trt_profile(builder, network, name, profile))
    if workspace_bytes:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_bytes)
    in_callers_memory = getattr(getattr(trt, "BuilderFlag", None), "REQUIRE_USER_ALLOCATION", None)
    if in_callers_memory is not None:  # TensorRT-RTX: else its engine may allocate as it runs, and no graph can hold it
        config.set_flag(in_callers_memory)
    _set_targets(library, config, targets)
    cache = _set_timings(library, config, timing)
    if progress is not None and hasattr(trt, "IProgressMonitor"):
        config.progress_monitor = _monitor(trt, progress)
    engine = builder.build_serialized_network(definition, config)
    if engine is None and not targets and library.targets():  # the GPU is none that it names: what it builds by default
        config.num_compute_capabilities = 0  # is documented to serve later ones too
        engine = builder.build_serialized_network(definition, config)
    if engine is None:
        raise _refusal(library, name, "it could not be built", messages)
    return bytes(engine), bytes(cache.serialize()) if cache is not None else b""


def _parser_error(error: Any) -> str:
    where = " ".join(filter(None, (getattr(error, part, str)() for part in ("node_operator", "node_name"))))
    return f"{where}: {error.desc()}" if where else str(error.desc())


def _network_flags(trt: Any) -> int:
    """Types are those of the graph: asked for in 10.x, the only way later."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _trt_profile(builder: Any, network: bytes, name: str, profile: Profile) -> Any:
    made = builder.create_optimization_profile()
    for spec in signature(network, name, {})[0]:
        shapes = [shape_at(spec.shape, {symbol: range_[i] for symbol, range_ in profile.items()}) for i in range(3)]
        made.set_shape(spec.name, *shapes)
    return made


def _set_targets(library: TrtLibrary, config: Any, targets: tuple[int, ...]) -> None:
    offered, named = library.targets(), getattr(library.trt, "ComputeCapability", None)
    if not targets:
        if named is not None:  # else TensorRT-RTX builds for the capabilities of its own choice
            config.num_compute_capabilities = 1
            config.set_compute_capability(named.CURRENT, 0)
        return
    strange = sorted(set(targets) - set(offered))
    if strange:
        known = ", ".join(f"sm_{n}" for n in offered) or "the GPU that is here, and no --target"
        raise BackendError(f"{library} does not build for sm_{strange[0]}; it builds for {known}")
    config.num_compute_capabilities = len(targets)
    for i, target in enumerate(targets):
        config.set_compute_capability(getattr(named, f"SM{target}"), i)


def _set_timings(library: TrtLibrary, config: Any, timing: bytes) -> Any:
    """The timing cache in use, or None where nothing is timed, as by TensorRT-RTX; strange timings are not used."""
    if library.targets() or not hasattr(config, "create_timing_cache"):
        return None
    for content in (timing, b""):
        cache = config.create_timing_cache(content)
        if cache is not None and config.set_timing_cache(cache, False):
            return cache
    return None


def _monitor(trt: Any, progress: Progress) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Phases nest; only those that count steps are told."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}

        def phase_start(self, phase: str, parent: str | None, num_steps: int) -> None:
            self.steps[phase] = num_steps
            progress(phase, 0, num_steps)

        def step_complete(self, phase: str, step: int) -> bool:
            progress(phase, step + 1, self.steps.get(phase, step + 1))
            return True

        def phase_finish(self, phase: str) -> None:
            self.steps.pop(phase, None)

    return Monitor()


def _refusal(library: TrtLibrary, name: str, what: str, messages: list[str]) -> BackendError:
    told = "; ".join(message.strip() for message in messages[:2]) or "it gave no reason"
    return BackendError(f"{name}: {what} by {library}: {told}")
