"""Stage 5a: the gates of the synthesis, fitted to pixels drawn from whole frames.

A pixel's features and the sums that gates weigh are few numbers, so that thousands of pixels of every clip
make a step, at a hundredth of what crops cost; `stillwave train renderer` goes on from there. Each pixel comes with
its four neighbours: what is nearest to the frame is blurred wherever the motion is uncertain, and a loop would be sharp
at the photo alone; so the frame's sharpness, the power of its Laplacian, is asked for beside its pixels.

`stillwave train gates CLIPS --pool POOL --pairs PAIRS -o RUN`
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from tqdm import tqdm

from stillwave.kernels import splat
from stillwave.runtime.motion import COVER

from ..options import parse
from ..presets import PRESETS
from ..renderer import AROUND, NEAR, STILL_PX, SUMS, Gates, Renderer, features, filled, moves_now
from ..samples import load_clips
from .pairs import SCENE_TIMES, Starts, pair_from_file, planes

FRAMES, PIXELS = 8, 1500  # of every clip, pixels with their neighbours; scenes give half as many of every frame
GROUPS, SCENES = 6, 3  # clips and scenes a step
SCENE_WEIGHT = 0.3
SHARPNESS = 0.4  # what a squared e-fold of sharpness costs, in e-folds of squared error
WEIGHT_DECAY = 0.3  # little data, and motion larger than any in it is met
QUIET = 1e-8  # power of a Laplacian, of colours 0..1, below which there is nothing to see
FLOOR = 0.02  # of a picture's error: what is nearly right already does not count for more


@dataclass
class Pixels:
    """Pixels of one clip or scene, each with the four around it."""

    features: Tensor  # (N, 5, NEAR + AROUND)
    sums: Tensor  # (N, 5, 3, SUMS) that gates weigh
    splat: Tensor  # (N, 5, 3)
    frame: Tensor  # (N, 5, 3)
    presence: Tensor  # (N, 5, 1)


DOWN, ACROSS = np.array([0, -1, 1, 0, 0]), np.array([0, 0, 0, -1, 1])  # a pixel, those above, below and beside it


def splatted(renderer: Renderer, photo: Tensor, motion: Tensor, importance: Tensor) -> list[Tensor]:
    """`Renderer.splat` by the runtime's kernel: a twentieth of the time, and no gradient is needed."""
    levels = []
    for j, level in enumerate(renderer.levels(photo, importance)):
        size = level.shape[2:]
        shift, weight = (functional.interpolate(x, size, mode="bilinear") for x in (motion, importance))
        arrays = (x[0].permute(1, 2, 0) for x in (level, shift / 2**j, weight))
        values, shift, weight = (np.ascontiguousarray(x.numpy(), np.float32) for x in arrays)
        warped = splat(values, shift, weight[..., 0], cover=np.inf if j else COVER, threads=1)
        levels.append(torch.from_numpy(warped).permute(2, 0, 1)[None])
    return levels


@torch.no_grad()
def pixels_of(renderer: Renderer, pair, count: int, rng: np.random.Generator) -> list[Tensor]:
    """A random `count` of a frame's pixels, as the fields of `Pixels`."""
    photo, frame, motion, importance, activity = (x[None] for x in planes(pair))
    levels = splatted(renderer, photo, motion, importance)
    warped = filled(*levels, photo)
    difference = warped - photo
    near, around = features(warped, difference, levels[0][:, 3:4], motion, activity)
    found = torch.cat([near, functional.interpolate(around, scale_factor=4.0, mode="bilinear")], 1)
    bank = torch.stack([renderer.synthesis.sums(c, warped, difference, levels[0])[0] for c in range(3)])
    presence = activity / (activity + STILL_PX) * moves_now(motion)
    H, W = photo.shape[2:]
    rows, columns = (rng.integers(3, side - 3, count)[:, None] + by for side, by in ((H, DOWN), (W, ACROSS)))
    planes_of = found[0], bank.reshape(-1, H, W), warped[0], frame[0], presence[0]
    fields = [x[:, rows, columns].permute(1, 2, 0) for x in planes_of]
    fields[1] = fields[1].reshape(count, 5, 3, -1)
    return fields


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
    """The frame as it is painted: (n, 5, 3)."""
    columns = group.features[chosen].flatten(0, 1)[..., None, None]
    weights = gates(*columns.split([NEAR, AROUND], 1)).reshape(-1, 5, 1, SUMS)
    return group.splat[chosen] + (group.sums[chosen] * weights).sum(3) * group.presence[chosen]


def sharpness(patches: Tensor, presence: Tensor) -> Tensor:
    """The power of the Laplacian where anything moves, of (n, 5, 3)."""
    return ((patches[:, 1:].mean(1) - patches[:, 0]) * presence[:, 0]).square().mean()


def fit(gates: Gates, groups: list[Pixels], num_clips: int, steps: int, rng: np.random.Generator) -> None:
    """Minimise the pictures' mean logarithm of the squared error, which is PSNR, near the frames' sharpness."""
    optimiser = torch.optim.AdamW(gates.parameters(), 5e-3, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, steps, pct_start=0.05)
    floors = [FLOOR * (group.frame - group.splat).square().mean() for group in groups]
    for _ in tqdm(range(steps), desc="fit", mininterval=10):
        loss = torch.zeros(())
        scenes = rng.permutation(np.arange(num_clips, len(groups)))[:SCENES]
        for i in (*rng.permutation(num_clips)[:GROUPS], *scenes):
            group, share = groups[i], 1 if i < num_clips else SCENE_WEIGHT
            chosen = torch.from_numpy(rng.integers(0, len(group.frame), 1000))
            found, wanted, presence = painted(gates, group, chosen), group.frame[chosen], group.presence[chosen]
            blurred = (sharpness(found, presence) + QUIET).log() - (sharpness(wanted, presence) + QUIET).log()
            error = ((wanted - found).square().mean() + floors[i]).log()
            loss = loss + share * (error + SHARPNESS * blurred.square())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(gates.parameters(), 5.0)
        optimiser.step()
        schedule.step()


@torch.no_grad()
def gain_db(gates: Gates, group: Pixels) -> tuple[float, float]:
    """What painting gains over the filled splat on these pixels, and its sharpness over the frame's."""
    found = painted(gates, group, slice(None))
    errors = ((group.frame - x).square().mean() for x in (group.splat, found))
    sharp = (sharpness(x, group.presence) for x in (found, group.frame))
    return 10 * torch.log10(torch.div(*errors)).item(), torch.div(*sharp).item()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--pool", type=Path, required=True, help="where the clips' flow is kept")
    parser.add_argument("--pairs", type=Path, help="rendered scenes (stillwave.model.train.pairs)")
    parser.add_argument("-o", "--run", type=Path, required=True)
    parser.add_argument("--without", nargs="*", default=[], help="clips to hold out, and to report")
    parser.add_argument("--steps", type=int, default=1200)
    args = parse(parser, arguments)
    rng = np.random.default_rng(args.seed)
    args.run.mkdir(parents=True, exist_ok=True)

    renderer = Renderer(PRESETS[args.preset])
    clips = load_clips(args.clips, args.pool / "flow")
    scenes = sorted(args.pairs.glob("[0-9]*[0-9].npz")) if args.pairs else []
    groups = collect(renderer, Starts(clips), scenes, rng)
    held = [i for i, clip in enumerate(clips) if clip.name in args.without]
    learned = [group for i, group in enumerate(groups) if i not in held]
    fit(renderer.synthesis.gates, learned, len(clips) - len(held), args.steps, rng)
    for i, clip in enumerate(clips):
        gained, sharp = gain_db(renderer.synthesis.gates, groups[i])
        print(f"{clip.name:<22}{gained:+6.2f} dB{sharp:8.0%} sharp{'   held out' if i in held else ''}")
    torch.save({"average": renderer.state_dict()}, args.run / "gates.pt")


if __name__ == "__main__":
    main()
