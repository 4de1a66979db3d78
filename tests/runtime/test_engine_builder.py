"""However a builder's process ends, it ends as an engine or as an error that tells how."""

import importlib
import os
import sys
import textwrap
from pathlib import Path

import onnx
import pytest

from stillwave.runtime import engine_builder
from stillwave.runtime.bundle import Bundle
from stillwave.runtime.engine_builder import BuildRequest, build
from stillwave.runtime.errors import BackendError, BundleError
from stillwave.runtime.profile import fixed

REQUEST = BuildRequest("tensorrt-rtx", "pyramid", fixed({"h": 8, "w": 8}), targets=(89,))

READ = "import json, os, sys\nrequest = json.loads(sys.stdin.buffer.readline())\nnetwork = sys.stdin.buffer.read()\n"


@pytest.fixture
def child(monkeypatch):
    """Makes the builder's process one that reads its request and then runs this code."""

    def becomes(code: str) -> None:
        monkeypatch.setattr(engine_builder, "CHILD", (sys.executable, "-c", READ + textwrap.dedent(code)))

    return becomes


def test_engine_and_timings_come_back_with_progress(child) -> None:
    child("""
        print(json.dumps({"phase": "Tactics", "done": 1, "steps": 3}))
        open(request["folder"] + "/engine", "wb").write(network[::-1])
        open(request["folder"] + "/timing", "wb").write(bytes.fromhex(request["timing"]) * 2)
    """)
    heard = []
    network = bytes(range(256)) * 1024
    request = BuildRequest("tensorrt", "pyramid", {"h": (1, 2, 3)}, timing=b"\x00\xff")
    assert build(request, network, lambda *said: heard.append(said)) == (network[::-1], b"\x00\xff\x00\xff")
    assert heard == [("Tactics", 1, 3)]


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_killed_child_is_out_of_memory(child) -> None:
    child("os.kill(os.getpid(), 9)")
    with pytest.raises(BackendError, match=r"pyramid: the builder of tensorrt-rtx was killed; .*lower --workspace"):
        build(REQUEST, b"network")


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_crashed_child_is_told_with_its_last_words(child) -> None:
    child("print('Assertion failed', file=sys.stderr, flush=True)\nos.kill(os.getpid(), 11)")
    with pytest.raises(BackendError, match=r"builder of tensorrt-rtx crashed \(signal 11\): Assertion failed; try"):
        build(REQUEST, b"network")


def test_failed_child_is_told_with_its_last_words(child) -> None:
    child("raise RuntimeError('no tactic')")
    with pytest.raises(BackendError, match=r"failed \(exit 1\): RuntimeError: no tactic"):
        build(REQUEST, b"network")


def test_child_without_memory_says_so(child) -> None:
    child("raise MemoryError")
    with pytest.raises(BackendError, match="ended with MemoryError; the system is out of memory, it seems"):
        build(REQUEST, b"network")


def test_child_that_ends_before_it_listens(monkeypatch) -> None:
    monkeypatch.setattr(engine_builder, "CHILD", (sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(BackendError, match=r"failed \(exit 3\): it said nothing"):
        build(REQUEST, b"x" * (8 << 20))  # more than a pipe holds


def test_child_ends_with_who_asked(child, tmp_path) -> None:
    child(f"""
        import time
        open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
        print(json.dumps({{"phase": "Tactics", "done": 1, "steps": 3}}), flush=True)
        time.sleep(60)
    """)

    def interrupt(*_) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(REQUEST, b"network", interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_nothing_is_left_behind(child, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(engine_builder.tempfile, "tempdir", str(tmp_path))
    child("raise SystemExit(1)")
    with pytest.raises(BackendError):
        build(REQUEST, b"network")
    assert list(tmp_path.iterdir()) == []


def test_missing_library_is_refused_in_its_own_words() -> None:
    try:
        importlib.import_module("tensorrt")
    except (ImportError, OSError):
        request = BuildRequest("tensorrt", "pyramid", fixed({"h": 8, "w": 8}), (89,))
        with pytest.raises(BackendError, match=r"no tensorrt here .*'stillwave\[tensorrt\]'.*JetPack"):
            build(request, b"network")
    else:
        pytest.skip("TensorRT is here")


@pytest.fixture(scope="module")
def network() -> bytes:
    """For the real builder, ahead of time, without a GPU. tests/export/test_tensorrt_rtx.py has every network."""
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT-RTX; pip install 'stillwave[tensorrt-rtx]'")
    return Bundle.open().network_bytes("pyramid")


def test_engines_differ_by_target(network) -> None:
    engines = {}
    for target in (75, 120):
        request = BuildRequest("tensorrt-rtx", "pyramid", fixed({"h": 8, "w": 8}), (target,))
        heard = []
        engines[target] = build(request, network, lambda phase, done, steps, to=heard: to.append((done, steps)))[0]
        assert heard
        assert all(0 <= done <= steps for done, steps in heard)
    assert min(map(len, engines.values())) > 10_000
    assert engines[75] != engines[120]


def test_target_that_is_not_offered_is_refused(network) -> None:
    request = BuildRequest("tensorrt-rtx", "pyramid", fixed({"h": 8, "w": 8}), (87,))
    with pytest.raises(BackendError, match=r"TensorRT-RTX \S+ does not build for sm_87; it builds for sm_75, sm_80"):
        build(request, network)


def test_operator_it_lacks_is_refused_with_its_reason(network) -> None:
    model = onnx.load_from_string(network)
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(BackendError, match=r"the network is not accepted by TensorRT-RTX \S+: .*NoSuchOperator"):
        build(REQUEST, model.SerializeToString())


def test_strange_bytes_are_a_bundle_error(network) -> None:
    with pytest.raises((BundleError, BackendError), match="pyramid: "):
        build(REQUEST, b"\x00\x01\x02\x03" * 9)


def test_what_libraries_print_is_no_part_of_the_conversation(monkeypatch) -> None:
    code = """
    from stillwave.runtime import engine_builder
    def noisy(request, network, told):
        print("a banner")
        told("Tactics", 1, 3)
        return network[::-1], b""
    engine_builder._build_here = noisy
    engine_builder.main()
    """
    monkeypatch.setattr(engine_builder, "CHILD", (sys.executable, "-c", textwrap.dedent(code)))
    heard = []
    assert build(REQUEST, b"network", lambda *said: heard.append(said)) == (b"krowten", b"")
    assert heard == [("Tactics", 1, 3)]


def test_child_is_this_module() -> None:
    assert engine_builder.CHILD[0] == sys.executable
    assert Path(engine_builder.__file__).stem in engine_builder.CHILD[2]


@pytest.mark.parametrize("targets", [(86, 89), ()])
def test_rtx_builds_for_what_is_asked_or_for_the_gpu_here_in_the_callers_memory(targets, monkeypatch) -> None:
    trt = pytest.importorskip("tensorrt_rtx", reason="needs TensorRT-RTX")
    from stillwave.runtime.trt_build import built_engine
    from stillwave.runtime.trt_library import trt_library

    asked, build_network = [], trt.Builder.build_serialized_network

    def watched(builder, definition, config):
        assert config.get_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)
        count = config.num_compute_capabilities
        asked.append([config.get_compute_capability(i).name for i in range(count)])
        return build_network(builder, definition, config)

    monkeypatch.setattr(trt.Builder, "build_serialized_network", watched)
    network = Bundle.open().network_bytes("pyramid")
    library = trt_library("tensorrt-rtx")
    engine, _ = built_engine(library, network, "pyramid", fixed({"h": 8, "w": 8}), targets)
    assert engine
    if targets:
        assert asked == [["SM86", "SM89"]]
    else:  # without a GPU the first try fails, as it may on one that the library does not name
        assert asked in ([["CURRENT"]], [["CURRENT"], []])
