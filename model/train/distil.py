"""Stage 6: few steps: the sampler's few steps learn to end where many guided steps end.

`stillwave train distil RUN` first samples, for the photos of RUN/latents, with PARTS times as many
steps and classifier-free guidance, and keeps what the latents were where a short run would stand
(RUN/trajectories; it can be stopped, started, and shared by two). Then the denoiser learns to step from
one to the next alone (after Salimans and Ho 2022, and Meng et al. 2023 for the guidance). What
it learns is little, since the target of each step counts on the sampler's extrapolation: with any other
number of steps it samples as before.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor
from tqdm import tqdm

from stillwave.runtime.sampler import Schedule, initial_noise, sampler_steps

from ..arrays import write_arrays
from ..denoiser import Denoiser
from ..image_encoder import ImageEncoder
from ..options import parse
from ..presets import PRESETS
from .run import Run, half_precision, load_average

STEPS = 4
PARTS = 4
GUIDANCE = 1.75  # the paper's
FIRST_SEED = 7_000_000


def guided_states(denoiser: Denoiser, condition: Tensor, noise: Tensor, steps: int, parts: int, guidance: float):
    """Latents of one photo at the beginning of each of `steps` steps and at their end, made by `parts` times
    as many: condition (1, Cc, h, w), noise (K-1, 4, h, w) -> (steps + 1, K-1, 4, h, w).
    """
    both = torch.cat([condition, torch.zeros_like(condition)])
    x, last, states = noise.clone(), None, []
    for i, step in enumerate(sampler_steps(Schedule(), steps * parts)):
        if i % parts == 0:
            states.append(x.clone())
        timestep = torch.full((2,), float(step.timestep), device=x.device)
        with torch.no_grad(), half_precision():
            with_photo, without = denoiser(torch.cat([x, x]), timestep, both).float().chunk(2)
        x_0 = step.cos * x - step.sin * (without + guidance * (with_photo - without))
        ahead = x_0 if last is None else x_0 + step.reach * (x_0 - last)
        x, last = step.keep * x + step.pull * ahead, x_0
    return torch.stack([*states, x])


def velocity_targets(states: Tensor) -> Tensor:
    """Velocities with which the runtime's sampler goes from each state to the next:
    (steps + 1, ...) -> (steps, ...).
    """
    targets, last = [], None
    for x, then, step in zip(states[:-1], states[1:], sampler_steps(Schedule(), len(states) - 1), strict=True):
        ahead = (then - step.keep * x) / step.pull
        x_0 = ahead if last is None else (ahead + step.reach * last) / (1 + step.reach)
        targets.append((step.cos * x - x_0) / step.sin)
        last = x_0
    return torch.stack(targets)


def write_trajectories(run: Path, denoiser: Denoiser, count: int, guidance: float) -> list[Path]:
    folder = run / "trajectories"
    folder.mkdir(exist_ok=True)
    conditions = sorted((run / "latents").glob("*.npz"))[:count]
    for source in tqdm(conditions, desc="trajectories", mininterval=10):
        path = folder / source.name
        if path.exists():
            continue
        with np.load(source) as row:
            condition = torch.from_numpy(row["condition"]).float()[None]
        shape = (denoiser.num_slices, denoiser.latents_in.in_channels, *condition.shape[2:])
        noise = torch.from_numpy(initial_noise(FIRST_SEED + int(source.stem), shape))
        states = guided_states(denoiser, condition, noise, STEPS, PARTS, guidance)
        write_arrays(path, states=states.numpy().astype(np.float16), condition=condition[0].numpy().astype(np.float16))
    return [folder / source.name for source in conditions]


def batch(paths: list[Path], count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Latents (B * K-1, 4, h, w), timesteps (B,), conditions (B, Cc, h, w) and target velocities, as the latents."""
    latents, timesteps, conditions, velocities = [], [], [], []
    for path in (paths[i] for i in rng.integers(len(paths), size=count)):
        with np.load(path) as row:
            states, condition = (torch.from_numpy(row[name]).float() for name in ("states", "condition"))
        which = int(rng.integers(len(states) - 1))
        latents.append(states[which])
        velocities.append(velocity_targets(states)[which])
        timesteps.append(float(sampler_steps(Schedule(), len(states) - 1)[which].timestep))
        conditions.append(condition)
    return torch.cat(latents), torch.tensor(timesteps), torch.stack(conditions), torch.cat(velocities)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave train distil", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--trajectories", type=int, default=200)
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--steps", type=int, default=600, help="of training")
    parser.add_argument("--photos", type=int, default=3)
    args = parse(parser, arguments)

    preset = PRESETS[args.preset]
    denoiser = Denoiser(preset, ImageEncoder(preset).condition_channels).to(memory_format=torch.channels_last)
    load_average(args.run, "denoiser", denoiser)
    paths = write_trajectories(args.run, denoiser, args.trajectories, args.guidance)
    denoiser.train().requires_grad_(True)
    learned = [{"params": list(denoiser.parameters()), "lr": 2e-4}]
    run = Run(args.run, "distilled", denoiser, learned, args.steps, 0.99, args.seed)
    for _ in run:
        latents, timesteps, condition, velocity = run.place(*batch(paths, run.share(args.photos), run.rng))
        with half_precision():
            predicted = denoiser(latents, timesteps, condition)
        run.update(functional.mse_loss(predicted.float(), velocity))


if __name__ == "__main__":
    main()
