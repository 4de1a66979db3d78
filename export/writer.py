"""A bundle's folder: written beside its place, opened as the runtime would, then moved there."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import onnx
from tqdm import tqdm

from stillwave.model.image_encoder import ImageEncoder
from stillwave.model.presets import Preset
from stillwave.model.renderer import Renderer
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
from stillwave.runtime.engine import TensorSpec, shape_at
from stillwave.runtime.manifest import FORMAT_VERSION
from stillwave.runtime.motion import WEIGHT_EXPONENT
from stillwave.runtime.sampler import Schedule
from stillwave.runtime.signature import signature

from .channels import blocked_channels
from .fp16 import half_precision, stored_as_half
from .graph import check_operators, graph_from_network
from .networks import GRID, GRID_MULTIPLE, Network, Weights, image_encoder_network, networks_of, rendering_networks
from .parity import check_parity
from .reach import reach_rows
from .workspace import weights_and_workspace_bytes

LICENCE = "Apache-2.0"
FPS = 30.0
STEPS = 4
IDENTICAL_DB = 200.0
PACKAGES = ("torch", "onnx", "onnxruntime")
# Its amplitude scales all that moves: of `edge`, 50 dB as float16 and 118 as it is, for 4 MB of file.
STORED_AS_FLOAT = ("image_encoder",)


def write_bundle(
    folder: Path,
    preset: Preset,
    weights: Weights,
    provenance: Mapping[str, object],
    name: str | None = None,
    precision: str = "fp32",
) -> Manifest:
    """Export every network of the preset in a form of `shipped_form`; replaces the folder if it is there."""
    records: dict[str, NetworkRecord] = {}
    parity: dict[str, float] = {}
    networks = networks_of(preset, weights)
    with replaced_folder(folder) as partial:
        for network in tqdm(networks, desc="networks", leave=False):
            records[network.name], parity[network.name] = _write_network(partial, network, precision)
        told = {**provenance, "parity_db": parity, "versions": versions()}
        render = _render_record(weights.renderer.pyramid.multiple, networks)
        manifest = _manifest(name or folder.name, preset, weights, render, records, told, partial)
        write_manifest(partial, manifest)
    return manifest


def replace_image_encoder(folder: Path, preset: Preset, encoder: ImageEncoder, told: Mapping[str, object]) -> Manifest:
    """The image encoder of another training, and what is told of it, in a bundle that is there."""
    return _replaced(folder, (image_encoder_network(preset, encoder),), told)


def replace_rendering(folder: Path, preset: Preset, renderer: Renderer, told: Mapping[str, object]) -> Manifest:
    """Pyramid and synthesis of another training, and what is told of it, in a bundle that is there."""
    networks = tuple(rendering_networks(preset, renderer))
    return _replaced(folder, networks, told, render=_render_record(renderer.pyramid.multiple, networks))


def _replaced(folder: Path, networks: Sequence[Network], told: Mapping[str, object], **fields: object) -> Manifest:
    """The bundle with these networks and fields of its manifest; all else stays as it is."""
    manifest = Bundle.open(folder).manifest
    with replaced_folder(folder) as partial:
        for kept in manifest.files:
            shutil.copy(folder / kept, partial / kept)
        written = {network.name: _write_network(partial, network, "fp32") for network in networks}
        records, parity = ({name: pair[i] for name, pair in written.items()} for i in (0, 1))
        parity = {**manifest.provenance.get("parity_db", {}), **parity}
        manifest = replace(
            manifest,
            provenance={**manifest.provenance, **told, "parity_db": parity},
            networks={**manifest.networks, **records},
            files=file_records(partial),
            **fields,
        )
        write_manifest(partial, manifest)
    return manifest


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` if it is a bundle that opens in the end."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    Bundle.open(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def versions() -> dict[str, str]:
    """Of what an export depends on."""
    return {package: version(package) for package in PACKAGES}


def shipped_form(graph: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    """fp32: for CPUs, most weights stored as float16; fp16: for GPUs, strongly typed; exact: as it is."""
    if precision == "exact":
        return graph
    if precision == "fp16":
        form = half_precision(graph)
    else:
        form = blocked_channels(graph)
        form = form if graph.graph.name in STORED_AS_FLOAT else stored_as_half(form)
    check_operators(form)
    return form


def _write_network(folder: Path, network: Network, precision: str) -> tuple[NetworkRecord, float]:
    """The network's file and record, and its parity with PyTorch in dB."""
    graph = graph_from_network(network)
    check_parity(network, graph.SerializeToString(), "exact", network.reference)
    content = shipped_form(graph, precision).SerializeToString(deterministic=True)
    parity = check_parity(network, content, precision, network.reference)
    file = folder / f"{network.name}.onnx"
    file.write_bytes(content)
    inputs, outputs = signature(content, network.name, {})
    weights, workspace = weights_and_workspace_bytes(file, network.name, network.largest)
    record = NetworkRecord(
        file=file.name,
        precision="fp32" if precision == "exact" else precision,
        inputs=_records(inputs),
        outputs=_records(outputs),
        weights_bytes=weights,
        workspace_bytes=workspace,
        workspace_shape=shape_at(inputs[0].shape, network.largest),
    )
    return record, round(min(parity, IDENTICAL_DB), 1)  # JSON has no infinity


def _render_record(multiple: int, networks: Iterable[Network]) -> RenderRecord:
    """Tiles overlap by as many rows as the two networks of rendering see."""
    rows = max(reach_rows(network) for network in networks if network.name in ("pyramid", "synthesis"))
    return RenderRecord(multiple, -(-rows // multiple) * multiple, WEIGHT_EXPONENT)


def _records(specs: Iterable[TensorSpec]) -> dict[str, TensorRecord]:
    return {spec.name: TensorRecord(spec.dtype, spec.shape) for spec in specs}


def _manifest(
    name: str,
    preset: Preset,
    weights: Weights,
    render: RenderRecord,
    networks: dict[str, NetworkRecord],
    provenance: dict[str, object],
    folder: Path,
) -> Manifest:
    schedule = Schedule()
    return Manifest(
        format_version=FORMAT_VERSION,
        name=name,
        preset=preset.name,
        licence=LICENCE,
        provenance=provenance,
        num_frequencies=preset.num_frequencies,
        num_frames=preset.num_frames,
        fps=FPS,
        grid=GRID,
        grid_multiple=GRID_MULTIPLE,
        latent_channels=preset.latent_channels,
        latent_stride=preset.latent_stride,
        latent_mean=tuple(weights.decoder.mean.flatten().tolist()),
        latent_std=tuple(weights.decoder.std.flatten().tolist()),
        scales=tuple(weights.scales.tolist()),
        schedule=ScheduleRecord(
            train_steps=schedule.train_steps,
            beta_start=schedule.beta_start,
            beta_end=schedule.beta_end,
            kind="squared-linear",
            prediction="v",
            guidance=1.0,
            steps=STEPS,
        ),
        render=render,
        networks=networks,
        files=file_records(folder),
    )
