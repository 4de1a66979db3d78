"""Touch: the spectral volume as modes of vibration (paper section 6, eq. 6, after Davis et al. 2015).

F(p) = sum_j Re S_j(p) q_j, and every q_j is a damped oscillator of its own frequency:

    q'' + g q' + w^2 q = 0        g = alpha + beta w^2 (Rayleigh), m = 1

Its solution is used in closed form, so the state after a time does not depend on the steps taken.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .rhythm import Complex, swing
from .spectrum import Float

FIRM = 0.02  # of the pulled pixel's own mobility: it lags behind the pointer by so much
ROOTED = 0.004  # of the most mobile pixel's: what moves less than a tenth of that hardly follows
WIND_S = 1.0  # in which the wind rises or falls to what is asked


@dataclass(frozen=True)
class Damping:
    """Rayleigh damping g = alpha + beta w^2, in 1/s with w in rad/s; the paper's values."""

    alpha: float = 0.4
    beta: float = 0.08


class Dynamics:
    """The state of a touched scene: what is held, what swings freely, and the wind.

    num_frequencies  K; rows 1..K-1 of the volume are the modes
    period_s         of the motion: mode k swings k times in it
    """

    def __init__(self, num_frequencies: int, period_s: float, damping: Damping | None = None):
        damping = damping or Damping()
        self._turns_per_s = np.arange(num_frequencies) / period_s
        self.angular = 2 * np.pi * self._turns_per_s
        self._half_damping = (damping.alpha + damping.beta * self.angular**2) / 2
        self.held = np.zeros(num_frequencies, np.complex128)  # pose under the pointer
        self.position = np.zeros(num_frequencies, np.complex128)  # of what swings freely
        self.velocity = np.zeros(num_frequencies, np.complex128)  # a second
        self.wind = 0.0
        self._clock_s = 0.0

    def drag(self, pose: Complex) -> None:
        """Hold this pose (K,); what swings already goes on swinging about it."""
        self.held = pose.astype(np.complex128)
        self.held[0] = 0

    def release(self) -> None:
        """Let go: the pose swings from where it is, at rest."""
        self.position += self.held
        self.held = np.zeros_like(self.held)

    def advance(self, dt: float, wind: float = 0.0) -> None:
        """`dt` seconds later. The wind's strength nears `wind` within WIND_S."""
        self._clock_s += dt
        self.wind = wind + (self.wind - wind) * float(np.exp(-dt / WIND_S))
        half, stiffness = self._half_damping, self.angular**2
        root = np.sqrt(half**2 - stiffness + 0j)  # imaginary where it swings, real where it creeps back
        rise, fall = np.exp((root - half) * dt), np.exp((-root - half) * dt)
        even = ((rise + fall) / 2).real
        is_critical = np.abs(root) < 1e-9
        odd = ((rise - fall) / np.where(is_critical, 1, 2 * root)).real
        odd = np.where(is_critical, dt * np.exp(-half * dt), odd)
        position, velocity = self.position, self.velocity
        self.position = even * position + odd * (velocity + half * position)
        self.velocity = even * velocity - odd * (stiffness * position + half * velocity)

    def weights(self) -> Complex:
        """Weights of the volume's frequencies now (K,): wind, what is held, what swings."""
        ambient: Complex = self.wind * swing(self._turns_per_s[None] * self._clock_s)[0]
        return ambient + self.held + self.position

    def energy(self) -> float:
        """Of all modes, kinetic and potential, wind aside; never rises but by a drag."""
        kinetic, potential = np.abs(self.velocity) ** 2, np.abs(self.angular * (self.held + self.position)) ** 2
        return float((kinetic + potential).sum() / 2)


def pose_towards(modes: Complex, pull: tuple[float, float], strongest: float) -> Complex:
    """The pose that brings a pixel where it is pulled: q_j = conj(f . S_j(p)) (paper section 6).

    The force f is the one under which the pixel follows; in a direction in which it hardly ever moves
    it follows hardly, rather than at any price.

    modes      (K, 2) complex, S_j(p): x and y of the pixel's modes, px
    pull       px, x right and y down
    strongest  px^2, the largest sum_j |S_j|^2 of any pixel; see `mobility`
    returns    (K,) complex
    """
    gram = (modes.conj().T @ modes).real
    firmness = FIRM * np.trace(gram) + ROOTED * strongest
    if firmness <= 0:
        return np.zeros(len(modes), np.complex128)
    force = np.linalg.solve(gram + firmness * np.eye(2), np.asarray(pull, np.float64))
    return np.conj(modes @ force)


def modes_at(volume: Float, x: float, y: float) -> Complex:
    """Modes of a place on the volume's grid, between its cells: (K, 4, h, w) px -> (K, 2) complex, row 0 none."""
    height, width = volume.shape[2:]
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    left, top = min(int(x), max(width - 2, 0)), min(int(y), max(height - 2, 0))
    corners = volume[:, :, top : top + 2, left : left + 2].astype(np.float64)
    across = np.array([1 - (x - left), x - left])[: corners.shape[3]]
    down = np.array([1 - (y - top), y - top])[: corners.shape[2]]
    parts: npt.NDArray[np.float64] = np.einsum("kcij,i,j->kc", corners, down, across)
    modes: Complex = parts[:, 0::2] + 1j * parts[:, 1::2]
    modes[0] = 0
    return modes


def mobility(volume: Float) -> float:
    """The largest sum_j |S_j|^2 of any pixel, px^2."""
    power = np.zeros(volume.shape[2:])
    for slice_ in volume[1:]:
        power += (slice_**2).sum(0)
    return float(power.max())
