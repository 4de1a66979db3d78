"""A bundle's folder, written beside its place and moved there once verified."""

import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import onnx
from tqdm import tqdm

from stillwave.model.presets import Preset
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
from stillwave.runtime.engine import Dimension, shape_at
from stillwave.runtime.manifest import FORMAT_VERSION
from stillwave.runtime.motion import WEIGHT_EXPONENT
from stillwave.runtime.sampler import Schedule

from .fp16 import stored_as_half
from .graph import graph_from_network
from .networks import Network, Weights, networks_of
from .parity import check_parity
from .workspace import workspace_bytes

GRID = (256, 160)  # width, height trained on
GRID_MULTIPLE = 32
FPS = 30.0
STEPS = 4
HALO = 32  # rows of a tile that only its neighbours' pixels depend on


def write_bundle(
    folder: Path, name: str, preset: Preset, weights: Weights, provenance: Mapping[str, object]
) -> Manifest:
    """Export every network of the preset and write the folder, replacing the one that is there."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    parity: dict[str, float] = {}
    records = {}
    for network in tqdm(networks_of(preset, weights), desc=name):
        records[network.name], parity[network.name] = _write_network(partial, network)
    provenance = {
        **provenance,
        "parity_db": parity,
        "versions": {p: version(p) for p in ("torch", "onnx", "onnxruntime")},
    }
    manifest = manifest_of(name, preset, weights, records, provenance, partial)
    write_manifest(partial, manifest)
    Bundle.open(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return manifest


def _write_network(folder: Path, network: Network) -> tuple[NetworkRecord, float]:
    model = stored_as_half(graph_from_network(network))
    file = folder / f"{network.name}.onnx"
    file.write_bytes(model.SerializeToString(deterministic=True))
    parity = check_parity(network, file.read_bytes(), "stored", network.reference)
    first = next(iter(network.inputs.values()))
    record = NetworkRecord(
        file=file.name,
        precision="fp32",
        inputs=_tensors(model.graph.input),
        outputs=_tensors(model.graph.output),
        workspace_bytes=workspace_bytes(file, network.name, network.reference),
        workspace_shape=shape_at(first, network.reference),
    )
    return record, round(parity, 1)


def _tensors(values: list[onnx.ValueInfoProto]) -> dict[str, TensorRecord]:
    def shape(value: onnx.ValueInfoProto) -> tuple[Dimension, ...]:
        return tuple(d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim)

    def dtype(value: onnx.ValueInfoProto) -> str:
        return onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name

    return {value.name: TensorRecord(dtype(value), shape(value)) for value in values}


def manifest_of(
    name: str,
    preset: Preset,
    weights: Weights,
    records: dict[str, NetworkRecord],
    provenance: dict[str, object],
    folder: Path,
) -> Manifest:
    schedule = Schedule()
    return Manifest(
        format_version=FORMAT_VERSION,
        name=name,
        preset=preset.name,
        licence="Apache-2.0",
        provenance=provenance,
        num_frequencies=preset.num_frequencies,
        num_frames=preset.num_frames,
        fps=FPS,
        grid=GRID,
        grid_multiple=GRID_MULTIPLE,
        latent_channels=preset.latent_channels,
        latent_stride=preset.latent_stride,
        latent_mean=(0.0,) * preset.latent_channels,
        latent_std=(1.0,) * preset.latent_channels,
        scales=tuple(float(s) for s in weights.scales),
        schedule=ScheduleRecord(
            train_steps=schedule.train_steps,
            beta_start=schedule.beta_start,
            beta_end=schedule.beta_end,
            kind="squared-linear",
            prediction="v",
            guidance=1.0,
            steps=STEPS,
        ),
        render=RenderRecord(
            feature_multiple=weights.renderer.pyramid.multiple,
            halo=HALO,
            weight_exponent=WEIGHT_EXPONENT,
        ),
        networks=records,
        files=file_records(folder),
    )
