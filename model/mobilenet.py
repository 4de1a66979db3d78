"""MobileNetV2 trunk (Sandler et al. 2018), batch norms folded, and the two places its weights come from."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

# expansion, channels, blocks, stride of the first block (table 2 of the paper)
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
FEATURE_CHANNELS = (16, 24, 32, 96, 320)  # at strides 2, 4, 8, 16, 32


class SameConv(nn.Module):
    """Convolution with TensorFlow's "same" padding, which the pretrained weights expect."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, groups: int, clip: bool, dilation: int = 1
    ):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, groups=groups, dilation=dilation)
        # even inputs: stride 2 pads one row below and one column right, none above or left
        self.pad = (0, 0, 0, 0) if kernel == 1 else (dilation,) * 4 if stride == 1 else (0, 1, 0, 1)
        self.clip = clip

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(functional.pad(x, self.pad) if any(self.pad) else x)
        return x.clamp(0, 6) if self.clip else x


class InvertedResidual(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int, dilation: int = 1):
        super().__init__()
        hidden = in_channels * expansion
        convs = [SameConv(in_channels, hidden, 1, 1, 1, clip=True)] if expansion > 1 else []
        convs.append(SameConv(hidden, hidden, 3, stride, hidden, clip=True, dilation=dilation))
        convs.append(SameConv(hidden, out_channels, 1, 1, 1, clip=False))
        self.convs = nn.Sequential(*convs)
        self.is_residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        return x + self.convs(x) if self.is_residual else self.convs(x)


class MobileNetV2(nn.Module):
    """Photo (B, 3, H, W) in 0..1, H and W multiples of 32 -> features at strides 2, 4, 8, 16, 32.

    dilated  the last step down is replaced by dilation: stride 16 there, as segmentation wants it
    """

    def __init__(self, dilated: bool = False) -> None:
        super().__init__()
        self.stem = SameConv(3, 32, 3, 2, 1, clip=True)
        channels, total_stride, dilation, stages = 32, 2, 1, []
        for expansion, out_channels, blocks, stride in STAGES:
            keeps_stride = dilated and total_stride * stride > 16
            stage = []
            for i in range(blocks):
                step = stride if i == 0 and not keeps_stride else 1
                stage.append(InvertedResidual(channels, out_channels, step, expansion, dilation))
                # what follows a step not taken sees twice as far
                dilation = 2 if keeps_stride else dilation
                channels = out_channels
            total_stride *= 1 if keeps_stride else stride
            stages.append(nn.Sequential(*stage))
        self.stages = nn.ModuleList(stages)

    def forward(self, photo: Tensor) -> list[Tensor]:
        x = self.stem(photo * 2 - 1)
        features = []
        for stage, (_, channels, _, _) in zip(self.stages, STAGES, strict=True):
            x = stage(x)
            if channels in FEATURE_CHANNELS:
                features.append(x)
        return features

    def load(self, path: Path) -> None:
        """Start from a quantised TFLite MobileNetV2 or torchvision's `mobilenet_v2` state dict."""
        load_convolutions(self, path)


def load_convolutions(network: nn.Module, path: Path) -> None:
    """Copy a pretrained file's first convolutions into the network's, in order."""
    source = _tflite_convolutions(path) if path.suffix == ".tflite" else _torchvision_convolutions(path)
    own = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for conv, (weight, bias) in zip(own, source, strict=False):
            if conv.weight.shape != weight.shape:
                raise ValueError(
                    f"{path}: weight {tuple(weight.shape)} where the network has {tuple(conv.weight.shape)}"
                )
            conv.weight.copy_(weight)
            conv.bias.copy_(bias)


def _tflite_convolutions(path: Path) -> Iterator[tuple[Tensor, Tensor]]:
    """Weights (out, in / groups, h, w) and biases of a quantised file's convolutions, in order."""
    import tflite

    graph_file = tflite.Model.GetRootAs(path.read_bytes(), 0)
    graph = graph_file.Subgraphs(0)

    def dequantised(index: int, dtype: type) -> np.ndarray:
        tensor = graph.Tensors(index)
        quantisation = tensor.Quantization()
        values = graph_file.Buffers(tensor.Buffer()).DataAsNumpy().view(dtype).reshape(tensor.ShapeAsNumpy())
        zero = quantisation.ZeroPoint(0) if quantisation.ZeroPointLength() else 0
        return (values.astype(np.float32) - zero) * quantisation.Scale(0)

    for i in range(graph.OperatorsLength()):
        operator = graph.Operators(i)
        code = graph_file.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if kind not in (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D):
            continue
        weight = dequantised(operator.Inputs(1), np.uint8)
        order = (3, 0, 1, 2) if kind == tflite.BuiltinOperator.DEPTHWISE_CONV_2D else (0, 3, 1, 2)
        bias = dequantised(operator.Inputs(2), np.int32)
        yield torch.from_numpy(weight.transpose(order).copy()), torch.from_numpy(bias)


def _torchvision_convolutions(path: Path) -> Iterator[tuple[Tensor, Tensor]]:
    """Weights and biases of torchvision's state dict with each batch norm folded into its convolution."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    convs = [k for k, v in state.items() if k.startswith("features") and v.ndim == 4]
    norms = [k[: -len(".running_var")] for k in state if k.endswith(".running_var")]
    for conv, norm in zip(convs, norms, strict=True):
        gain = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + 1e-5).sqrt()
        yield state[conv] * gain[:, None, None, None], state[f"{norm}.bias"] - gain * state[f"{norm}.running_mean"]
