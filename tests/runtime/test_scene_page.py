"""The page as a file: what is in it, what may run, how large it is."""

import base64
import hashlib
import json
import re
import runpy
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stillwave.runtime.cli import run
from stillwave.runtime.motion_file import MotionFile, write_motion
from stillwave.runtime.photo import resize
from stillwave.runtime.scene_page import filled, html_from_motion, packed, quantised
from stillwave.runtime.spectrum import blur

EXAMPLE = Path(__file__).parents[2] / "examples" / "touchable_page.py"


@pytest.fixture(scope="module")
def page(photo, swaying):
    return html_from_motion(photo, swaying, 150, 30.0, title='a <b>"leaf"</b>')


def block(page, name):
    return re.search(rf'<script id="{name}"[^>]*>(.*?)</script>', page, re.DOTALL)[1]


def test_the_motion_in_the_page_is_the_motion_to_eight_bits(page, swaying):
    facts = json.loads(block(page, "scene"))
    assert facts["size"] == [160, 96]
    assert facts["grid"] == [80, 48]
    assert facts["period"] == 5.0
    deltas = np.frombuffer(zlib.decompress(base64.b64decode(block(page, "volume"))), np.uint8)
    volume = np.cumsum(deltas.reshape(3, 48, 80, 4), 2, dtype=np.uint8).view(np.int8)
    restored = volume * (np.array(facts["scales"]) / 127)[:, None, None, None]
    np.testing.assert_allclose(restored, swaying[1:].transpose(0, 2, 3, 1), atol=0.8 / 127 / 2 * 1.001)


def test_quantising_keeps_zero_and_survives_a_frequency_without_motion(swaying):
    volume, scales = quantised(swaying)
    assert not volume[:, :, :36].any()
    assert scales.tolist() == pytest.approx([0.8, 0.8, 0.0], rel=1e-2)
    assert volume.min() >= -127
    assert len(packed(volume)) < volume.size / 5


def test_a_page_of_512_x_288_is_small():
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (288, 512, 3)).astype(np.uint8)
    volume = blur(rng.normal(0, 1, (16, 4, 144, 256)).astype(np.float32), 2.0)
    assert len(html_from_motion(photo, volume, 150, 30.0)) < 3_000_000  # of noise: nothing is larger


def test_only_the_page_s_own_script_and_style_may_run(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", 'script type="module"'):
        content = re.search(rf"<{tag}>(.*?)</{tag.split()[0]}>", page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert not re.search(r"https?://|\sstyle=|\son\w+=", page)


def test_titles_are_text(page):
    assert "<title>a &lt;b&gt;&quot;leaf&quot;&lt;/b&gt;</title>" in page
    assert "<b>" not in page


def test_what_is_filled_in_is_not_filled_again():
    assert filled("{{a}} {{b.c}}", {"a": "{{b.c}}", "b.c": "x"}) == "{{b.c}} x"


def test_command_writes_the_page_from_a_motion_file(tmp_path, photo, swaying, capsys):
    Image.fromarray(photo).save(tmp_path / "leaf.png")
    write_motion(tmp_path / "m.npz", MotionFile(swaying, resize(photo, (80, 48)), 150, 30.0))
    arguments = [tmp_path / "leaf.png", "--motion", tmp_path / "m.npz", "-o", tmp_path / "leaf.html", "--json"]
    assert run(["scene", *map(str, arguments)]) == 0
    result = json.loads(capsys.readouterr().out)
    content = (tmp_path / "leaf.html").read_bytes()
    assert b"<title>leaf</title>" in content
    assert result["bytes"] == len(content) < 100_000
    assert (result["width"], result["height"]) == (160, 96)


def test_command_refuses_a_motion_of_another_shape(tmp_path, photo, swaying, capsys):
    Image.fromarray(photo[:, :96]).save(tmp_path / "leaf.png")
    write_motion(tmp_path / "m.npz", MotionFile(swaying, resize(photo, (80, 48)), 150, 30.0))
    arguments = [tmp_path / "leaf.png", "--motion", tmp_path / "m.npz", "-o", tmp_path / "leaf.html"]
    assert run(["scene", *map(str, arguments)]) == 3
    assert "has not the photo's shape" in capsys.readouterr().err
    assert not (tmp_path / "leaf.html").exists()


def test_example_writes_a_page(tmp_path, photo):
    pytest.importorskip("onnxruntime")
    Image.fromarray(photo).save(tmp_path / "leaf.png")
    runpy.run_path(EXAMPLE)["main"](tmp_path / "leaf.png", tmp_path / "leaf.html")
    assert (tmp_path / "leaf.html").read_text(encoding="utf-8").startswith("<!doctype html>")
