"""`stillwave train` and `stillwave export` hand over to the packages that need torch."""

import sys

import pytest

from stillwave.model.train.__main__ import STAGES
from stillwave.runtime.cli import run


def test_alone_it_names_the_stages():
    with pytest.raises(SystemExit, match=r"encoder.*denoiser.*renderer"):
        run(["train"])


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_help(stage, capsys):
    with pytest.raises(SystemExit) as stop:
        run(["train", stage, "--help"])
    assert stop.value.code == 0
    assert "usage" in capsys.readouterr().out


@pytest.mark.parametrize(("command", "extra"), [("train", "train"), ("evaluate", "train"), ("export", "export")])
def test_without_torch_it_says_what_to_install(command, extra, monkeypatch, capsys):
    for name in [n for n in sys.modules if n.startswith(("stillwave.model", "stillwave.export"))]:
        monkeypatch.delitem(sys.modules, name)
    for missing in ("torch", "cv2"):
        monkeypatch.setitem(sys.modules, missing, None)
    assert run([command, "motion" if command == "evaluate" else "encoder"]) == 6
    assert f"pip install 'stillwave[{extra}]'" in capsys.readouterr().err
