"""A loop's guide: its gradient against torch autograd through the whole chain, and what it does to a sample."""

import dataclasses

import numpy as np
import pytest
import torch

from stillwave.export.decoder_gradient import DecoderGradient
from stillwave.export.networks import random_weights
from stillwave.model.presets import EDGE
from stillwave.runtime import Animator, BudgetError, BundleError, spectrum
from stillwave.runtime.guidance import LoopGuide, apart
from stillwave.runtime.loops import ends_apart
from stillwave.runtime.rhythm import natural_turns

K, T, ROWS, COLUMNS = 5, 150, 96, 128


class TorchEngine:
    """A module as the runtime's engine; its last bound array is what it writes."""

    def __init__(self, module: torch.nn.Module):
        self.module = module

    def bind(self, **arrays: np.ndarray) -> None:
        *self.given, self.wanted = (torch.from_numpy(array) for array in arrays.values())

    def run(self) -> None:
        with torch.no_grad():
            self.wanted.copy_(self.module(*self.given))


def test_it_steps_down_the_gradient_that_autograd_finds() -> None:
    """Through decoder, squares, coherence and calibration (its factors fixed) to L, on cells off the edge."""
    rng = np.random.default_rng(0)
    decoder = random_weights(EDGE).decoder
    x_0 = rng.normal(size=(K - 1, 4, ROWS // 8, COLUMNS // 8)).astype(np.float32)
    guide = rng.normal(size=(1, EDGE.guide_channels, ROWS, COLUMNS)).astype(np.float32)
    amplitude = rng.uniform(0.2, 1.0, x_0[:, 0].shape).astype(np.float32)
    scales = np.linspace(0.2, 1.0, K, dtype=np.float32)
    engines = TorchEngine(decoder), TorchEngine(DecoderGradient(decoder.decoder, decoder.mean, decoder.std))
    loop_guide = LoopGuide(*engines, guide, amplitude, scales, T, 111.0)
    step = loop_guide(x_0)

    field = loop_guide._field(x_0)
    gains = spectrum.calibration(field, amplitude)
    field[1:] *= gains
    start = spectrum.starting_frame(field, T, 111.0) / T
    down, across = (torch.from_numpy(dense(side)) for side in (ROWS, COLUMNS))
    latents = torch.from_numpy(x_0.copy()).requires_grad_()
    coefficients = decoder(latents, torch.from_numpy(guide))
    S = torch.from_numpy(loop_guide.scales) * (down @ (coefficients * coefficients.abs()) @ across.T)
    S = torch.cat([S[:1] * 0, S * torch.from_numpy(gains)])
    k = torch.arange(K).reshape(K, 1, 1, 1)
    complex_xy = (S[:, 0::2] + 1j * S[:, 1::2]) * torch.exp(2j * np.pi * k * start)
    swing = 2 * (torch.exp(2j * np.pi * k * 111.0 / T) - 1)
    differences = [(w * swing * complex_xy)[1:].real.sum(0) for w in (1, 1j * k / (K - 1))]
    loss = sum(d.abs().sum() for d in differences)
    (gradient,) = torch.autograd.grad(loss, latents)

    assert apart(spectrum.advance(field, start), loop_guide.ends)[0] == pytest.approx(loss.item(), rel=1e-3)
    inner = (slice(None), slice(None), slice(3, -3), slice(3, -3))  # the transposed blur is not exact at edges
    wanted, got = (-gradient[inner].numpy()).ravel().astype(np.float64), step[inner].ravel().astype(np.float64)
    assert wanted @ got / np.linalg.norm(wanted) / np.linalg.norm(got) > 0.99
    assert float((step * gradient.numpy()).sum()) == pytest.approx(-loss.item(), rel=0.1)  # Polyak's length


def dense(side: int) -> np.ndarray:
    """`spectrum.coherent` along one axis as a matrix (side / COARSE, side)."""
    deltas = np.zeros((side, 1, side, spectrum.COARSE), np.float32)
    deltas[np.arange(side), 0, np.arange(side)] = 1
    return np.ascontiguousarray(spectrum.coherent(deltas)[:, 0, :, 0].T)


def test_a_motion_that_closes_is_apart_by_nothing() -> None:
    volume = np.random.default_rng(0).normal(size=(K, 4, 3, 3)).astype(np.float32)
    assert apart(volume, ends_apart(natural_turns(K, T), 2 * T))[0] == 0
    assert apart(volume, ends_apart(natural_turns(K, T), 1.5 * T))[0] > 1


def test_a_guided_sample_is_nearer_to_closing_and_moves_as_much(animator, photo) -> None:
    ends = ends_apart(natural_turns(16, 150), 30 * 3.7)
    free, guided = (animator.predict(photo, steps=2, loop_seconds=s) for s in (None, 3.7))
    assert apart(guided, ends)[0] < 0.95 * apart(free, ends)[0]  # the projection does the rest
    assert 0.9 < (guided[1:] ** 2).sum() / (free[1:] ** 2).sum() < 1.1


def test_the_motions_own_period_needs_no_guide(animator, photo) -> None:
    np.testing.assert_array_equal(*(animator.predict(photo, steps=1, loop_seconds=s) for s in (5.0, None)))


def test_a_bundle_without_the_gradient_says_what_to_do(photo) -> None:
    with Animator(backend="cpu") as animator:
        networks = {n: r for n, r in animator.manifest.networks.items() if n != "decoder_gradient"}
        animator.manifest = dataclasses.replace(animator.manifest, networks=networks)
        animator.predict(photo, steps=1)
        match = "has no network 'decoder_gradient', which guides a sampler to a loop; export the bundle"
        with pytest.raises(BundleError, match=match):
            animator.analyze(photo, loop_seconds=3.7)


def test_a_guide_counts_in_the_budget(photo) -> None:
    with Animator(backend="cpu", memory_budget="128MiB") as animator:
        animator.analyze(photo).close()
        with pytest.raises(BudgetError, match=r"needs at least .*; raise --memory-budget or .*--loop exact"):
            animator.analyze(photo, loop_seconds=3.7)
