"""The engine contract, on every backend that is installed."""

import gc
import sys
import tracemalloc
import weakref

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from stillwave.runtime.engine import BACKENDS, check_arrays, engine_for, shape_at, usable_cores
from stillwave.runtime.errors import BackendError, BudgetError, BundleError

SIZES = {"h": 5, "w": 7}
WEIGHT = np.random.default_rng(0).standard_normal((4, 3, 2, 2), np.float32)


@pytest.fixture(scope="session")
def network() -> bytes:
    """gain * relu(blocks of 2 x 2 pixels, weighted): photo (1, 3, 2h, 2w), gain (1, 4, 1, 1) -> y (1, 4, h, w)."""
    nodes = [
        helper.make_node("Conv", ["photo", "weight"], ["blocks"], strides=[2, 2]),
        helper.make_node("Relu", ["blocks"], ["positive"]),
        helper.make_node("Mul", ["positive", "gain"], ["y"]),
    ]
    values = {"photo": (1, 3, "2*h", "2*w"), "gain": (1, 4, 1, 1), "y": (1, 4, "h", "w")}
    photo, gain, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in values.items())
    graph = helper.make_graph(nodes, "blocks", [photo, gain], [y], [numpy_helper.from_array(WEIGHT, "weight")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


@pytest.fixture(params=["cpu", "openvino"])
def backend(request) -> str:
    pytest.importorskip({"cpu": "onnxruntime", "openvino": "openvino"}[request.param])
    return request.param


def arrays(h: int = 5, w: int = 7, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    photo, gain = rng.random((1, 3, 2 * h, 2 * w), np.float32), rng.random((1, 4, 1, 1), np.float32)
    return {"photo": photo, "gain": gain, "y": np.full((1, 4, h, w), np.nan, np.float32)}


def expected(photo: np.ndarray, gain: np.ndarray) -> np.ndarray:
    blocks = photo.reshape(3, photo.shape[2] // 2, 2, photo.shape[3] // 2, 2)
    return np.einsum("cyixj,ocij->oyx", blocks, WEIGHT).clip(0)[None] * gain


@pytest.mark.parametrize("sizes", [None, SIZES])
def test_bound_arrays_are_read_and_written(backend, network, sizes) -> None:
    bound = arrays()
    with engine_for(backend, network, "blocks", sizes=sizes, threads=1) as engine:
        engine.bind(**bound)
        for seed in range(3):
            bound["photo"][:] = arrays(seed=seed)["photo"]
            engine.run()
            np.testing.assert_allclose(bound["y"], expected(bound["photo"], bound["gain"]), atol=1e-5)


def test_bound_arrays_are_held_until_close(backend, network) -> None:
    bound = arrays()
    held = [weakref.ref(array) for array in bound.values()]
    with engine_for(backend, network, "blocks", threads=1) as engine:
        engine.bind(**bound)
        del bound
        gc.collect()
        assert all(array() is not None for array in held)
        engine.run()
    gc.collect()
    assert all(array() is None for array in held)


def test_another_size_is_another_bind(backend, network) -> None:
    with engine_for(backend, network, "blocks", threads=1) as engine:
        for h, w in ((5, 7), (4, 9), (5, 7)):
            bound = arrays(h, w)
            engine.bind(**bound)
            engine.run()
            np.testing.assert_allclose(bound["y"], expected(bound["photo"], bound["gain"]), atol=1e-5)


def test_specs_say_names_types_and_symbols(backend, network) -> None:
    with engine_for(backend, network, "blocks", threads=1) as engine:
        assert [str(s) for s in engine.inputs] == ["photo float32 (1, 3, 2*h, 2*w)", "gain float32 (1, 4, 1, 1)"]
        assert [s.shape for s in engine.outputs] == [(1, 4, "h", "w")]
    with engine_for(backend, network, "blocks", sizes={"h": 5}, threads=1) as engine:
        assert [s.shape for s in engine.inputs + engine.outputs] == [(1, 3, 10, "2*w"), (1, 4, 1, 1), (1, 4, 5, "w")]


def test_same_bits_at_any_thread_count(backend, network) -> None:
    found = []
    for threads in (1, 2, 4):
        bound = arrays(40, 50)
        with engine_for(backend, network, "blocks", threads=threads) as engine:
            engine.bind(**bound)
            engine.run()
        found.append(bound["y"])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_running_keeps_nothing(backend, network) -> None:
    with engine_for(backend, network, "blocks", threads=1) as engine:
        engine.bind(**arrays())
        engine.run()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            engine.run()
        growth = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert growth < 16 * 1024  # 16 bytes a run: what bindings hold until the next garbage collection


MISFITS = {
    "type": ({"photo": np.zeros((1, 3, 10, 14))}, r"photo float32 \(1, 3, 2\*h, 2\*w\), got float64; convert"),
    "odd": ({"photo": np.zeros((1, 3, 11, 14), np.float32)}, r"got shape \(1, 3, 11, 14\)"),
    "empty": ({"photo": np.zeros((1, 3, 0, 14), np.float32)}, r"got shape \(1, 3, 0, 14\)"),
    "rank": ({"photo": np.zeros((3, 10, 14), np.float32)}, r"got shape \(3, 10, 14\)"),
    "symbol": ({"y": np.zeros((1, 4, 6, 7), np.float32)}, r"y float32 \(1, 4, h, w\), h = 5, w = 7; got shape"),
    "strides": ({"photo": np.zeros((1, 3, 14, 10), np.float32).swapaxes(2, 3)}, "C-contiguous; got strides"),
    "name": ({"foto": np.zeros(1, np.float32)}, "bind gain, photo, y, each by name; got foto, gain, photo, y"),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_misfits_are_refused(backend, network, misfit) -> None:
    wrong, message = MISFITS[misfit]
    with engine_for(backend, network, "blocks", threads=1) as engine, pytest.raises(ValueError, match=message):
        engine.bind(**{**arrays(), **wrong})


def test_missing_array_is_refused(backend, network) -> None:
    bound = arrays()
    del bound["gain"]
    with engine_for(backend, network, "blocks", threads=1) as engine, pytest.raises(ValueError, match="got photo, y"):
        engine.bind(**bound)


def test_order_of_calls_is_enforced(backend, network) -> None:
    engine = engine_for(backend, network, "blocks", threads=1)
    with pytest.raises(ValueError, match="blocks: nothing is bound; call bind first"):
        engine.run()
    engine.bind(**arrays())
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="nothing is bound"):
        engine.run()
    with pytest.raises(ValueError, match="blocks: the engine is closed; open another"):
        engine.bind(**arrays())


def test_damaged_network_is_a_bundle_error(backend, network) -> None:
    with pytest.raises(BundleError, match="blocks: these 4 bytes are no ONNX network"):
        engine_for(backend, b"\x00\x01\x02\x03", "blocks")


def test_network_the_backend_refuses_is_a_backend_error(backend, network) -> None:
    model = onnx.load_from_string(network)
    model.graph.node[1].op_type = "NoSuchOperator"
    with pytest.raises(BackendError, match="blocks could not be loaded by"):
        engine_for(backend, model.SerializeToString(), "blocks")


def test_auto_is_onnx_runtime(network) -> None:
    with engine_for("auto", network, "blocks", threads=1) as engine:
        assert type(engine).__name__ == "OrtEngine"


def test_unknown_backend_lists_those_there_are(network) -> None:
    with pytest.raises(BackendError, match=f"unknown backend 'gpu'; choose one of {', '.join(BACKENDS)}"):
        engine_for("gpu", network, "blocks")


@pytest.mark.parametrize("name", ["cuda", "tensorrt", "tensorrt-rtx"])
def test_backend_without_its_device_is_refused_not_replaced(network, name, monkeypatch) -> None:
    monkeypatch.setattr("stillwave.runtime.device.contract.DRIVERS", ("no-such-library.so",))
    with pytest.raises(BackendError, match=r"no NVIDIA driver .*; install NVIDIA's driver .* or choose --backend cpu"):
        engine_for(name, network, "blocks", sizes=SIZES)


@pytest.mark.parametrize(("name", "package", "extra"), [("cpu", "onnxruntime", "cpu"), ("openvino",) * 3])
def test_missing_package_says_what_to_install(monkeypatch, network, name, package, extra) -> None:
    module = {"cpu": "ort_engine", "openvino": "openvino_engine"}[name]
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"stillwave.runtime.{module}", raising=False)
    with pytest.raises(BackendError, match=rf"pip install 'stillwave\[{extra}\]'"):
        engine_for(name, network, "blocks")


def test_arena_is_bounded_per_engine(network) -> None:
    """The output of 400 x 400 x 4 floats and its predecessor do not fit in 1 MiB."""
    small, large = arrays(400, 400), arrays(400, 400)
    with (
        engine_for("cpu", network, "blocks", threads=1, arena_bytes=1 << 20) as bounded,
        engine_for("cpu", network, "blocks", threads=1, arena_bytes=1 << 25) as ample,
    ):
        bounded.bind(**small)
        ample.bind(**large)
        with pytest.raises(BudgetError, match="blocks could not be run in 1,048,576 bytes; raise the memory budget"):
            bounded.run()
        ample.run()
        bounded.bind(**arrays())
        bounded.run()
    np.testing.assert_allclose(large["y"], expected(large["photo"], large["gain"]), atol=1e-5)


def test_arena_larger_than_an_int(network) -> None:
    with engine_for("cpu", network, "blocks", threads=1, arena_bytes=1 << 33) as engine:
        engine.bind(**arrays())
        engine.run()


def test_shape_at_replaces_symbols() -> None:
    assert shape_at(("n", 4, "8*h"), {"n": 2, "h": 5}) == (2, 4, 40)


def test_check_arrays_of_a_network_without_arrays() -> None:
    with pytest.raises(ValueError, match="got photo"):
        check_arrays("nothing", (), {"photo": np.zeros(1)})


def test_usable_cores_is_at_least_one() -> None:
    assert usable_cores() >= 1
