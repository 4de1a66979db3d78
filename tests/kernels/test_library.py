import importlib.metadata
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stillwave.kernels import _library, build_info, reference, splat
from stillwave.kernels.checks import PIXEL_LIMIT

ROOT = Path(__file__).parents[2]
has_compiler = shutil.which("c++") is not None


def run(code, **environment):
    """Run `code` in a fresh interpreter in which every warning is an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_build_info_names_what_runs():
    found = build_info()
    assert list(found) == ["extension", "isa", "compiler", "threads_default"]
    assert found["isa"] in (*_library.ISA_ORDER, "reference")
    assert found["extension"] == (found["isa"] != "reference")
    assert found["threads_default"] >= 1


@pytest.mark.skipif(not has_compiler, reason="no C++ compiler: the pure wheel is right")
def test_the_library_is_built_where_there_is_a_compiler():
    assert build_info()["extension"]
    assert len(_library.available()) >= 1


def test_importing_is_cheap_and_takes_numpy_alone():
    code = (
        "import sys; import stillwave.kernels; "
        "print(sorted({name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names))"
    )
    loaded = run(code)
    assert loaded.returncode == 0, loaded.stderr
    assert set(eval(loaded.stdout)) <= {"numpy", "stillwave", "__main__", "sitecustomize"} | {
        name for name in eval(loaded.stdout) if name.startswith("_") or name.startswith("cython")
    }


def test_without_a_library_the_reference_answers_and_says_so_once(tmp_path):
    code = """
import warnings, numpy as np
from stillwave.kernels import _library, build_info, splat
_library.load = lambda: None
assert build_info()["isa"] == "reference"
arguments = np.ones((4, 5, 3), np.float32), np.zeros((4, 5, 2), np.float32), np.zeros((4, 5), np.float32)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert splat(*arguments).all()
    assert splat(*arguments).all()
print([(w.category.__name__, w.filename) for w in caught])
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[('RuntimeWarning', '<string>')]"


def test_a_forked_child_starts_threads_of_its_own():
    code = """
import os, numpy as np
from stillwave.kernels import splat
rng = np.random.default_rng(0)
arguments = (rng.random((200, 90, 8), np.float32), rng.random((200, 90, 2), np.float32),
             rng.random((200, 90), np.float32))
before = splat(*arguments, threads=2)
child = os.fork()
if child == 0:
    os._exit(0 if (splat(*arguments, threads=2) == before).all() else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_callers_in_several_threads_get_their_own_results():
    rng = np.random.default_rng(1)
    scenes = [
        (
            rng.random((60, 70, 8), np.float32),
            rng.random((60, 70, 2), np.float32),
            rng.random((60, 70), np.float32),
        )
        for _ in range(4)
    ]
    wanted = [splat(*scene, threads=1) for scene in scenes]
    failures = []

    def work(scene, want):
        for _ in range(20):
            if not (splat(*scene, threads=2) == want).all():
                failures.append(want)

    callers = [threading.Thread(target=work, args=pair) for pair in zip(scenes, wanted, strict=True)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not failures


def test_limits_agree_with_the_compiled_source():
    header = (ROOT / "kernels" / "index.h").read_text()
    assert f"limit = {reference.WEIGHT_LIMIT}f" in header
    assert np.iinfo(np.int32).max == PIXEL_LIMIT


def test_a_status_other_than_success_is_an_error():
    with pytest.raises(RuntimeError, match="a kernel returned status 7; please report it"):
        _library.check(7)


@pytest.mark.skipif(not has_compiler, reason="no C++ compiler: there is no library")
def test_a_library_of_other_sources_is_refused():
    code = """
from stillwave.kernels import _library
_library.INTERFACE += 1
try:
    _library.available()
except RuntimeError as error:
    print(error)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert "install them again" in done.stdout


def test_the_installed_wheel_fits_any_python_3():
    text = importlib.metadata.distribution("stillwave").read_text("WHEEL")
    assert "Tag: py3-none-" in text


@pytest.mark.slow
def test_without_a_compiler_the_wheel_is_pure(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*command, "--config-settings=build-dir=" + str(tmp_path / "build"), "-w", tmp_path, ROOT],
        env={**os.environ, "CXX": "/nonexistent/c++", "CC": "/nonexistent/cc"},
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "stillwave/kernels/reference.py" in names
    assert not [name for name in names if name.endswith((".so", ".dylib", ".cpp", ".fatbin", "_host.h"))]
    cuda = {path.name for path in (ROOT / "kernels").glob("*.cu")} | {"index_cuda.h", "portable.h", "vector_cuda.h"}
    assert {f"stillwave/kernels/{name}" for name in cuda} <= set(names)  # for NVRTC, where there is no nvcc
