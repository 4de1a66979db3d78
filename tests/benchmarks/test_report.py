"""README's table of GPUs."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("report", ROOT / "benchmarks" / "report.py")
report = importlib.util.module_from_spec(spec)
spec.loader.exec_module(report)


def test_without_results_it_says_so_as_readme_does():
    row = report.gpu_table({}).splitlines()[-1]
    assert row == "| measured by `python benchmarks/gpu.py` | not yet run on a GPU | not yet run on a GPU |"
    if not list((ROOT / "benchmarks" / "results").glob("gpu-*.json")):
        assert row in (ROOT / "README.md").read_text()


def test_a_row_for_each_backend_that_made_frames():
    frame = {"is_good": True, "result": {"latency, graph": {"median_us": 123.4}}}
    sections = {
        "frame, tensorrt": frame,
        "loop, tensorrt": {"is_good": True, "result": {"photo_to_loop_ms": 38.6}},
        "frame, cuda": {"is_good": None, "reason": "no onnxruntime-gpu"},
        "frame, torch, node by node": frame,
        "loop, torch, node by node": {"is_good": False, "reason": "slow"},
    }
    table = report.gpu_table({"gpu-a.json": {"gpu": {"name": "A"}, "sections": sections}})
    assert table.splitlines()[2:] == [
        "| A, tensorrt ([result](benchmarks/results/gpu-a.json)) | 0.123 ms | 39 ms |",
        "| A, torch, node by node ([result](benchmarks/results/gpu-a.json)) | 0.123 ms | not measured |",
    ]
