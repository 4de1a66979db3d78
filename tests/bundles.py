"""A bundle of made-up networks, and what refuses it."""

import json

import numpy as np
import pytest

from stillwave.runtime.bundle import (
    Bundle,
    Manifest,
    NetworkRecord,
    RenderRecord,
    ScheduleRecord,
    TensorRecord,
    file_records,
    write_manifest,
)
from stillwave.runtime.errors import BundleError

NETWORKS = ("denoiser", "decoder")


def example_manifest(folder):
    latents = TensorRecord("float32", ("k", 4, "h", "w"))
    networks = {
        name: NetworkRecord(
            file=f"{name}.onnx",
            precision="fp16",
            inputs={"latents": latents},
            outputs={"prediction": latents},
            weights_bytes=1 << 18,
            workspace_bytes=1 << 20,
            workspace_shape=(15, 4, 20, 32),
        )
        for name in NETWORKS
    }
    return Manifest(
        format_version=1,
        name="example",
        preset="edge",
        licence="Apache-2.0",
        provenance={"steps": 10, "data": ["procedural"]},
        num_frequencies=3,
        num_frames=150,
        fps=30.0,
        grid=(256, 160),
        grid_multiple=32,
        latent_channels=4,
        latent_stride=8,
        latent_mean=(0.0,) * 4,
        latent_std=(1.0,) * 4,
        scales=(0.0, 1.5, 0.7),
        schedule=ScheduleRecord(1000, 0.0015, 0.0195, "squared-linear", "v", 1.0, 4),
        render=RenderRecord(4, 32, 3.0),
        networks=networks,
        files=file_records(folder),
    )


def written(folder):
    """A bundle of two files of noise in a new folder, which is returned."""
    folder.mkdir()
    for i, name in enumerate(NETWORKS):
        content = np.random.default_rng(i).integers(0, 256, 3000, dtype=np.uint8).tobytes()
        (folder / f"{name}.onnx").write_bytes(content)
    write_manifest(folder, example_manifest(folder))
    return folder


def refused(folder, match):
    with pytest.raises(BundleError, match=match) as caught:
        Bundle.open(folder)
    return str(caught.value)


def edit(folder, change):
    """Applies `change` to the manifest's JSON object, in place."""
    path = folder / "manifest.json"
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
