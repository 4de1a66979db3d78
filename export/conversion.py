"""A bundle in another precision, made of the bundle alone: no training run, no PyTorch module."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import onnx
from tqdm import tqdm

from stillwave.runtime.bundle import Bundle, Manifest, NetworkRecord, file_records, write_manifest
from stillwave.runtime.engine import sizes_of
from stillwave.runtime.photo import PhotoSource
from stillwave.runtime.profile import ON_DEVICE
from stillwave.runtime.signature import signature

from .calibration import Sample, recorded_samples
from .fp16 import float_weights, half_precision
from .graph import ExportError, check_operators
from .int8 import outputs_of, quantised, relative_error
from .parity import FLOOR_DB
from .workspace import weights_and_workspace_bytes
from .writer import replaced_folder, versions

# How closely int8 must follow float32, dB, on what networks see in use; benchmarks/results/precision-*.json has
# the frames that these floors give. The image encoder is no candidate: it runs once a photo, all motion is
# in proportion to what it says, and its depthwise trunk comes to 22 dB.
INT8_FLOOR_DB = {"denoiser": 30.0, "decoder": 30.0, "pyramid": 30.0, "synthesis": 45.0}
# In float16 the image encoder follows textured photos to 45 dB and smooth ones to 39, and frames to 61 dB and more.
FP16_FLOOR_DB = {"image_encoder": 30.0}
MARGIN_DB = 6.0  # the floor is met on one sample; on others, and with float16 beside it, a little less


def convert_bundle(
    source: Bundle, folder: Path, precision: str, photos: Iterable[PhotoSource] | None = None, name: str | None = None
) -> Manifest:
    """The bundle with the networks that a device runs, as fp16 or int8, strongly typed for GPUs; replaces the folder.

    photos  what int8 is calibrated on and either is checked on; procedural scenes if none are given
    """
    samples = recorded_samples(source.folder, photos)
    records: dict[str, NetworkRecord] = {}
    parity: dict[str, float] = {}
    with replaced_folder(folder) as partial:
        for network in tqdm([n for n in source.manifest.networks if n in ON_DEVICE], desc="networks", leave=False):
            graph = float_weights(onnx.load_from_string(source.network_bytes(network)))
            model = converted(graph, precision, network, samples[network])
            parity[network] = round(_checked_db(graph, model, precision, network, samples[network]), 1)
            file = partial / source.manifest.networks[network].file
            file.write_bytes(model.SerializeToString(deterministic=True))
            records[network] = _record(source.manifest.networks[network], file, network, precision)
        told = {**source.manifest.provenance, "parity_db": parity, "versions": versions()}
        manifest = dataclasses.replace(
            source.manifest, name=name or folder.name, provenance=told, networks=records, files=file_records(partial)
        )
        write_manifest(partial, manifest)
    return manifest


def converted(graph: onnx.ModelProto, precision: str, name: str, samples: Sequence[Sample]) -> onnx.ModelProto:
    """The float32 graph as fp16, or as int8 where that is close enough and fp16 elsewhere."""
    if precision == "int8" and name in INT8_FLOOR_DB:
        graph = quantised(graph, samples, INT8_FLOOR_DB[name])
    model = half_precision(graph)
    check_operators(model)
    return model


def _checked_db(
    graph: onnx.ModelProto, model: onnx.ModelProto, precision: str, name: str, samples: Sequence[Sample]
) -> float:
    found = -10 * math.log10(relative_error(outputs_of(graph, samples), outputs_of(model, samples)))
    floor = FP16_FLOOR_DB.get(name, FLOOR_DB["fp16"])
    if precision == "int8" and name in INT8_FLOOR_DB:
        floor = INT8_FLOOR_DB[name] - MARGIN_DB
    if not found >= floor:
        raise ExportError(f"{name} ({precision}) follows float32 to {found:.1f} dB, the floor is {floor:.0f} dB")
    return found


def _record(record: NetworkRecord, file: Path, name: str, precision: str) -> NetworkRecord:
    first = signature(file.read_bytes(), name, {})[0][0]  # the manifest sorts them
    sizes = sizes_of(first.shape, record.workspace_shape)
    weights, workspace = weights_and_workspace_bytes(file, name, sizes)
    return dataclasses.replace(record, precision=precision, weights_bytes=weights, workspace_bytes=workspace)
