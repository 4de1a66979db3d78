import zipfile

import numpy as np
import pytest

from stillwave.runtime.errors import EncodeError, MotionError
from stillwave.runtime.motion_file import MotionFile, read_motion, write_motion


def arrays(**changes):
    random = np.random.default_rng(0)
    return {
        "spectral_volume": random.normal(size=(16, 4, 20, 32)).astype(np.float32),
        "photo": random.integers(0, 256, (20, 32, 3), dtype=np.uint8),
        "num_frames": 150,
        "fps": 30.0,
    } | changes


def motion(**changes):
    return MotionFile(**arrays(**changes))


def test_motion_comes_back_as_written(tmp_path):
    write_motion(tmp_path / "a.npz", motion(fps=29.97))
    read = read_motion(tmp_path / "a.npz")
    np.testing.assert_array_equal(read.spectral_volume, motion().spectral_volume)
    np.testing.assert_array_equal(read.photo, motion().photo)
    assert (read.num_frames, read.fps) == (150, 29.97)
    assert read.spectral_volume.dtype == np.float32
    assert read.is_predicted is False


def test_a_predicted_motion_stays_one(tmp_path):
    write_motion(tmp_path / "a.npz", motion(is_predicted=True))
    assert read_motion(tmp_path / "a.npz").is_predicted is True


def test_a_file_that_does_not_say_is_not_of_a_model(tmp_path):
    np.savez(tmp_path / "a.npz", **arrays())
    assert read_motion(tmp_path / "a.npz").is_predicted is False


def test_equal_motions_become_equal_bytes(tmp_path):
    write_motion(tmp_path / "a.npz", motion())
    write_motion(tmp_path / "b.npz", motion())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_numpy_reads_what_stillwave_writes_and_the_reverse(tmp_path):
    write_motion(tmp_path / "a.npz", motion())
    with np.load(tmp_path / "a.npz") as archive:
        assert sorted(archive) == ["fps", "is_predicted", "num_frames", "photo", "spectral_volume"]
        np.testing.assert_array_equal(archive["photo"], motion().photo)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "b.npz", **arrays(note="other arrays are not read"))
        np.testing.assert_array_equal(read_motion(tmp_path / "b.npz").photo, motion().photo)


@pytest.mark.parametrize("volume", [
    arrays()["spectral_volume"].astype(np.float16),
    arrays()["spectral_volume"].astype(np.float64),
    arrays()["spectral_volume"].astype(">f4"),
    np.asfortranarray(arrays()["spectral_volume"]),
])
def test_other_floats_and_orders_become_float32(tmp_path, volume):
    np.savez(tmp_path / "a.npz", **arrays(spectral_volume=volume))
    read = read_motion(tmp_path / "a.npz").spectral_volume
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, volume.astype(np.float32))


@pytest.mark.parametrize(("changes", "match"), [
    ({"spectral_volume": np.zeros((16, 2, 20, 32))}, r"spectral_volume of shape \(K, 4, H, W\)"),
    ({"spectral_volume": np.zeros((4, 20, 32))}, r"got \(4, 20, 32\)"),
    ({"spectral_volume": np.zeros((200, 4, 20, 32))}, "K of 1 to 128, got"),
    ({"spectral_volume": np.zeros((16, 4, 20, 32), int)}, "type floating, got int64"),
    ({"spectral_volume": np.full((2, 4, 20, 32), np.nan)}, "not finite; predict it again"),
    ({"spectral_volume": np.full((2, 4, 20, 32), 1e300)}, "not finite; predict it again"),
    ({"photo": np.zeros((20, 31, 3), np.uint8)}, r"want photo of shape \(20, 32, 3\)"),
    ({"photo": np.zeros((20, 32, 3))}, "want photo of type uint8, got float64"),
    ({"num_frames": 29}, "want num_frames of 30 or more for 16 frequencies, got 29"),
    ({"num_frames": 150.5}, "want num_frames of type integer, got float64"),
    ({"num_frames": [150, 150]}, r"want one number as num_frames, got an array of shape \(2,\)"),
    ({"fps": 0}, "want fps of more than 0"),
    ({"fps": np.nan}, "want fps of more than 0"),
    ({"fps": "30"}, "want fps of type number, got <U2"),
])
def test_wrong_arrays_are_refused(tmp_path, changes, match):
    np.savez(tmp_path / "a.npz", **arrays(**changes))
    with pytest.raises(MotionError, match=match) as caught:
        read_motion(tmp_path / "a.npz")
    assert str(tmp_path / "a.npz") in str(caught.value)


@pytest.mark.parametrize("name", ["spectral_volume", "photo", "num_frames", "fps"])
def test_missing_array_is_named(tmp_path, name):
    rest = arrays()
    del rest[name]
    np.savez(tmp_path / "a.npz", **rest)
    with pytest.raises(MotionError, match=f"has no {name}; want"):
        read_motion(tmp_path / "a.npz")


class Spy:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_pickles_are_never_loaded(tmp_path):
    objects = np.array([Spy()], dtype=object)
    np.savez(tmp_path / "a.npz", allow_pickle=True, **arrays(fps=objects))
    with pytest.raises(MotionError, match="want fps of type number, got object"):
        read_motion(tmp_path / "a.npz")


def with_header(path, name, header, body=b""):
    """A motion file in which one array is the given header and body."""
    np.savez(path, **arrays())
    with zipfile.ZipFile(path) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    text = header.encode().ljust(118) + b"\n"
    members[f"{name}.npy"] = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


@pytest.mark.parametrize(("shape", "match"), [
    ("(16, 4, 1000000, 1000000)", "is larger than 268,435,456 bytes"),
    ("(16, 4, 20, 32)", "is not as long as it says"),
    ("(1,)", "is not as long as it says"),
    ("(-1, 4)", "cannot be read|not as long"),
])
def test_claimed_size_is_checked_before_unpacking(tmp_path, shape, match):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    with_header(tmp_path / "a.npz", "spectral_volume", header, bytes(100))
    with pytest.raises(MotionError, match=match):
        read_motion(tmp_path / "a.npz")


def test_header_is_not_evaluated(tmp_path):
    with_header(tmp_path / "a.npz", "fps", "__import__('os').abort()")
    with pytest.raises(MotionError, match="cannot be read as a motion file"):
        read_motion(tmp_path / "a.npz")


def test_absent_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(MotionError, match="no such file; make one with `stillwave predict`"):
        read_motion(tmp_path / "none.npz")
    (tmp_path / "a.npz").write_bytes(b"not a zip")
    with pytest.raises(MotionError, match="cannot be read as a motion file"):
        read_motion(tmp_path / "a.npz")
    with pytest.raises(MotionError, match="cannot be read as a motion file"):
        read_motion(tmp_path)


def test_mutated_files_are_read_or_refused(tmp_path):
    path, outcomes = tmp_path / "a.npz", set()
    write_motion(path, motion(spectral_volume=np.ones((2, 4, 4, 4), np.float32), photo=np.ones((4, 4, 3), np.uint8)))
    clean = path.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(200):
        content = bytearray(clean)
        content[random.integers(len(content))] ^= 1 << random.integers(8)
        if random.random() < 0.2:
            content = content[: random.integers(len(content))]
        path.write_bytes(content)
        try:
            outcomes.add(np.isfinite(read_motion(path).spectral_volume).all())
        except MotionError:
            outcomes.add(MotionError)
    assert outcomes == {np.True_, MotionError}


def test_writing_to_nowhere_is_an_encode_error(tmp_path):
    with pytest.raises(EncodeError, match="there is no folder"):
        write_motion(tmp_path / "none" / "a.npz", motion())
