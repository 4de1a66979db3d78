"""The web app in a real browser and with the real networks: a photo in, a video out."""

import threading

import pytest
from PIL import Image

pytest.importorskip("uvicorn")
pytest.importorskip("onnxruntime")
import uvicorn

from stillwave.runtime.commands.serve import _listening
from stillwave.runtime.studio import Studio, WatchedAnimator
from stillwave.runtime.web_app import web_app

pytestmark = pytest.mark.slow
PATIENCE_MS = 120_000  # of a machine that does other things, too


@pytest.fixture(scope="module")
def studio():
    with Studio(WatchedAnimator(backend="cpu", threads=1)) as studio:
        yield studio


@pytest.fixture(scope="module")
def url(studio):
    config = {"log_level": "error", "ws": "none", "lifespan": "off"}
    with _listening("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(web_app(studio), **config))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def page(browser, url):
    troubles = []
    with browser.new_context(viewport={"width": 900, "height": 600}, accept_downloads=True) as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda r: r.url.startswith((url, "blob:", "data:")) or troubles.append(r.url))
        page.goto(url)
        yield page
    assert [t for t in troubles if "422" not in t] == []  # the browser logs a refusal by itself


def test_upload_see_and_download(page, photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "my leaf.png")
    page.set_input_files("#file", tmp_path / "my leaf.png")
    page.wait_for_selector("#panel:visible")
    picture = page.frame_locator("#scene").locator("#picture")
    picture.wait_for(state="visible")
    page.fill("#seconds", "0.5")
    page.select_option("#format", "webp")
    with page.expect_download() as download:
        page.click("#render")
    assert download.value.suggested_filename == "my-leaf.webp"
    with Image.open(download.value.path()) as video:
        assert (video.size, video.n_frames) == ((160, 96), 15)
    with page.expect_download() as download:
        page.click("#page")
    assert download.value.suggested_filename == "my-leaf.html"


def test_magnitude_is_the_wind_that_is_seen(page, photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "leaf.png")
    page.set_input_files("#file", tmp_path / "leaf.png")
    page.wait_for_selector("#panel:visible")
    frame = page.frame_locator("#scene")
    frame.locator("#controls").wait_for(state="visible")
    page.focus("#magnify")
    page.keyboard.press("End")
    assert frame.locator("#wind").input_value() == "2"


def test_what_is_not_a_photo_is_told_and_another_can_follow(page, tmp_path):
    (tmp_path / "a.png").write_bytes(b"not a picture")
    page.set_input_files("#file", tmp_path / "a.png")
    page.wait_for_selector("#message:visible")
    assert "Not a photo that can be read here" in page.inner_text("#message")
    assert page.is_visible("#welcome")


def test_what_is_not_a_photo_leaves_the_picture_that_was_there(page, photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "leaf.png")
    (tmp_path / "a.png").write_bytes(b"not a picture")
    page.set_input_files("#file", tmp_path / "leaf.png")
    page.wait_for_selector("#panel:visible")
    page.set_input_files("#file", tmp_path / "a.png")
    page.wait_for_selector("#message:visible")
    assert page.is_visible("#panel")
    assert page.is_visible("#scene")


def test_cancel_brings_the_page_back(page, photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "leaf.png")
    page.set_input_files("#file", tmp_path / "leaf.png")
    page.wait_for_selector("#panel:visible")
    page.fill("#seconds", "60")
    page.select_option("#format", "webp")
    page.click("#render")
    page.click("#cancel")
    page.wait_for_selector("#panel:visible")
    assert not page.is_visible("#message")


def test_what_is_painted_moves_and_nothing_else(page, studio, photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "leaf.png")
    page.set_input_files("#file", tmp_path / "leaf.png")
    page.wait_for_selector("#panel:visible")
    page.frame_locator("#scene").locator("#picture").wait_for(state="visible")
    page.click("#paint")
    box = page.locator("#mask").bounding_box()
    with page.expect_response("**/api/mask"):
        page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.5 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"], steps=12)
        page.mouse.up()
    page.screenshot(path=tmp_path / "painted.png")
    power, whole = ((v[1:] ** 2).sum((0, 1)) for v in (studio.motion.spectral_volume, studio.motion.predicted))
    columns, row = power.shape[1], power.shape[0] // 2
    assert power[row, int(0.2 * columns)] > 0.9 * whole[row, int(0.2 * columns)] > 0
    assert not power[:, int(0.5 * columns) :].any()
    page.click("#erase")
    with page.expect_response("**/api/mask"):
        page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
        page.mouse.down()
        page.mouse.up()
    assert (studio.motion.spectral_volume[1:, :, row, int(0.2 * columns)] ** 2).sum() < 0.01 * whole[
        row, int(0.2 * columns)
    ]
    with page.expect_response("**/api/mask"):
        page.click("#clear")
    assert studio.motion.spectral_volume is studio.motion.predicted


def test_the_keyboard_paints_with_a_brush_of_the_size_chosen(page, studio, photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "leaf.png")
    page.set_input_files("#file", tmp_path / "leaf.png")
    page.wait_for_selector("#panel:visible")
    page.frame_locator("#scene").locator("#picture").wait_for(state="visible")
    page.click("#paint")
    painted = """() => {
      const mask = document.getElementById("mask"), { width, height } = mask;
      const copy = new OffscreenCanvas(width, height).getContext("2d");
      copy.drawImage(mask, 0, 0);
      return copy.getImageData(0, 0, width, height).data.filter(Boolean).length;
    }"""
    areas = []
    for size in ("0.02", "0.1"):
        page.fill("#brush", size)
        page.focus("#mask")
        page.keyboard.press("ArrowRight")
        assert page.is_visible(".ring")
        with page.expect_response("**/api/mask"):
            page.keyboard.press(" ")
        areas.append(page.evaluate(painted))
    assert 0 < 5 * areas[0] < areas[1]
