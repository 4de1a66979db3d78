"""`stillwave serve`: what it refuses, how it ends, and parts of its own."""

import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("starlette")
from starlette.testclient import TestClient

from stillwave.runtime.cli import run
from stillwave.runtime.studio import STARTS, Clip, Job, WatchedAnimator, safe_name

HOME = "http://127.0.0.1:8700"


def test_command_names_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert run(["serve"]) == 6
    assert 'pip install "stillwave[web]"' in capsys.readouterr().err


def test_command_refuses_a_port_that_is_taken(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert run(["serve", "--port", str(taken.getsockname()[1])]) == 1
    assert "choose another with --host or --port" in capsys.readouterr().err


def test_example_is_an_app():
    example = runpy.run_path(Path(__file__).parents[2] / "examples" / "web_app.py")
    assert TestClient(example["app"], base_url=HOME).get("/").status_code == 200
    example["studio"].close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_signals_end_the_server_without_leftovers(tmp_path, number, code):
    pytest.importorskip("uvicorn")
    main = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job ignores it
    main += "from stillwave.runtime.cli import main; main()"
    command = [sys.executable, "-c", main, "serve", "--port", "0", "--threads", "1"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as child:
        url = re.search(r"http://127\.0\.0\.1:\d+", child.stderr.readline())[0]
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert answer.status == 200
        assert len(list(tmp_path.glob("stillwave-*"))) == 1
        child.send_signal(number)
        assert "Traceback" not in child.stderr.read()
    assert child.returncode == code
    assert list(tmp_path.iterdir()) == []


def test_the_animator_reports_its_networks(photo):
    pytest.importorskip("onnxruntime")
    reached = []

    class Watched(Job):
        def reached(self, progress):
            reached.append(progress)

    with WatchedAnimator(backend="cpu", threads=1) as animator:
        animator.job = Watched("analyze")
        animator.predict(photo)
    assert reached == [STARTS[name] for name in ("image_encoder", "denoiser", "decoder")]


@pytest.mark.parametrize(("name", "safe"), [
    ("IMG 1.jpg", "IMG-1"), ("../../etc/passwd", "passwd"), ("C:\\a\\b.png", "b"), ("é\r\n\".jpg", "photo"),
    ("", "photo"), ("x" * 300, "x" * 60),
])  # fmt: skip
def test_names_are_made_safe(name, safe):
    assert safe_name(name) == safe


def test_clips_have_the_command_line_s_defaults():
    assert Clip() == Clip(5.0, 30.0, 1.0, "mp4")
