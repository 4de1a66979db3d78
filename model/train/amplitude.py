"""Stage 3: how much things move, and how well that is known of photos not seen.

`stillwave train amplitude CLIPS -o RUN` trains heads on RUN/cells four times without a quarter of the
clips, and measures and calibrates them there; then on all. RUN/amplitude.json holds the measures.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from ..amplitude import HEADS, AmplitudeHeads, band_power, expected_amplitude
from ..clips import Clip
from ..evaluate.measures import compare_motion
from ..evaluate.motion import photo_gradient
from ..evaluate.table import print_table
from ..image_encoder import ImageEncoder, photo_planes
from ..options import parse
from ..presets import PRESETS
from ..samples import load_clips
from .calibration import Calibration, Prediction, calibrate, volume_of
from .cells import SCENE, STILL
from .pool import PoolError
from .run import Run, load_average

FOLDS = 4
SCENE_SHARE, STILL_SHARE = 0.3, 0.25
BATCH = 512  # cells a head
BAND_WEIGHT = 0.2


class Cells:
    """Every kept cell of RUN/cells, but of some clips, as rows in memory.

    near (N, C), far (N, C') float16;  exceeds (N, steps);  bands (N, K-1) log(RMS / s_k + 0.1)
    """

    def __init__(self, folder: Path, scales: Tensor, without: Sequence[str] = ()):
        columns: dict[str, list[np.ndarray]] = {name: [] for name in ("near", "far", "exceeds", "bands")}
        sources = []
        for path in sorted(folder.glob("[0-9]*.npz")):
            with np.load(path) as sample:
                if missing := columns.keys() - set(sample.files):
                    lacking = ", ".join(sorted(missing))
                    raise PoolError(f"{path} lacks {lacking}; delete {folder} and run `stillwave train cells` again")
                if str(sample["source"]) not in without:
                    for name, rows in columns.items():
                        rows.append(sample[name].T)
                    sources += [str(sample["source"])] * len(rows[-1])
        self.near, self.far, self.exceeds, bands = (torch.from_numpy(np.concatenate(rows)) for rows in columns.values())
        self.bands = (bands.float() / scales + 0.1).log()
        names, which, counts = np.unique(sources, return_inverse=True, return_counts=True)
        self.chance = torch.from_numpy((shares(names) / counts)[which])

    def batch(self, count: int) -> tuple[Tensor, ...]:
        """Rows for each head, every clip as likely as any other: near (HEADS, C, count), far, exceeds and bands."""
        chosen = torch.multinomial(self.chance, HEADS * count, replacement=True)
        columns = (self.near, self.far, self.exceeds, self.bands)
        return tuple(x[chosen].float().unflatten(0, (HEADS, count)).mT for x in columns)


def shares(sources: np.ndarray) -> np.ndarray:
    """How often each source is drawn: scenes and still photos as their shares say, clips for the rest."""
    scene, still = sources == SCENE, np.char.startswith(sources, STILL)
    clips, share = ~scene & ~still, np.zeros(len(sources))
    for kind, part in ((scene, SCENE_SHARE), (still, STILL_SHARE), (clips, 1 - SCENE_SHARE - STILL_SHARE)):
        share[kind] = part / max(1, kind.sum())
    return share


def train_heads(cells: Cells, folder: Path, name: str, steps: int, seed: int = 0) -> AmplitudeHeads:
    torch.manual_seed(seed)
    heads = AmplitudeHeads((cells.near.shape[1], cells.far.shape[1]), cells.bands.shape[1])
    drawn = torch.multinomial(cells.chance, 20_000, replacement=True)
    for part, features in ((heads.near, cells.near), (heads.far, cells.far)):
        part.mean.copy_(features[drawn].float().mean(0)[:, None])
        part.deviation.copy_(features[drawn].float().std(0)[:, None] + 1e-3)
    run = Run(folder, name, heads, [{"params": list(heads.parameters()), "lr": 3e-3}], steps, 0.98, seed)
    for _ in run:
        near, far, exceeds, bands = run.place(*cells.batch(run.share(BATCH)))
        logits, predicted_bands = (torch.stack(both) for both in zip(heads.near(near), heads.far(far), strict=True))
        step_loss = functional.binary_cross_entropy_with_logits(logits, exceeds.expand_as(logits))
        band_loss = functional.smooth_l1_loss(predicted_bands, bands.expand_as(predicted_bands), beta=0.3)
        run.update(step_loss + BAND_WEIGHT * band_loss, steps=step_loss.item(), bands=band_loss.item())
    return load_average(folder, name, heads)


def predict(encoder: ImageEncoder, heads: AmplitudeHeads, clip: Clip) -> Prediction:
    """What the heads say of a clip's first frame, as the runtime would ask them."""
    planes = photo_planes(clip.frames[0])
    with torch.no_grad():
        chance, bands = heads(encoder.look(planes, encoder.see(planes)))
    return Prediction(expected_amplitude(chance, planes)[0, 0].numpy(), band_power(bands)[0].numpy(), clip.volume)


def held_out_measures(folds: list[list[Clip]], predictions: list[list[Prediction]]) -> dict[str, dict[str, float]]:
    """Measures of every clip's prediction; its calibration, too, has not seen the clip."""
    rows = {}
    for i, (fold, own) in enumerate(zip(folds, predictions, strict=True)):
        calibration = calibrate([p for j, others in enumerate(predictions) if j != i for p in others])
        for clip, prediction in zip(fold, own, strict=True):
            height, width = clip.volume.shape[2:]
            volume = volume_of(calibration.amplitude(prediction), height, width)
            row = compare_motion(volume, clip.volume, photo_gradient(clip.frames[0], width, height))
            # the heads say nothing of direction and phase
            rows[clip.name] = {name: x for name, x in row.items() if name not in ("coherence", "horizontal", "mac")}
    return rows


def folds_of(clips: list[Clip]) -> list[list[str]]:
    """Clip names in FOLDS parts: all cuts of a video in one, names that begin alike in different ones."""
    names = sorted({clip.video or clip.name for clip in clips})
    return [names[i::FOLDS] for i in range(FOLDS)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave train amplitude", description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("-o", "--run", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="where the clips' flow is kept; default: RUN/pool/flow")
    parser.add_argument("--without", nargs="*", default=[], help="clips to hold out")
    parser.add_argument("--steps", type=int, default=600)
    args = parse(parser, arguments)

    scales = torch.from_numpy(np.load(args.run / "scales.npy"))[1:]
    encoder = load_average(args.run, "encoder", ImageEncoder(PRESETS[args.preset]))
    clips = load_clips(args.clips, args.cache or args.run / "pool" / "flow", tuple(args.without))
    folds = [[c for c in clips if (c.video or c.name) in names] for names in folds_of(clips)]
    predictions = []  # of each fold, by heads that have not seen its photos
    for i, fold in enumerate(folds):
        cells = Cells(args.run / "cells", scales, [c.video or c.name for c in fold])
        heads = train_heads(cells, args.run / "folds", f"amplitude{i}", args.steps, args.seed)
        predictions.append([predict(encoder, heads, clip) for clip in fold])
    rows = held_out_measures(folds, predictions)
    print_table(rows)
    calibration = calibrate([p for fold in predictions for p in fold])
    train_heads(Cells(args.run / "cells", scales), args.run, "amplitude", args.steps, args.seed)
    save_calibration(args.run / "amplitude.pt", calibration)
    summary = {"gain": calibration.gain, "tilt": calibration.tilt.tolist()}
    (args.run / "amplitude.json").write_text(json.dumps({"held_out": rows, **summary}, indent=1))


def save_calibration(checkpoint: Path, calibration: Calibration) -> None:
    """Into both the network and its average."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    for weights in (state["network"], state["average"]):
        weights["gain"] = torch.tensor(calibration.gain)
        weights["tilt"] = torch.from_numpy(calibration.tilt).float()
    torch.save(state, checkpoint)


if __name__ == "__main__":
    main()
