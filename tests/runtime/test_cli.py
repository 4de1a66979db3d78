import inspect
import json
import re
import sys

import numpy as np
import pytest
from fake_animator import FakeAnimator, FakeScene
from PIL import Image

from stillwave.runtime import Animator, Edit, Scene, errors
from stillwave.runtime.cli import parser, run
from stillwave.runtime.commands import animate, explore, look, plan, predict, render
from stillwave.runtime.motion_file import read_motion


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with a photo; commands meet the fake animator."""
    for command in (animate, explore, look, plan, predict, render):
        monkeypatch.setattr(command, "Animator", FakeAnimator)
    monkeypatch.setattr(FakeScene, "trouble", None)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save("photo.png")
    return tmp_path


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def json_of(capsys, *arguments):
    code = run([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_animate_writes_the_video_and_says_so(folder, capsys):
    assert run(["animate", "photo.png", "-o", "loop.webp", "--seconds", "0.5"]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"loop\.webp: 15 frames of 64 x 48 in \d+\.\d s\n", out)
    assert err == ""
    with Image.open("loop.webp") as image:
        assert image.n_frames == 15


def test_animate_as_json(folder, capsys):
    code, result = json_of(capsys, "animate", "photo.png", "-o", "a.gif", "--seconds", "1", "--fps", "10")
    assert code == 0
    assert 0 < result.pop("first_frame_s") <= result.pop("total_s")
    assert result == {
        "output": "a.gif", "format": "gif", "width": 64, "height": 48, "frames": 10, "fps": 10.0,
    }  # fmt: skip


def test_animate_hands_its_options_on(folder):
    options = "--size 512x288 --steps 2 --seed 7 --backend cpu --memory-budget 128MiB --threads 1"
    run(["animate", "photo.png", "-o", "a.webp", "--seconds", ".2", "--bundle", "b", *options.split()])
    assert FakeAnimator.last.calls == [("b", "cpu", "128MiB", 1), ("photo.png", 7, 2, (512, 288), Edit(), None)]


def test_a_guided_loop_is_guided_to_its_length(folder):
    run(["animate", "photo.png", "-o", "a.webp", "--seconds", ".2", "--speed", "0.5", "--loop", "guided"])
    assert FakeAnimator.last.calls[1][-1] == pytest.approx(0.1)


def test_editing_is_handed_on(folder):
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save("mask.png")
    options = "--gain 1:0.5,4-6:2 --wind 1.5 --wind-direction -90 --mask mask.png"
    edit = Edit({1: 0.5, 4: 2, 5: 2, 6: 2}, 1.5, -90, "mask.png")
    run(["animate", "photo.png", "-o", "a.webp", "--seconds", ".2", *options.split()])
    assert FakeAnimator.last.calls[1][4] == edit
    run(["predict", "photo.png", "-o", "motion.npz", *options.split()])
    assert not read_motion("motion.npz").spectral_volume.any()
    run(["render", "photo.png", "--motion", "motion.npz", "-o", "a.webp", "--seconds", ".2", *options.split()])
    assert FakeAnimator.last.calls[1][5] == edit


def test_format_and_codec_are_handed_on(folder, capsys):
    pytest.importorskip("av")
    command = ["animate", "photo.png", "-o", "loop.bin", "--seconds", ".2", "--format", "mp4", "--codec", "av1"]
    code, result = json_of(capsys, *command)
    assert (code, result["format"]) == (0, "mp4")
    assert b"av01" in (folder / "loop.bin").read_bytes()


def test_budget_is_what_the_encoder_leaves(folder, capsys):
    """VP9 takes 11 MiB and 42 bytes a pixel more than H.264, which the budget already counts in."""
    pytest.importorskip("av")
    command = ["animate", "photo.png", "-o", "a.webm", "--seconds", ".2", "--size", "64x48"]
    assert run([*command, "--memory-budget", "128MiB"]) == 0
    assert FakeAnimator.last.calls[0][2] == (128 - 11) * 2**20 - 42 * 64 * 48
    assert run([*command, "--memory-budget", "8MiB"]) == 5
    assert "raise --memory-budget, or write .mp4" in capsys.readouterr().err


def test_defaults_are_those_of_the_api():
    args = parser().parse_args(["animate", "photo.png", "-o", "a.mp4"])
    for method in (Animator.__init__, Animator.analyze, Scene.frames):
        for name, parameter in inspect.signature(method).parameters.items():
            if parameter.default is not inspect.Parameter.empty and name not in ("out", "edit", "loop_seconds"):
                assert getattr(args, name) == parameter.default, name


def test_predict_then_render(folder, capsys):
    assert run(["predict", "photo.png", "-o", "motion.npz", "--seed", "3"]) == 0
    assert FakeAnimator.last.calls[1] == ((48, 64, 3), 3, None)
    motion = read_motion("motion.npz")
    assert (motion.spectral_volume.shape, motion.photo.shape) == ((16, 4, 24, 32), (24, 32, 3))
    assert capsys.readouterr().out.startswith("motion.npz: 16 frequencies on 32 x 24 in ")

    command = ["render", "photo.png", "--motion", "motion.npz", "-o", "a.webp", "--seconds", "0.2"]
    assert run(command) == 0
    photo, volume, size, num_frames, fps, _, is_predicted = FakeAnimator.last.calls[1]
    assert is_predicted
    assert (photo, volume.shape, size, num_frames, fps) == ("photo.png", (16, 4, 24, 32), None, 150, 30)
    assert "a.webp" in names(folder)


def test_explore_draws_a_sheet_of_seeds(folder, capsys):
    code, result = json_of(capsys, "explore", "photo.png", "-o", "sheet.png", "--seed", "5", "--count", "3")
    assert (code, result["seeds"]) == (0, [5, 6, 7])
    assert [call[1] for call in FakeAnimator.last.calls if len(call) == 3] == [5, 6, 7]
    with Image.open("sheet.png") as image:
        assert image.size[0] > 3 * 64


def test_look_draws_its_panels(folder, capsys):
    code, result = json_of(capsys, "look", "photo.png", "-o", "look.png", "--seed", "2")
    assert (code, result["output"], FakeAnimator.last.calls[1][1]) == (0, "look.png", 2)
    with Image.open("look.png") as image:
        assert min(image.size) > 2 * 48


def test_plan_prints_the_table_and_draws_the_picture(folder, capsys):
    assert run(["plan", "--size", "640x480", "-o", "plan.png"]) == 0
    assert FakeAnimator.last.calls[1] == ((640, 480),)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["buffer", "offset", "bytes", "from", "to"]
    assert lines[5:7] == [
        "stage           peak   of which",
        "read         1.5 MiB   process 1.0 MiB, photo 512.0 KiB",
    ]
    with Image.open("plan.png") as image:
        assert image.size == (1280, 720)


def test_plan_as_json(folder, capsys):
    code, result = json_of(capsys, "plan")
    assert code == 0
    assert result["arena_bytes"] == 384
    assert result["stages"]["render"] == {"arena": 300}
    assert result["buffers"][0] == {
        "name": "photo", "nbytes": 100, "first_step": 0, "last_step": 1, "offset": 256,
    }  # fmt: skip


def test_progress_is_shown_on_a_terminal_only(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(["animate", "photo.png", "-o", "a.webp", "--seconds", "0.2"]) == 0
    out, err = capsys.readouterr()
    assert "6/6" in err
    assert "6/6" not in out


# --- what goes wrong ---


@pytest.mark.parametrize(("arguments", "match"), [
    ("", "required: COMMAND"),
    ("dream", "invalid choice"),
    ("animate photo.png", "required: -o/--output"),
    ("animate photo.png -o a.mp4 --size 512", "want WIDTHxHEIGHT such as 512x288, got '512'"),
    ("animate photo.png -o a.mp4 --size 0x288", "want WIDTHxHEIGHT"),
    ("animate photo.png -o a.mp4 --fps 0", "want a number of 0.1 to 240, got '0'"),
    ("animate photo.png -o a.mp4 --seconds nan", "want a number of 0.01 to 3600, got 'nan'"),
    ("animate photo.png -o a.mp4 --magnify much", "want a number of -100 to 100, got 'much'"),
    ("animate photo.png -o a.mp4 --speed 1e9", "want a number of -100 to 100, got '1e9'"),
    ("animate photo.png -o a.mp4 --steps 0", "want a whole number of 1 to 1000, got '0'"),
    ("animate photo.png -o a.mp4 --seed -1", "want a whole number of 0 to"),
    ("animate photo.png -o a.mp4 --loop mobius", "invalid choice: 'mobius'"),
    ("animate photo.png -o a.mp4 --gain 3=2", "want frequencies and factors such as 1:0.5,4-15:2, got '3=2'"),
    ("animate photo.png -o a.mp4 --gain 3:much", "want a number of -100 to 100, got 'much'"),
    ("animate photo.png -o a.mp4 --wind-direction up", "want a number of -360 to 360, got 'up'"),
    ("explore photo.png -o a.png --count 0", "want a whole number of 1 to 64, got '0'"),
    ("bundle burn", "invalid choice"),
])  # fmt: skip
def test_usage_errors_exit_with_2(capsys, arguments, match):
    with pytest.raises(SystemExit) as caught:
        run(arguments.split())
    assert caught.value.code == 2
    assert match in capsys.readouterr().err


@pytest.mark.parametrize(("kind", "code"), [
    ("PhotoError", 3), ("MotionError", 3), ("BundleError", 4), ("EngineCacheError", 4),
    ("BudgetError", 5), ("BackendError", 6), ("EncodeError", 1), ("CancelledError", 130),
])  # fmt: skip
def test_typed_errors_have_stable_exit_codes(folder, capsys, kind, code):
    FakeScene.trouble = getattr(errors, kind)("it is so; do this")
    assert run(["animate", "photo.png", "-o", "a.webp", "--json"]) == code
    out, err = capsys.readouterr()
    assert err == "stillwave: it is so; do this\n"
    assert json.loads(out)["error"] == {"type": kind, "message": "it is so; do this", "exit_code": code}
    assert names(folder) == ["photo.png"]


def test_running_out_of_memory_exits_like_a_budget(folder, capsys):
    FakeScene.trouble = MemoryError()
    assert run(["animate", "photo.png", "-o", "a.webp"]) == 5
    assert "lower --memory-budget or --size" in capsys.readouterr().err


def test_ctrl_c_exits_with_130_and_leaves_nothing(folder, capsys):
    FakeScene.trouble = KeyboardInterrupt()
    assert run(["animate", "photo.png", "-o", "a.webp"]) == 130
    assert capsys.readouterr().err == "stillwave: cancelled\n"
    assert names(folder) == ["photo.png"]


@pytest.mark.parametrize("command", [
    "animate photo.png -o none/a.webp", "render photo.png --motion motion.npz -o none/a.webp",
    "predict photo.png -o none/a.npz", "explore photo.png -o none/a.png", "look photo.png -o none/a.png",
    "plan -o none/a.png", "animate photo.png -o a.txt",
])  # fmt: skip
def test_hopeless_outputs_are_refused_before_any_work(folder, command):
    FakeAnimator.last = None
    assert run(command.split()) == 1
    assert FakeAnimator.last is None


def test_bad_inputs_exit_with_3(folder, capsys):
    (folder / "motion.npz").write_bytes(b"")
    assert run(["render", "photo.png", "--motion", "motion.npz", "-o", "a.webp"]) == 3
    assert run(["render", "photo.png", "--motion", "none.npz", "-o", "a.webp"]) == 3
    (folder / "photo.png").write_bytes(b"")
    assert run(["predict", "photo.png", "-o", "motion.npz"]) == 3
    assert "not a photo" in capsys.readouterr().err


def test_bad_bundles_exit_with_4(tmp_path, capsys):
    assert run(["bundle", "verify", str(tmp_path)]) == 4
    assert "has no manifest.json" in capsys.readouterr().err
