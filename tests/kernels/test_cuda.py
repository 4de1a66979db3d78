import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).parents[2] / "kernels").glob("*.cu"))
ARCHITECTURES = (75, 80, 86, 87, 89, 90, 100, 110, 120)


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc on PATH")
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_compiles_for_every_architecture(source, tmp_path):
    # One front-end pass for the oldest, then machine code for each: a quarter of the time of nine
    # passes. Unoptimised, since only errors matter.
    codes = ",".join(f"sm_{architecture}" for architecture in ARCHITECTURES)
    target = f"arch=compute_{ARCHITECTURES[0]},code=[{codes}]"
    output = tmp_path / "kernels.fatbin"
    command = ["nvcc", "-std=c++17", "-fmad=false", "--Werror", "all-warnings", "-fatbin"]
    command += ["-Xptxas", "-O0", "-gencode", target, source, "-o", output]
    subprocess.run(command, check=True)
    assert output.stat().st_size > 0


def test_every_launcher_has_its_source():
    assert [path.stem for path in SOURCES] == ["frame", "motion", "resize", "splat"]
