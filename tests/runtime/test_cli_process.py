"""The command line as a process: its version, a closed pipe, signals."""

import os
import re
import signal
import subprocess
import sys

import pytest

MAIN = "import sys; from stillwave.runtime.cli import main; main()"


def process(*arguments, code=MAIN, **options):
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def test_version():
    out, err = process("--version").communicate()
    assert re.fullmatch(r"stillwave \d+\.\d+\.\d+\S*\n", out)
    assert err == ""


def test_closed_pipe_ends_quietly():
    code = f"import sys; sys.stdin.read(); {MAIN}"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with process("--version", code=code, stdin=subprocess.PIPE, env=environment) as child:
        child.stdout.close()
        child.stdin.close()
        assert child.stderr.read() == ""
    assert child.returncode == 1


ENDLESS = """
import signal
import sys
import numpy as np
from stillwave.runtime.cli import main
from stillwave.runtime.commands import doctor
from stillwave.runtime.video import VideoWriter

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job starts with it ignored

def run(args):
    with VideoWriter(output, (64, 48), 30) as writer:
        while True:
            writer.write(np.zeros((48, 64, 3), np.uint8))
            if writer.num_frames == 10:
                print("writing", flush=True)

doctor.run = run
output = sys.argv.pop()
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_end_the_program_without_leftovers(tmp_path, number, code):
    with process("doctor", str(tmp_path / "a.webp"), code=ENDLESS) as child:
        assert child.stdout.readline() == "writing\n"
        child.send_signal(number)
        err = child.stderr.read()
    assert (child.returncode, list(tmp_path.iterdir())) == (code, [])
    assert "Traceback" not in err
