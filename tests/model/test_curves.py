"""Learning curves show the last value, a line that falls where the loss does, and refuse what is no log."""

import numpy as np
import pytest
from PIL import Image

from stillwave.model.train.curves import SMOOTH, LogError, main, read_log, smoothed


def write_log(path, losses):
    lines = ["step,loss,grad,seconds", *(f"{i},{loss:.5g},1,{i}" for i, loss in enumerate(losses))]
    path.write_text("\n".join(lines) + "\n")


def test_a_falling_loss_is_a_falling_line(tmp_path):
    write_log(tmp_path / "encoder.csv", np.linspace(3, 1, 200))
    main([str(tmp_path), "-o", str(tmp_path / "curves.png")])
    picture = np.asarray(Image.open(tmp_path / "curves.png"))
    assert picture.shape == (220, 4 * 360, 3)
    line = (picture[:, :360] == SMOOTH).all(2)
    left, right = line[:, 60:80], line[:, 320:340]
    assert np.nonzero(left)[0].mean() + 80 < np.nonzero(right)[0].mean()


def test_smoothing_keeps_a_straight_line_and_calms_noise():
    line = np.linspace(0, 1, 500)
    np.testing.assert_allclose(smoothed(line)[20:-20], line[20:-20], atol=1e-9)
    noise = np.random.default_rng(0).normal(size=500)
    assert smoothed(noise).std() < 0.4


def test_what_is_no_log_is_refused(tmp_path):
    with pytest.raises(LogError, match="no logs of training in it"):
        main([str(tmp_path), "-o", str(tmp_path / "curves.png")])
    (tmp_path / "a.csv").write_text("step,loss\n")
    with pytest.raises(LogError, match="has no steps yet"):
        read_log(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("step,loss\n1,2\n3\n")
    with pytest.raises(LogError, match="is damaged"):
        read_log(tmp_path / "a.csv")
