"""The layout's rules: dependencies point one way, and importing the runtime costs little."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "kernels": {"kernels"},
    "bundles": set(),
    "runtime": {"runtime", "kernels", "bundles"},
    "model": {"model", "runtime", "kernels"},
    "export": {"export", "model", "runtime", "kernels"},
}
NEVER_TORCH = ("kernels", "bundles", "runtime")
SOURCES = [path for folder in MAY_IMPORT for path in sorted((ROOT / folder).rglob("*.py"))]


def imported_modules(path):
    """Absolute names of all that a file imports, at its top, in functions or for type checkers."""
    package = ("stillwave", *path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *(node.module or "").split("."))).strip(".")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_dependencies_point_one_way(path):
    folder = path.relative_to(ROOT).parts[0]
    for module in imported_modules(path):
        top, *rest = module.split(".")
        assert top not in MAY_IMPORT, f"{module}: a bare import loads a second copy"
        assert top != "torch" or folder not in NEVER_TORCH, f"{folder} never imports torch"
        if top == "stillwave" and rest:
            assert rest[0] in MAY_IMPORT[folder], f"{folder} may not import {module}"


def test_the_scan_sees_every_kind_of_import(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "runtime").mkdir()
    path = tmp_path / "runtime" / "a.py"
    path.write_text(
        "import torch.nn\nfrom .b import c\nfrom ..export import d\n"
        "def f():\n    from stillwave import model\n"
    )
    modules = set(imported_modules(path))
    assert {"torch.nn", "stillwave.runtime.b", "stillwave.export", "stillwave.model"} <= modules


def python(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_runtime_and_kernels_import_where_torch_is_missing():
    python(
        "import sys; sys.modules['torch'] = None\n"
        "import stillwave.runtime, stillwave.kernels\n"
        "for name in stillwave.runtime.__all__: getattr(stillwave.runtime, name)"
    )


def test_importing_the_runtime_loads_nothing_heavy():
    heavy = {"numpy", "PIL", "torch", "av", "onnxruntime", "openvino", "tqdm"}
    loaded = python("import sys, stillwave.runtime\nprint(*sys.modules)")
    assert heavy.isdisjoint(loaded.split())
    loaded = python("import sys\nfrom stillwave.runtime import Animator\nprint(*sys.modules)")
    assert {"torch", "av", "onnxruntime", "openvino"}.isdisjoint(loaded.split())


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom stillwave.runtime.cli import run\n"
        "try: run(['animate', '--help'])\nexcept SystemExit: print('loaded:', *sys.modules)"
    )
    loaded = python(code).split("loaded:")[1].split()
    assert {"numpy", "PIL", "tqdm", "importlib.metadata"}.isdisjoint(loaded)


def test_public_names_are_listed_and_unknown_ones_refused():
    import stillwave.runtime

    for name in stillwave.runtime.__all__:
        assert getattr(stillwave.runtime, name).__name__ == name
    assert dir(stillwave.runtime) == sorted(stillwave.runtime.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'animator_of_dreams'"):
        stillwave.runtime.animator_of_dreams  # noqa: B018


def test_no_folder_shadows_the_namespace_package():
    assert not (ROOT / "stillwave").exists()
