"""What a device has not, and what goes wrong on it: memory, drivers, networks; on the emulated one (no GPU)."""

import dataclasses

import numpy as np
import pytest

from stillwave.runtime import Animator, BackendError, BudgetError, BundleError, spectrum
from stillwave.runtime.device import contract as device
from stillwave.runtime.device import stages as device_stages
from stillwave.runtime.device.layout import DeviceLayout


@pytest.mark.parametrize("calls", [0, 1, 5])
def test_after_an_error_of_the_device_another_scene_can_be_made(on_device, emulated, photo, swaying, calls):
    scene = on_device.scene(photo, swaying, size=(80, 48))
    want = scene.frame(12.0)
    emulated.fail_after(calls)
    with pytest.raises(BackendError, match="emulated failure of the device"):
        scene.frame(12.0)
    emulated.fail_after(None)
    assert not emulated.blocks
    with pytest.raises(ValueError, match="this scene is closed, by an error of its device"):
        scene.frame(12.0)
    with on_device.scene(photo, swaying, size=(80, 48)) as again:
        np.testing.assert_array_equal(again.frame(12.0), want)


@pytest.mark.parametrize("calls", [3, 17, 40])
def test_an_error_while_a_scene_is_made_leaves_nothing(on_device, emulated, photo, swaying, calls):
    emulated.fail_after(calls)
    with pytest.raises(BackendError, match="emulated failure of the device"):
        on_device.scene(photo, swaying, size=(80, 48))
    assert not emulated.blocks
    emulated.fail_after(None)
    on_device.scene(photo, swaying, size=(80, 48)).close()


def test_an_error_while_predicting_leaves_nothing(on_device, emulated, photo):
    want = on_device.predict(photo, steps=1)
    emulated.fail_after(2)
    with pytest.raises(BackendError, match="emulated failure of the device"):
        on_device.predict(photo, steps=1)
    assert not emulated.blocks
    emulated.fail_after(None)
    np.testing.assert_array_equal(on_device.predict(photo, steps=1), want)


@pytest.mark.parametrize("what", ["block", "pinned", "capture"])
def test_memory_that_another_took_meanwhile_is_told_and_the_animator_goes_on(
    on_device, emulated, photo, swaying, monkeypatch, what
):
    """It was free when the plan was checked."""

    def full(*_):
        raise BudgetError("the device has it no more")

    want = on_device.predict(photo, steps=1)
    on_device.scene(photo, swaying, size=(80, 48)).close()
    with monkeypatch.context() as patch:
        patch.setattr(on_device._device.stream if what == "capture" else emulated, what, full)
        with pytest.raises(BudgetError, match="no more"):
            on_device.scene(photo, swaying)
        if what != "pinned":  # an analysis has none
            with pytest.raises(BudgetError, match="no more"):
                on_device.predict(photo[:64], steps=1)
            assert not emulated.blocks
    np.testing.assert_array_equal(on_device.predict(photo, steps=1), want)
    on_device.scene(photo, swaying).close()


def test_a_budget_that_cannot_hold_is_refused_before_anything_is_allocated(on_device, emulated, photo, swaying):
    stages = on_device._device
    remedy = "choose a smaller --size, or --backend cpu, which renders in tiles"
    for budget, total, reason in (
        (2**20, 2**31, "the budget is 1.0 MiB; raise --memory-budget"),
        (2**30, 2**20, "1.0 MiB are free; close what else uses it"),
    ):
        stages.budget, emulated.total_bytes = budget, total
        with pytest.raises(BudgetError, match=rf"160 x 96 needs at least \S+ MiB on the device, {reason}, {remedy}"):
            on_device.scene(photo, swaying)
        with pytest.raises(BudgetError, match=r"needs at least .* MiB on the device"):
            on_device.analyze(photo)
    stages.budget = 12 * 2**20
    with pytest.raises(BudgetError, match=r"a motion of \d+ x \d+ needs at least"):
        on_device.predict(photo)
    assert not emulated.blocks


def test_the_least_that_is_named_is_enough(on_device, photo, swaying):
    stages = on_device._device
    layout = DeviceLayout(96, 160, (48, 80), (48, 80), 4, 150, (16, 8, 8), 4, False, False, 4096, 4096)
    stages.budget = layout.plan().nbytes + sum(
        on_device.manifest.networks[name].weights_bytes for name in ("pyramid", "synthesis")
    )
    on_device.scene(photo, swaying).close()
    stages.budget -= 1
    with pytest.raises(BudgetError):
        on_device.scene(photo, swaying)


def test_an_animator_takes_its_scenes_along(on_device, emulated, photo, swaying):
    scene = on_device.scene(photo, swaying)
    on_device.close()
    assert not emulated.blocks
    with pytest.raises(ValueError, match="this scene is closed"):
        scene.frame(0.0)


def test_plan_shows_the_devices_block(on_device):
    plan = on_device.plan((512, 288))
    assert all(offset % 256 == 0 for offset in plan.offsets.values())
    assert {"spectrum", "level0", "shares", "picture"} <= plan.offsets.keys()
    assert "splat" in plan.table()


def test_networks_of_other_types_are_refused(on_device):
    bundle = on_device.bundle
    networks = dict(bundle.manifest.networks)
    half = dataclasses.replace(networks["synthesis"].outputs["frame"], dtype="float16")
    networks["synthesis"] = dataclasses.replace(networks["synthesis"], outputs={"frame": half})
    changed = dataclasses.replace(bundle, manifest=dataclasses.replace(bundle.manifest, networks=networks))
    with pytest.raises(BundleError, match=r"synthesis: frame is float16, on a device it must be float32; export"):
        device_stages.check_types(changed)


def test_no_driver_is_said_at_once(monkeypatch):
    monkeypatch.setattr(device, "DRIVERS", ("libno-such-driver.so.1",))
    for backend in ("cuda", "tensorrt", "tensorrt-rtx"):
        with pytest.raises(BackendError, match=r"no NVIDIA driver .*; install NVIDIA's driver"):
            Animator(backend=backend)


def test_no_binding_says_what_to_install(monkeypatch):
    monkeypatch.setattr(device, "check_driver", lambda: None)
    with pytest.raises(BackendError, match=r"'another' is none.*stillwave\[gpu\]"):
        device.open_device(binding="another")


def test_volumes_of_one_frequency_more_than_a_block(on_device, animator, photo):
    """K - 1 = 1: the smallest motion there is."""
    volume = np.zeros((2, 4, 24, 40), np.float32)
    volume[1, 0] = 0.4
    with animator.scene(photo, spectrum.anchor(volume)) as want, on_device.scene(photo, volume) as got:
        np.testing.assert_array_equal(got.frame(40.0), want.frame(40.0))
