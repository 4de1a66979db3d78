"""The page in a real browser. Time passes by `stillwave.step(dt)` only, so nothing here is timed."""

import io

import numpy as np
import pytest
from PIL import Image

from stillwave.runtime.scene_page import html_from_motion

pytestmark = pytest.mark.slow
WIDTH, HEIGHT = 320, 192
LEAF = 200, 90  # px of the photo, and of the window: it is shown at its own size


@pytest.fixture(scope="module")
def leaf():
    """A bright leaf before a dark, textured ground: uint8 (192, 320, 3)."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    blob = np.exp(-(((x - LEAF[0]) / 12) ** 2) - ((y - LEAF[1]) / 12) ** 2)
    ground = 24 + 8 * np.sin(x / 5) * np.sin(y / 7)
    return np.stack([ground + 200 * blob, ground + 160 * blob, ground], 2).astype(np.uint8)


@pytest.fixture(scope="module")
def url(leaf, tmp_path_factory):
    """The leaf sways along x at one cycle a period, along y at two, and its ground stands still."""
    volume = np.zeros((4, 4, 96, 160), np.float32)
    y, x = np.mgrid[0:96, 0:160]
    near = np.exp(-(((x - LEAF[0] / 2) / 14) ** 2) - ((y - LEAF[1] / 2) / 14) ** 2)
    volume[1, 1], volume[2, 2] = 0.8 * near, 0.6 * near
    path = tmp_path_factory.mktemp("page") / "scene.html"
    path.write_text(html_from_motion(leaf, volume, 150, 30.0, "leaf"), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def open_page(browser, url):
    """Opens the page with the clock in the test's hands; nothing may be loaded, no error reported."""
    contexts, troubles = [], []

    def opened(query="?q=2", viewport=(WIDTH, HEIGHT), is_driven=True, script=None, **options):
        size = {"width": viewport[0], "height": viewport[1]}
        contexts.append(context := browser.new_context(viewport=size, **options))
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: troubles.append(request.url))
        if script:
            page.add_init_script(script)
        page.goto(url + query)
        page.wait_for_selector("#picture:visible, #message:visible")
        if is_driven:
            page.evaluate("stillwave.step(0)")
        assert troubles == [url + query]
        troubles.clear()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def page(open_page):
    opened = open_page()
    set_wind(opened, 0)
    steps(opened, 1, 20)  # until the wind has fallen
    return opened


def set_wind(page, value):
    page.evaluate("v => { wind.value = v; wind.dispatchEvent(new Event('input')); }", value)


def steps(page, dt, count=1):
    page.evaluate("([dt, n]) => { for (let i = 0; i < n; i++) stillwave.step(dt); }", [dt, count])


def pixels(page):
    """What is shown, (192, 320, 3), without the controls above it."""
    page.evaluate("controls.style.visibility = marker.style.visibility = 'hidden'")
    content = page.screenshot()
    page.evaluate("controls.style.visibility = marker.style.visibility = ''")
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), np.float64)


def until(page, fact):
    """Playwright's own `wait_for_function` needs an eval that the page's policy forbids."""
    for _ in range(100):
        if page.evaluate(fact):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never: {fact}")


def centre(page):
    """Centre of the bright leaf in the picture shown: (x, y) px."""
    brightness = np.clip(pixels(page)[:, :, 0] - 90, 0, None)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.array([(brightness * x).sum(), (brightness * y).sum()]) / brightness.sum()


def leaf_displacement(page):
    """px of the window, from the page's own state."""
    grid = [LEAF[0] / 2 - 0.5, LEAF[1] / 2 - 0.5]
    script = "p => stillwave.volume.displacementAt(stillwave.dynamics.weights(), ...p)"
    return 2 * np.array(page.evaluate(script, grid))


def pull(page, dx, dy):
    page.mouse.move(*LEAF)
    page.mouse.down()
    page.mouse.move(LEAF[0] + dx, LEAF[1] + dy, steps=4)
    steps(page, 0)


def test_at_rest_it_is_the_photo(page, leaf):
    assert np.abs(pixels(page) - leaf).mean() < 2.5  # of JPEG
    assert centre(page) == pytest.approx(LEAF, abs=0.5)


@pytest.mark.parametrize(("dx", "dy"), [(14, 0), (0, -12), (-10, 8)])
def test_the_dragged_pixel_follows_the_mouse(page, dx, dy):
    pull(page, dx, dy)
    moved = centre(page) - LEAF
    assert moved == pytest.approx([dx, dy], abs=2.5)
    assert leaf_displacement(page) == pytest.approx(moved, abs=2.5)


def test_the_dragged_pixel_follows_a_finger(open_page):
    page = open_page(has_touch=True, is_mobile=True)
    set_wind(page, 0)
    steps(page, 1, 20)
    client = page.context.new_cdp_session(page)
    for kind, x in (("touchStart", 0), ("touchMove", 6), ("touchMove", 12)):
        point = {"x": LEAF[0] + x, "y": LEAF[1]}
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    steps(page, 0)
    assert leaf_displacement(page) == pytest.approx([12, 0], abs=2)
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert not page.evaluate("stillwave.touch.isHeld")


def test_a_released_leaf_swings_and_comes_to_rest(page):
    pull(page, 14, 0)
    page.mouse.up()
    energies, places = [], []
    for _ in range(150):
        steps(page, 0.2)
        energies.append(page.evaluate("stillwave.dynamics.energy()"))
        places.append(leaf_displacement(page)[0])
    assert (np.diff(energies) <= 1e-12).all()
    assert min(places) < -1  # it swings through
    assert abs(places[-1]) < 0.05
    assert centre(page) == pytest.approx(LEAF, abs=0.5)


@pytest.mark.parametrize("dt", [1 / 240, 1 / 60, 1 / 5])
def test_modes_swing_as_damped_oscillators_at_any_frame_rate(page, dt):
    pull(page, 10, 6)
    page.mouse.up()
    start = np.array(page.evaluate("[...stillwave.dynamics.position]"))
    steps(page, dt, round(1 / dt))
    positions = page.evaluate("[...stillwave.dynamics.position]")
    assert positions == pytest.approx(integrated(start, seconds=1.0), abs=1e-6 * np.abs(start).max())


def test_page_and_runtime_swing_alike(page):
    dynamics = pytest.importorskip("stillwave.runtime.dynamics")
    pose = np.array([0, 1 + 0.5j, -0.3j, 0.2])
    ours = dynamics.Dynamics(4, 5.0)
    ours.drag(pose)
    ours.advance(0.3, 0.7)
    ours.release()
    ours.advance(0.05, 0.7)
    script = """pose => {
      const theirs = new stillwave.dynamics.constructor(3, 5);
      theirs.drag(pose);
      theirs.advance(0.3, 0.7);
      theirs.release();
      theirs.advance(0.05, 0.7);
      return [...theirs.weights()];
    }"""
    theirs = page.evaluate(script, pose[1:].view(np.float64).tolist())
    assert theirs == pytest.approx(ours.weights()[1:].view(np.float64), abs=1e-9)


def integrated(start, seconds, count=2000):
    """q'' + (0.4 + 0.08 w^2) q' + w^2 q = 0 from `start` at rest, by the classical Runge-Kutta method."""
    w = np.repeat(2 * np.pi * np.arange(1, 4) / 5.0, 2)
    dt = seconds / count

    def slope(state):
        return np.stack([state[1], -(0.4 + 0.08 * w**2) * state[1] - w**2 * state[0]])

    state = np.stack([start, np.zeros_like(start)])
    for _ in range(count):
        a = slope(state)
        b = slope(state + dt / 2 * a)
        c = slope(state + dt / 2 * b)
        d = slope(state + dt * c)
        state = state + dt / 6 * (a + 2 * b + 2 * c + d)
    return state[0]


def test_the_wind_slider_changes_the_amplitude(open_page):
    page = open_page()
    amplitudes = []
    for key in ("Home", "PageUp", "End"):
        page.focus("#wind")
        page.keyboard.press(key)
        steps(page, 1, 20)
        swings = []
        for _ in range(10):
            steps(page, 0.5)
            swings.append(np.hypot(*leaf_displacement(page)))
        amplitudes.append(max(swings))
    still, breeze, gale = amplitudes
    assert still < 1e-3
    assert breeze < 0.5 * gale
    assert gale == pytest.approx(2 * 2 * np.hypot(2 * 0.8, 2 * 2 * 0.6), rel=0.2)  # both at their largest


def test_without_a_wish_it_moves_and_pauses(open_page):
    page = open_page()
    before = leaf_displacement(page)
    steps(page, 0.5, 2)
    moving = leaf_displacement(page)
    assert np.hypot(*(moving - before)) > 0.5
    page.click("#pause")
    assert page.get_attribute("#pause", "aria-label") == "Play"
    steps(page, 0.5, 2)
    assert leaf_displacement(page) == pytest.approx(moving)


def test_a_wish_for_less_motion_is_respected(open_page):
    page = open_page(reduced_motion="reduce", is_driven=False)
    assert page.input_value("#wind") == "0"
    before = pixels(page)
    page.wait_for_timeout(300)
    np.testing.assert_array_equal(pixels(page), before)
    page.evaluate("stillwave.step(0)")
    pull(page, 12, 0)
    assert leaf_displacement(page)[0] > 8  # it still follows the hand
    page.mouse.up()
    for _ in range(40):
        steps(page, 0.1)
        assert leaf_displacement(page)[0] > -0.05  # and settles without swinging


def test_a_changed_wish_is_respected_at_once(open_page):
    page = open_page()
    page.emulate_media(reduced_motion="reduce")
    until(page, "wind.value === '0'")


def test_keys_pull_let_go_and_pause(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "picture"
    marker = "getComputedStyle(document.getElementById('marker')).opacity"
    assert page.evaluate(marker) == "1"
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    steps(page, 0)
    assert leaf_displacement(page)[0] > 6
    page.keyboard.press("Space")
    steps(page, 0.2, 150)
    assert abs(leaf_displacement(page)[0]) < 0.05
    page.keyboard.press("Space")
    assert page.get_attribute("#pause", "aria-pressed") == "true"
    place = page.evaluate("stillwave.touch.focus")
    page.keyboard.press("Shift+ArrowLeft")
    assert page.evaluate("stillwave.touch.focus")[0] < place[0]


def test_every_control_has_a_name(page):
    tree = page.locator("body").aria_snapshot()
    for line in ("application", "button", "slider"):
        assert line in tree
    assert page.get_by_role("slider", name="Wind").count() == 1
    assert page.get_by_role("button", name="Pause").count() == 1


def test_mesh_levels_show_the_same(open_page):
    shown = []
    for query, level in (("?q=0", 0), ("?q=1", 1), ("?q=3", 3), ("?q=99", 3)):
        page = open_page(query)
        assert page.evaluate("stillwave.picture.level") == level
        set_wind(page, 0)
        steps(page, 1, 20)
        pull(page, 8, 0)
        shown.append(pixels(page))
    assert np.abs(shown[1] - shown[2]).mean() < 1
    np.testing.assert_array_equal(shown[2], shown[3])


def test_without_webgl_the_photo_stays_and_a_message_says_why(open_page):
    refuse = "HTMLCanvasElement.prototype.getContext = () => null"
    page = open_page(is_driven=False, script=refuse)
    assert "WebGL 2" in page.inner_text("#message")
    assert page.get_attribute("body", "data-error") == "NoWebGLError"
    assert page.is_visible("#photo")
    assert not page.is_visible("#controls")


def test_a_lost_context_is_restored(page):
    before = pixels(page)
    page.evaluate("globalThis.loss = stillwave.picture.gl.getExtension('WEBGL_lose_context'); loss.loseContext()")
    until(page, "stillwave.picture.gl.isContextLost()")
    page.evaluate("globalThis.old = stillwave.picture; setTimeout(() => loss.restoreContext())")
    until(page, "stillwave.picture !== old")
    np.testing.assert_array_equal(pixels(page), before)


def test_nothing_can_be_loaded_or_run(browser, url):
    attempts = """async () => {
      const seen = [];
      document.addEventListener("securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
      await fetch("https://example.org/").catch(() => {});
      const script = document.createElement("script");
      script.textContent = "globalThis.hasRun = true";
      document.body.append(script);
      const picture = new Image();
      picture.src = "https://example.org/a.png";
      await new Promise((resolve) => { picture.onerror = resolve; });
      return [seen.sort(), globalThis.hasRun ?? false];
    }"""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(url)
        seen, has_run = page.evaluate(attempts)
    assert seen == ["connect-src", "img-src", "script-src-elem"]
    assert not has_run
