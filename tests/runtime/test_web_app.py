"""The web app without a browser: what is refused, one job at a time, cancel, and no leftovers."""

import io
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette")
from starlette.testclient import TestClient

from stillwave.runtime import web_app as web_app_module
from stillwave.runtime.errors import BudgetError
from stillwave.runtime.studio import Studio
from stillwave.runtime.web_app import web_app

HOME = "http://127.0.0.1:8700"


class FakeScene:
    size = (64, 48)

    def __init__(self, studio):
        self.studio = studio

    def frames(self, seconds, fps, magnify, out):
        for i in range(round(seconds * fps)):
            self.studio.gate()
            out[:] = i
            yield out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class FakeAnimator:
    """Predicts a still picture. While `is_open` is not set, a job waits at its first step."""

    job = None
    manifest = SimpleNamespace(num_frames=150, fps=30.0)

    def __init__(self):
        self.is_open, self.has_begun = threading.Event(), threading.Event()
        self.is_open.set()
        self.trouble = None

    def gate(self):
        self.has_begun.set()
        assert self.is_open.wait(20)
        if self.trouble is not None:
            raise self.trouble

    def predict(self, pixels, seed):
        self.gate()
        self.job.reached(0.5)
        return np.full((3, 4, 12, 16), 0.1 * seed, np.float32)

    def scene(self, pixels, volume, num_frames, fps, is_predicted):
        assert is_predicted  # or the seam of other lengths shows
        return FakeScene(self)

    def close(self):
        pass


@pytest.fixture
def animator():
    return FakeAnimator()


@pytest.fixture
def studio(animator):
    with Studio(animator) as studio:
        yield studio
        animator.is_open.set()
    assert not studio.folder.exists()


@pytest.fixture
def client(studio):
    with TestClient(web_app(studio), base_url=HOME) as client:
        yield client


@pytest.fixture
def photo_file():
    content = io.BytesIO()
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(content, "PNG")
    return content.getvalue()


def ended(client, studio):
    studio._thread.join(20)
    return client.get("/api/job").json()


def bring(client, studio, photo_file, name="leaf.png", seed=1):
    response = client.post(f"/api/photo?seed={seed}", content=photo_file, headers={"x-file-name": name})
    assert response.status_code == 202
    assert ended(client, studio)["state"] == "done"


def error_of(response, status, kind):
    assert response.status_code == status
    error = response.json()["error"]
    assert error["type"] == kind
    return error["message"]


def test_from_photo_to_download(client, studio, photo_file):
    bring(client, studio, photo_file, name="my%20leaf.png")
    assert "<title>my-leaf</title>" in client.get("/scene").text
    assert client.get("/scene?download").headers["content-disposition"] == 'attachment; filename="my-leaf.html"'
    assert client.get("/api/video").status_code == 404
    assert client.post("/api/render", json={"seconds": 0.5, "format": "webp"}).status_code == 202
    assert ended(client, studio) == {"kind": "render", "state": "done", "progress": 1.0}
    response = client.get("/api/video")
    assert response.headers["content-disposition"] == 'attachment; filename="my-leaf.webp"'
    with Image.open(io.BytesIO(response.content)) as video:
        assert video.n_frames == 15


def test_another_photo_takes_the_first_one_s_video_away(client, studio, photo_file):
    bring(client, studio, photo_file)
    client.post("/api/render", json={"seconds": 0.1, "format": "webp"})
    ended(client, studio)
    assert [path.name for path in studio.folder.iterdir()] == ["leaf.webp"]
    bring(client, studio, photo_file, seed=2)
    assert list(studio.folder.iterdir()) == []


def test_the_page_offers_what_can_be_written(client, studio):
    page = client.get("/")
    assert '<option value="webp">WEBP</option>' in page.text
    assert 'value="png"' not in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for path in ("/app.js", "/app.css"):
        assert client.get(path).headers["x-content-type-options"] == "nosniff"


# --- what is refused ---


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8700", "127.0.0.1.evil.example", "", "[::1"])
def test_other_hosts_are_refused(client, host):
    assert error_of(client.get("/", headers={"host": host}), 421, "RefusedError").startswith("this is not")


@pytest.mark.parametrize("host", ["localhost:8700", "127.0.0.1", "[::1]:8700", "192.168.0.7:8700"])
def test_this_machine_and_plain_addresses_are_served(client, host):
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999"])
def test_other_sites_cannot_ask_for_work(client, photo_file, origin):
    response = client.post("/api/photo", content=photo_file, headers={"origin": origin})
    assert error_of(response, 403, "RefusedError") == "asked by another site"
    assert client.delete("/api/job", headers={"origin": origin}).status_code == 403
    assert client.post("/api/photo", content=photo_file, headers={"origin": HOME}).status_code == 202


def test_large_uploads_are_refused_by_what_they_claim_and_by_what_they_are(client, studio, monkeypatch):
    monkeypatch.setattr(web_app_module, "MAX_UPLOAD_BYTES", 1000)
    message = error_of(client.post("/api/photo", content=bytes(1001)), 413, "RefusedError")
    assert message == "at most 1,000 bytes are taken; make the photo smaller first"
    parts = (bytes(400) for _ in range(4))
    error_of(client.post("/api/photo", content=parts), 413, "RefusedError")
    assert list(studio.folder.iterdir()) == []


@pytest.mark.parametrize(("content", "match"), [
    (b"", "not a photo that can be read here"),
    (b"GIF89a" + bytes(40), "not a photo that can be read here"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a photo that can be read here"),
])  # fmt: skip
def test_what_is_not_a_photo_is_refused_as_anywhere(client, studio, content, match):
    message = error_of(client.post("/api/photo", content=content), 422, "PhotoError")
    assert message.startswith(match)
    assert str(studio.folder) not in message
    assert list(studio.folder.iterdir()) == []
    assert client.get("/api/job").json() == {"state": "none"}


def test_a_damaged_photo_is_refused(client, studio, photo_file):
    message = error_of(client.post("/api/photo", content=photo_file[:60]), 422, "PhotoError")
    assert "damaged" in message
    assert str(studio.folder) not in message


@pytest.mark.parametrize("seed", ["-1", "1.5", "x", "9" * 30])
def test_seeds_are_whole_numbers(client, photo_file, seed):
    assert "want a seed" in error_of(client.post(f"/api/photo?seed={seed}", content=photo_file), 400, "RefusedError")


@pytest.mark.parametrize(("wanted", "match"), [
    ('{"seconds": 1e9}', "want seconds of 0.1 to 60"), ('{"seconds": NaN}', "want seconds"),
    ('{"fps": 0}', "want fps of 1 to 60"), ('{"fps": true}', "want fps"), ('{"magnify": "1"}', "want magnify"),
    ('{"format": "png"}', "cannot write 'png'"), ('{"format": "../x"}', "cannot write"),
    ('{"path": "/etc"}', "unexpected keyword"), ("[]", "mapping"), ("{", "Expecting"), ("[" * 3000, ""),
])  # fmt: skip
def test_clips_are_checked(client, studio, photo_file, wanted, match):
    bring(client, studio, photo_file)
    assert match in error_of(client.post("/api/render", content=wanted), 400, "RefusedError")


def test_a_video_needs_a_photo(client):
    message = error_of(client.post("/api/render", json={"format": "webp"}), 400, "RefusedError")
    assert message == "there is no photo yet; bring one first"
    assert client.get("/scene").status_code == 404


def test_a_mask_is_refused_before_any_photo(client, photo_file):
    message = error_of(client.post("/api/mask", content=photo_file), 400, "RefusedError")
    assert message == "there is no photo yet; bring one first"


def test_large_masks_are_refused_by_what_they_claim_and_by_what_they_are(client, studio, monkeypatch):
    monkeypatch.setattr(web_app_module, "MAX_MASK_BYTES", 1000)
    assert "at most 1,000 bytes" in error_of(client.post("/api/mask", content=bytes(1001)), 413, "RefusedError")
    parts = (bytes(400) for _ in range(4))
    assert "at most 1,000 bytes" in error_of(client.post("/api/mask", content=parts), 413, "RefusedError")
    assert list(studio.folder.iterdir()) == []


def test_a_mask_that_is_no_picture_changes_nothing(client, studio, photo_file):
    bring(client, studio, photo_file)
    before = studio.motion
    message = error_of(client.post("/api/mask", content=b"not a picture"), 422, "PhotoError")
    assert message.startswith("not a photo that can be read here")
    assert studio.motion is before


# --- one job at a time ---


def test_a_second_job_is_refused_while_one_runs(client, studio, animator, photo_file):
    animator.is_open.clear()
    client.post("/api/photo", content=photo_file)
    assert client.get("/api/job").json()["state"] == "running"
    message = error_of(client.post("/api/photo", content=photo_file), 409, "BusyError")
    assert message == "another job is under way; wait for it, or cancel it"
    animator.is_open.set()
    assert ended(client, studio)["state"] == "done"


def test_cancelling_ends_the_analysis_and_keeps_what_was_there(client, studio, animator, photo_file):
    bring(client, studio, photo_file, name="first.png")
    animator.is_open.clear()
    client.post("/api/photo", content=photo_file, headers={"x-file-name": "second.png"})
    client.delete("/api/job")
    animator.is_open.set()
    assert ended(client, studio)["state"] == "cancelled"
    assert "<title>first</title>" in client.get("/scene").text


def test_cancelling_ends_the_video_and_leaves_no_file(client, studio, animator, photo_file):
    bring(client, studio, photo_file)
    animator.is_open.clear()
    animator.has_begun.clear()
    client.post("/api/render", json={"seconds": 1, "format": "webp"})
    assert animator.has_begun.wait(20)
    client.delete("/api/job")
    animator.is_open.set()
    assert ended(client, studio)["state"] == "cancelled"
    assert list(studio.folder.iterdir()) == []
    assert client.get("/api/video").status_code == 404


@pytest.mark.parametrize(("trouble", "kind", "message"), [
    (BudgetError("too little; raise it"), "BudgetError", "too little; raise it"),
    (ZeroDivisionError("oh"), "EncodeError", "ZeroDivisionError: oh"),
])  # fmt: skip
def test_what_goes_wrong_in_a_job_is_told(client, studio, animator, photo_file, trouble, kind, message):
    animator.trouble = trouble
    client.post("/api/photo", content=photo_file)
    state = ended(client, studio)
    assert state["state"] == "failed"
    assert state["error"] == {"type": kind, "message": message}


def test_closing_ends_the_job(animator, photo_file):
    studio = Studio(animator)
    animator.is_open.clear()
    studio.analyze("leaf", np.zeros((48, 64, 3), np.uint8), 0)
    threading.Timer(0.2, animator.is_open.set).start()
    studio.close()
    assert studio.job.state == "cancelled"
    assert not studio.folder.exists()
