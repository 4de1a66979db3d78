"""What an animator does on a device instead of the processor: networks, sampling, rendering."""

from contextlib import ExitStack
from dataclasses import replace
from weakref import WeakSet

from ..bundle import Bundle
from ..engine import sizes_of
from ..errors import BackendError, BundleError
from ..memory import Plan
from ..photo import Pixels, Size
from ..profile import profiles
from ..spectrum import Float
from .analysis import DeviceAnalysis
from .contract import Device, DeviceEngine
from .engines import DeviceEngines
from .frame_path import FramePath
from .kernel_image import kernel_image
from .layout import DeviceLayout, check_budget
from .renderer import DeviceRenderer
from .scene import DeviceScene
from .volume import DeviceVolume


class DeviceStages:
    """One device, this object's own from here on; one stream, the kernels, what the last analysis and the
    last closed scene used, and the scenes.
    """

    def __init__(self, bundle: Bundle, backend: str, device: Device, budget: int) -> None:
        self.bundle, self.manifest, self.budget, self.device = bundle, bundle.manifest, budget, device
        self._analysis: DeviceAnalysis | None = None
        self._renderers: WeakSet[DeviceRenderer] = WeakSet()
        self._spare: FramePath | None = None
        with ExitStack() as opened:
            opened.enter_context(device)
            check_types(bundle)
            self.stream = opened.enter_context(device.stream())
            self.kernels = opened.enter_context(device.kernels(kernel_image(device.compute_capability)))
            self.engines = DeviceEngines(backend, device, self.stream, memory_limit=budget)
            self._opened = opened.pop_all()

    def predict(
        self,
        photo: Float,
        noise: Float,
        grid: Size,
        grid_out: Size,
        steps: int,
        clip_frames: float | None = None,
    ) -> DeviceVolume:
        """The spectral volume of a photo's motion on `grid_out`; see DeviceAnalysis."""
        self.device.make_current()
        analysis, wanted = self._analysis, (grid, grid_out, steps)
        if analysis is None or (analysis.grid, analysis.grid_out, analysis.steps) != wanted:
            self._forget_analysis()
            self._forget_spare()

            def check(plan: Plan) -> None:
                self._check(f"a motion of {grid[0]} x {grid[1]}", plan, "image_encoder", "denoiser", "decoder")

            where = self.manifest, self.device, self.stream, self.kernels
            analysis = self._analysis = DeviceAnalysis(*where, self._open_engine, *wanted, check)
        try:
            return analysis.predict(photo, noise, clip_frames)
        except BaseException:
            self._forget_analysis()
            self._forget_spare()
            raise

    def scene(
        self, pixels: Pixels, volume: Float | DeviceVolume, num_frames: int, fps: float, is_predicted: bool = False
    ) -> DeviceScene:
        """pixels uint8 (H, W, 3), volume (K, 4, h, w) px of a grid over the photo; one of `predict` stays here."""
        self.device.make_current()
        height, width = pixels.shape[:2]
        keeps_volume = isinstance(volume, DeviceVolume)
        layout = self.layout((width, height), volume.shape, num_frames, keeps_volume, not is_predicted)
        renderer = DeviceRenderer(self._path(layout), pixels, volume, self._keep)
        self._renderers.add(renderer)
        return DeviceScene(renderer, num_frames, fps, is_predicted)

    def _path(self, layout: DeviceLayout) -> FramePath:
        """The last closed scene's memory, engines and graph where they are for this layout, else new ones."""
        if self._spare is not None and self._spare.is_for(layout):
            path, self._spare = self._spare, None
            return path
        self._forget_spare()
        with ExitStack() as unless_used:
            pyramid = self._open_engine("pyramid", "photo", (1, 3, *layout.padded))
            unless_used.callback(pyramid.close)
            synthesis = self._open_engine("synthesis", "still", (1, 3, *layout.padded))
            unless_used.callback(synthesis.close)
            of_pyramid, of_synthesis = pyramid.workspace_bytes, synthesis.workspace_bytes
            layout = replace(layout, pyramid_bytes=of_pyramid, synthesis_bytes=of_synthesis)
            self._check_scene(layout)
            unless_used.pop_all()
            return FramePath(layout, self.device, self.stream, self.kernels, pyramid, synthesis)

    def _keep(self, path: FramePath) -> None:
        """That of a scene that was closed, for the next of its size."""
        self._forget_spare()
        try:
            self.device.make_current()
            self.stream.wait()
            self._spare = path
        except BackendError:
            path.close()

    def _forget_spare(self) -> None:
        if self._spare is not None:
            self._spare.close()
            self._spare = None

    def layout(
        self, size: Size, volume_shape: tuple[int, ...], num_frames: int, keeps_volume: bool, is_measured: bool
    ) -> DeviceLayout:
        """Sizes of a scene, without the engines' workspaces; refused where not even that fits."""
        manifest, (width, height) = self.manifest, size
        outputs, multiple = manifest.networks["pyramid"].outputs, manifest.render.feature_multiple
        padded = -(-height // multiple) * multiple, -(-width // multiple) * multiple
        rows, columns = (
            max(1, round(cells * p / side))
            for cells, p, side in zip(volume_shape[2:], padded, (height, width), strict=True)
        )
        layout = DeviceLayout(
            *(height, width, (rows, columns), (volume_shape[2], volume_shape[3]), volume_shape[0], num_frames),
            channels=tuple(int(outputs[f"level{j}"].shape[3]) for j in range(len(outputs))),
            multiple=multiple,
            is_half=manifest.networks["synthesis"].inputs["level0"].dtype == "float16",
            keeps_volume=keeps_volume,
            is_measured=is_measured,
        )
        self._check_scene(layout)
        return layout

    def _check_scene(self, layout: DeviceLayout) -> None:
        self._check(f"{layout.width} x {layout.height}", layout.plan(), "pyramid", "synthesis")

    def _check(self, what: str, plan: Plan, *networks: str) -> None:
        weights = sum(self.manifest.networks[name].weights_bytes for name in networks)
        spare = self._spare.block.nbytes if self._spare else 0  # used again, or released first
        check_budget(what, plan, weights, self.budget, self.device.memory()[0] + spare)

    def _open_engine(self, name: str, tensor: str, shape: tuple[int, ...]) -> DeviceEngine:
        """A network, made for an input of this shape."""
        record = self.manifest.networks[name]
        sizes, profile = sizes_of(record.inputs[tensor].shape, shape), profiles(self.manifest)[name]
        return self.engines.open(self.bundle.network_bytes(name), name, sizes, record.precision, profile)

    def _forget_analysis(self) -> None:
        if self._analysis is not None:
            self._analysis.close()
            self._analysis = None

    def close(self) -> None:
        """Releases everything, its scenes too; a second call does nothing."""
        self._forget_analysis()
        for renderer in tuple(self._renderers):
            renderer.close()
        self._forget_spare()
        opened, self._opened = self._opened, ExitStack()
        opened.close()


def check_types(bundle: Bundle) -> None:
    """`BundleError` where a network reads or writes what the kernels do not: all float32, or the splat in float16."""
    for name, network in bundle.manifest.networks.items():
        for tensor, record in {**network.inputs, **network.outputs}.items():
            is_splat = name == "synthesis" and tensor.startswith("level")
            allowed = ("float32", "float16") if is_splat else ("float32",)
            if record.dtype not in allowed:
                raise BundleError(
                    f"{name}: {tensor} is {record.dtype}, on a device it must be {' or '.join(allowed)}; "
                    "export the bundle again, or choose --backend cpu"
                )
