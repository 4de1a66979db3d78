"""README's table of GPUs."""

import importlib.util
from pathlib import Path

import pytest

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


def test_what_was_measured_stands_beside_target_and_model(tmp_path):
    frame = {"latency, graph": {"median_us": 200.0}, "on the device, graph": {"us_per_frame": 140.0}}
    slow = {"latency, graph": {"median_us": 900.0}, "on the device, graph": {"us_per_frame": 800.0}}
    found = {
        "frame, torch": slow,
        "frame, tensorrt": frame,
        "loop, tensorrt": {"photo_to_loop_ms": 31.25},
        "kernels": {"copy_gb_s": 3000.0, "512x288": {"splat": {"percent_of_copy": 71.5}}},
    }
    sections = {name: {"is_good": True, "result": result} for name, result in found.items()}
    result = {"gpu": {"name": "NVIDIA H200"}, "sections": sections}
    model = {"modelled_us": {"fp16": {"RTX 4090": {}, "H200": {"frame": 134.0, "photo to loop": 22_600.0}}}}
    rows = report.gpu_figures(result, model).splitlines()
    assert rows[0] == "| NVIDIA H200, tensorrt | measured | target on an H200 | modelled, fp16 |"
    assert "| motion + splat, us | not measured | <= 30 |  |" in rows
    assert "| frame on the device, us | 140 | <= 150 | 134 |" in rows
    assert "| photo to 150 frames, ms | 31.2 | <= 40 | 22.6 |" in rows
    panels = report.gpu_panels(result)
    assert panels["a frame asked for and waited for, us"] == {"torch": 900.0, "tensorrt": 200.0}
    assert panels["kernels, % of a copy's bandwidth"] == {"512x288 splat": 71.5}
    pytest.importorskip("matplotlib")
    report.draw(tmp_path / "bars.png", panels, [])
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")
