"""Stage 5a: the gates of the synthesis, fitted to pixels drawn from whole frames.

A pixel's features and the sums that gates weigh are few numbers, so that thousands of pixels of every clip
make a step, at a hundredth of what crops cost; `stillwave train renderer` goes on from there.

`stillwave train gates CLIPS --pool POOL --pairs PAIRS -o RUN`
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from tqdm import tqdm

from stillwave.kernels import splat

from ..presets import PRESETS
from ..renderer import AROUND, NEAR, STILL_PX, Gates, Renderer, features, filled, moves_now
from ..samples import load_clips
from .pairs import SCENE_TIMES, Starts, pair_from_file, planes

FRAMES, PIXELS = 8, 4000  # of every clip; scenes give half as many pixels of every frame
GROUPS, SCENES = 6, 3  # clips and scenes a step
SCENE_WEIGHT = 0.3
FLOOR = 0.02  # of a picture's error: what is nearly right already does not count for more


@dataclass
class Pixels:
    """Pixels of one clip or scene: N x (features), N x 3 x (sums that gates weigh), N x 3 error of the splat."""

    features: Tensor
    sums: Tensor
    error: Tensor
    presence: Tensor


def splatted(renderer: Renderer, photo: Tensor, motion: Tensor, importance: Tensor) -> list[Tensor]:
    """`Renderer.splat` by the runtime's kernel: a twentieth of the time, and no gradient is needed."""
    levels = []
    for j, level in enumerate(renderer.pyramid(photo)):
        size = level.shape[2:]
        maps = (functional.interpolate(x, size, mode="bilinear") for x in (motion, importance))
        shift, weight = (x[0].permute(1, 2, 0) for x in maps)
        arrays = level[0].permute(1, 2, 0), shift / 2**j, weight[..., 0]
        warped = splat(*(np.ascontiguousarray(x.numpy(), np.float32) for x in arrays), threads=1)
        levels.append(torch.from_numpy(warped).permute(2, 0, 1)[None])
    return levels


@torch.no_grad()
def pixels_of(renderer: Renderer, pair, count: int, rng: np.random.Generator) -> list[Tensor]:
    """A random `count` of a frame's pixels, as the columns of `Pixels`."""
    photo, frame, motion, importance, activity = (x[None] for x in planes(pair))
    levels = splatted(renderer, photo, motion, importance)
    warped = filled(*levels, photo)
    difference = warped - photo
    near, around = features(warped, difference, levels[0][:, 3:4], motion, activity)
    found = torch.cat([near, functional.interpolate(around, scale_factor=4.0, mode="bilinear")], 1)
    bank = torch.stack([renderer.synthesis.sums(c, warped, difference, levels[0])[0] for c in range(3)])
    presence = activity / (activity + STILL_PX) * moves_now(motion)
    H, W = photo.shape[2:]
    rows, columns = (torch.from_numpy(rng.integers(2, side - 2, count)) for side in (H, W))
    chosen = [x[0].permute(1, 2, 0)[rows, columns] for x in (found, frame - warped, presence)]
    return [chosen[0], bank.permute(2, 3, 0, 1)[rows, columns], chosen[1], chosen[2]]


def collect(renderer: Renderer, starts: Starts, scenes: list[Path], rng: np.random.Generator) -> list[Pixels]:
    """Clips first, then scenes."""
    groups = []
    for which, clip in enumerate(tqdm(starts.clips, desc="clips", mininterval=10)):
        times = rng.choice(np.arange(5, len(clip.frames) - 5), FRAMES, replace=False)
        rows = [pixels_of(renderer, starts.pair_at(which, 0, int(t)), PIXELS, rng) for t in times]
        groups.append(Pixels(*(torch.cat(column) for column in zip(*rows, strict=True))))
    for path in tqdm(scenes, desc="scenes", mininterval=10):
        rows = [pixels_of(renderer, pair_from_file(path, i), PIXELS // 2, rng) for i in range(SCENE_TIMES)]
        groups.append(Pixels(*(torch.cat(column) for column in zip(*rows, strict=True))))
    return groups


def painted(gates: Gates, group: Pixels, chosen: Tensor | slice) -> Tensor:
    near, around = group.features[chosen][..., None, None].split([NEAR, AROUND], 1)
    return (group.sums[chosen] * gates(near, around)[:, None, :, 0, 0]).sum(2) * group.presence[chosen]


def fit(gates: Gates, groups: list[Pixels], num_clips: int, steps: int, rng: np.random.Generator) -> None:
    """Minimise the mean over pictures of the logarithm of the squared error, which is PSNR."""
    optimiser = torch.optim.AdamW(gates.parameters(), 5e-3, betas=(0.9, 0.99), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, steps, pct_start=0.05)
    floors = [FLOOR * group.error.square().mean() for group in groups]
    for _ in tqdm(range(steps), desc="fit", mininterval=10):
        loss = torch.zeros(())
        scenes = rng.permutation(np.arange(num_clips, len(groups)))[:SCENES]
        for i in (*rng.permutation(num_clips)[:GROUPS], *scenes):
            group, share = groups[i], 1 if i < num_clips else SCENE_WEIGHT
            chosen = torch.from_numpy(rng.integers(0, len(group.error), 3000))
            error = group.error[chosen] - painted(gates, group, chosen)
            loss = loss + share * (error.square().mean() + floors[i]).log()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(gates.parameters(), 5.0)
        optimiser.step()
        schedule.step()


@torch.no_grad()
def gain_db(gates: Gates, group: Pixels) -> float:
    """What painting gains over the filled splat on these pixels."""
    left = group.error - painted(gates, group, slice(None))
    return 10 * torch.log10(group.error.square().mean() / left.square().mean()).item()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--pool", type=Path, required=True, help="where the clips' flow is kept")
    parser.add_argument("--pairs", type=Path, help="rendered scenes (stillwave.model.train.pairs)")
    parser.add_argument("-o", "--run", type=Path, required=True)
    parser.add_argument("--preset", choices=PRESETS, default="edge")
    parser.add_argument("--without", nargs="*", default=[], help="clips to hold out, and to report")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)
    torch.manual_seed(3)
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    rng = np.random.default_rng(3)
    args.run.mkdir(parents=True, exist_ok=True)

    renderer = Renderer(PRESETS[args.preset])
    clips = load_clips(args.clips, args.pool / "flow")
    scenes = sorted(args.pairs.glob("[0-9]*[0-9].npz")) if args.pairs else []
    groups = collect(renderer, Starts(clips), scenes, rng)
    held = [i for i, clip in enumerate(clips) if clip.name in args.without]
    learned = [group for i, group in enumerate(groups) if i not in held]
    fit(renderer.synthesis.gates, learned, len(clips) - len(held), args.steps, rng)
    for i, clip in enumerate(clips):
        gained = gain_db(renderer.synthesis.gates, groups[i])
        print(f"{clip.name:<22}{gained:+6.2f} dB{'   held out' if i in held else ''}")
    torch.save({"average": renderer.state_dict()}, args.run / "gates.pt")


if __name__ == "__main__":
    main()
