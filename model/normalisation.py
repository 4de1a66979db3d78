"""Spectral volume <-> what the autoencoder sees of it, as the preset says: the paper's equation 4, or its ablation."""

import numpy as np

from stillwave.runtime import spectrum

from .presets import Preset


def coefficients_from_volume(S: np.ndarray, scales: np.ndarray, preset: Preset) -> np.ndarray:
    """Normalised slices (K-1, 4, H, W) of (K, 4, H, W) px on a grid of long side spectrum.REFERENCE_SIDE."""
    if preset.normalisation == "linear":
        return S[1:] / scales[1:].max()  # one scale for all frequencies
    return spectrum.coefficients_from_volume(S, scales)


def volume_from_coefficients(coefficients: np.ndarray, scales: np.ndarray, preset: Preset) -> np.ndarray:
    """The inverse, in px of the coefficients' own grid, anchored: (K-1, 4, H, W) -> (K, 4, H, W)."""
    if preset.normalisation == "adaptive":
        return spectrum.volume_from_coefficients(coefficients, scales)
    grid_scale = max(coefficients.shape[2:]) / spectrum.REFERENCE_SIDE
    S = np.zeros((len(coefficients) + 1, *coefficients.shape[1:]), np.float32)
    S[1:] = coefficients * (scales[1:].max() * grid_scale)
    return spectrum.anchor(S)
