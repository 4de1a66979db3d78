"""The CUDA kernels: compiled for every architecture, and what came of it."""

import ctypes
import re
import shutil
import subprocess

import pytest

from stillwave.kernels import cuda

nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc on PATH")
NVCC = ["nvcc", "-std=c++17", "-fmad=false", "--Werror", "all-warnings"]
SOURCE = cuda.source_folder() / cuda.SOURCE


@nvcc
def test_compiles_for_every_architecture(tmp_path):
    # One front-end pass for the oldest, then machine code for each: a quarter of the time of nine
    # passes. Unoptimised, since only errors matter.
    codes = ",".join(f"sm_{architecture}" for architecture in cuda.ARCHITECTURES)
    target = f"arch=compute_{cuda.ARCHITECTURES[0]},code=[{codes}]"
    output = tmp_path / "kernels.fatbin"
    subprocess.run([*NVCC, "-fatbin", "-Xptxas", "-O0", "-gencode", target, SOURCE, "-o", output], check=True)
    assert output.stat().st_size > 0


@nvcc
@pytest.mark.parametrize("architecture", [87, 90])
def test_nothing_spills(architecture, tmp_path):
    command = [*NVCC, "-cubin", f"-arch=sm_{architecture}", "-Xptxas", "-v", SOURCE, "-o", tmp_path / "kernels.cubin"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    spills = dict(
        re.findall(r"properties for stillwave_(\w+)\n.*?frame, (\d+ bytes spill stores, \d+ bytes spill loads)", told)
    )
    assert spills == dict.fromkeys(cuda.ARGUMENTS, "0 bytes spill stores, 0 bytes spill loads")


@nvcc
def test_bulk_is_loaded_128_bits_at_a_time(tmp_path):
    output = tmp_path / "kernels.ptx"
    subprocess.run([*NVCC, "-ptx", "-arch=sm_87", SOURCE, "-o", output], check=True)
    entries = re.split(r"\.entry stillwave_(\w+)\(", output.read_text())[1:]
    bodies = dict(zip(entries[::2], entries[1::2], strict=True))
    for kernel in ("motion", "weight", "splat_gather", "halve", "rgb", "ddim"):
        assert re.search(r"ld\.global\.nc\.v4\.[bfsu]32", bodies[kernel]), kernel
    for kernel in ("splat_sum", "splat_scan"):  # what another kernel of the same graph writes
        assert re.search(r"ld\.global\.v4\.[bfsu]32", bodies[kernel]), kernel
    for kernel in ("motion", "splat_gather", "splat_scan", "halve", "ddim"):
        assert re.search(r"st\.global\.v4\.[bfsu]32", bodies[kernel]), kernel
    assert not any("red.global.add.f" in body or "atom.global.add.f" in body for body in bodies.values())


@pytest.mark.parametrize("architecture", cuda.ARCHITECTURES)
def test_nvrtc_compiles_it_without_a_toolkit(architecture, tmp_path):
    """From the sources as they are installed, and nothing else: no host headers, no nvcc."""
    pytest.importorskip("cuda.bindings.nvrtc", reason="needs cuda-bindings and NVRTC")
    from stillwave.runtime.device.kernel_image import compiled

    cubin = compiled(architecture)
    for kernel in cuda.ARGUMENTS:
        assert f"stillwave_{kernel}".encode() in cubin


def test_arguments_are_mirrored(emulated_library):
    for kernel, argument in cuda.ARGUMENTS.items():
        assert getattr(emulated_library, f"stillwave_argument_bytes_{kernel}")() == ctypes.sizeof(argument), kernel


def test_launches_refuse_what_kernels_cannot_do():
    with pytest.raises(ValueError, match=r"NV12 has even sides, got 3 x 4"):
        cuda.nv12(cuda.Picture(0, 0, 0, 4, 4, 4, 3))
    with pytest.raises(ValueError, match=r"planes must be a multiple of 4 wide, got 6"):
        cuda.rgb(cuda.Picture(0, 0, 0, 4, 6, 4, 6))
    with pytest.raises(ValueError, match=r"channels a multiple of 8, got \(4, 4, 12\)"):
        cuda.Splat(((4, 4, 12),))
    with pytest.raises(ValueError, match="a pyramid has 1 to 4 levels, got 0"):
        cuda.Splat(())
    with pytest.raises(TypeError, match="halve takes Halving, got Map"):
        cuda.launch("halve", 8, cuda.Map())
    with pytest.raises(ValueError, match="halving takes a multiple of 8 values, got 9"):
        cuda.halve(cuda.Halving(0, 0, 9))
    with pytest.raises(ValueError, match="a whole number of the slices', got 5 x 4 of 64 x 32"):
        cuda.gain(cuda.Gains(0, 0, 0, 1, 32, 64, 4, 5))
