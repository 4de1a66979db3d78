"""The results of end_to_end.py as tables and as bars. Run, those of gpu.py: README's table, what was measured beside
targets and model, and bars.
"""

import json
from pathlib import Path
from typing import Any

from stillwave.runtime.memory import format_bytes

LIMITED = "peak memory and its budget, MiB"


def lines(part: str, result: Any) -> list[str]:
    """What the part measured, to be read by people."""
    return {
        "stages": _stages,
        "first-frame": _first_frame,
        "clip": _clip,
        "start": _start,
        "memory": _memory,
        "reading": _reading,
        "growth": _growth,
    }[part](result)


def _stages(result: Any) -> list[str]:
    rows = [f"{'stage':<28}{'median ms':>11}{'p90 ms':>11}{'cpu ms':>11}{'samples':>9}"]
    for group in ("analysis", "frame"):
        for stage, r in result[group].items():
            times = "".join(f"{r[key]:>11.2f}" for key in ("median_ms", "p90_ms", "cpu_ms"))
            rows.append(f"{stage:<28}{times}{r['samples']:>9}")
    return rows


def _first_frame(result: Any) -> list[str]:
    return [f"from the start of a process: {result['median_s']} s"]


def _clip(result: Any) -> list[str]:
    wall, cpu = result["wall"]["median_s"], result["cpu"]["median_s"]
    return [f"{result['frames']} frames to MP4 in a fresh process: {wall} s, processor {cpu} s"]


def _start(result: Any) -> list[str]:
    imported, helped, bare = (result[key]["median_s"] for key in ("import", "help", "python"))
    loaded = ", ".join(result["loaded_by_import"]) or "nothing heavy"
    return [
        f"import stillwave.runtime: {imported} s, loads {loaded}",
        f"stillwave --help: {helped} s, of which an empty Python takes {bare} s",
    ]


def _memory(result: Any) -> list[str]:
    rows = [f"{'size':>10}{'budget':>10}{'peak growth':>14}"]
    refused, least = result["refusal"]["refused"], result["refusal"]["least"]
    for row in [*result["budgets"], refused, least]:
        told = f"{format_bytes(row['peak_bytes']):>14}" if "peak_bytes" in row else f"  {row['refused']}"
        over = "  TOO MUCH" if row.get("is_within") is False else ""
        rows.append(f"{row['size']:>10}{row['budget']:>10}{told}{over}")
    return rows


def _reading(result: Any) -> list[str]:
    rows = [f"{'photo':<24}{'peak growth':>14}{'stated':>14}{'bytes a pixel':>16}{'s':>8}"]
    for r in result:
        over = "  TOO MUCH" if r["peak_bytes"] > r["stated_bytes"] else ""
        peak, stated = format_bytes(r["peak_bytes"]), format_bytes(r["stated_bytes"])
        rows.append(f"{r['photo']:<24}{peak:>14}{stated:>14}{r['bytes_per_pixel']:>16}{r['took_s']:>8}{over}")
    return rows


def _growth(result: Any) -> list[str]:
    return [f"{result['frames']} frames: {result['grown_bytes'] / 1024:.0f} KiB more than after the first"]


def plot(path: Path, result: dict[str, Any]) -> None:
    """Bars of what end_to_end.py measured; without matplotlib, none."""
    draw(path, _panels(result), _within(result) if "memory" in result else [])


def draw(path: Path, panels: dict[str, dict[str, float]], budgets: list[dict[str, Any]]) -> None:
    """A panel for each title, of a bar for each label."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot; pip install matplotlib")
        return
    heights = [len(bars) + 2 for bars in panels.values()]
    figure, axes = plt.subplots(
        len(panels), squeeze=False, figsize=(8, 0.3 * sum(heights)), height_ratios=heights, layout="constrained"
    )
    for ax, (title, bars) in zip(axes[:, 0], panels.items(), strict=True):
        if title == LIMITED:
            ax.barh(list(bars), [row["budget_bytes"] / 2**20 for row in budgets], color="#dde3ea")
        drawn = ax.barh(list(bars), list(bars.values()), color="#4878a8")
        ax.bar_label(drawn, fmt=lambda value: f"{value:,.0f}" if value >= 100 else f"{value:.3g}", padding=3)
        ax.invert_yaxis()
        ax.margins(x=0.12)
        ax.set_title(title, loc="left", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    print(f"written: {path}")


def _panels(result: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Title -> label -> value, of the parts that were measured."""
    panels: dict[str, dict[str, float]] = {}
    if "stages" in result:
        for group, title in (("analysis", "before the first frame"), ("frame", "a frame")):
            panels[f"{title}, ms"] = {stage: r["median_ms"] for stage, r in result["stages"][group].items()}
    waits: dict[str, float] = {}
    if "first-frame" in result:
        waits["first frame"] = result["first-frame"]["median_s"]
    if "clip" in result:
        frames = result["clip"]["frames"]
        waits |= {f"{frames} frames, {clock}": result["clip"][clock]["median_s"] for clock in ("wall", "cpu")}
    if waits:
        panels["a fresh process, s"] = waits
    if "memory" in result:
        panels[LIMITED] = {f"{r['size']} in {r['budget']}": r["peak_bytes"] / 2**20 for r in _within(result)}
    return panels


def _within(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What was not refused."""
    return [row for row in result["memory"]["budgets"] if "peak_bytes" in row]


NOT_YET = "not yet run on a GPU"


def gpu_table(results: dict[str, Any]) -> str:
    """README's table, a row for each GPU and backend that made frames; `results` by the name of their file."""
    rows = ["| on NVIDIA GPUs | frame, 512 x 288 | photo to 150 frames |", "|---|---|---|"]
    for name, result in sorted(results.items()):
        sections = good_sections(result)
        for backend in (n.removeprefix("frame, ") for n in sections if n.startswith("frame, ")):
            us = sections[f"frame, {backend}"]["latency, graph"]["median_us"]
            loop = sections.get(f"loop, {backend}")
            whole = f"{loop['photo_to_loop_ms']:.0f} ms" if loop else "not measured"
            said = f"{result['gpu']['name']}, {backend} ([result](benchmarks/results/{name}))"
            rows.append(f"| {said} | {us / 1e3:.3g} ms | {whole} |")
    if len(rows) == 2:
        rows.append(f"| measured by `python benchmarks/gpu.py` | {NOT_YET} | {NOT_YET} |")
    return "\n".join(rows)


# What a GPU is to reach: label, sections and keys to the measured value, its target, the stage in model.py's result.
# On an H200; elsewhere for comparison. {} is the backend whose frames were the fastest.
FIGURES = (
    ("motion + splat, us", ("motion and splat of a frame", "median_us"), "<= 30", "motion + splat"),
    ("frame on the device, us", ("frame, {}", "on the device, graph", "us_per_frame"), "<= 150", "frame"),
    ("denoising step, us", ("engines, {}", "denoiser", "median_us"), "<= 600", "denoising step"),
    ("photo to 150 frames, ms", ("loop, {}", "photo_to_loop_ms"), "<= 40", "photo to loop"),
    ("splat at 3840 x 2160, % of copy", ("kernels, 3840x2160", "3840x2160", "splat", "percent_of_copy"), ">= 70", ""),
    ("times torch's own splat, nodes", ("against torch", "times_faster_than_torch"), ">= 5", ""),
    ("times torch's own splat, graph", ("against torch, one graph", "times_faster_than_torch"), ">= 5", ""),
)


def good_sections(result: dict[str, Any]) -> dict[str, Any]:
    return {name: section["result"] for name, section in result["sections"].items() if section["is_good"]}


def fastest(sections: dict[str, Any]) -> str:
    """The backend whose frames took the least time on the device, "" where none made any."""
    us = {name: s["on the device, graph"]["us_per_frame"] for name, s in sections.items() if name.startswith("frame, ")}
    return min(us, key=lambda name: us[name]).removeprefix("frame, ") if us else ""


def gpu_figures(result: dict[str, Any], model: dict[str, Any]) -> str:
    """Measured beside its target and, where model.py knows the GPU, what was modelled."""
    sections, name = good_sections(result), result["gpu"]["name"]
    backend = fastest(sections)
    modelled = next((us for gpu, us in model["modelled_us"]["fp16"].items() if gpu in name), {})
    rows = [
        f"| {name}, {backend or 'no frames'} | measured | target on an H200 | modelled, fp16 |",
        "|---|---:|---:|---:|",
    ]
    for label, (section, *keys), target, stage in FIGURES:
        value = sections.get(section.format(backend))
        for key in keys:
            value = value[key] if value is not None else None
        us = modelled.get(stage)
        expected = "" if us is None else f"{us / (1e3 if label.endswith('ms') else 1):.3g}"
        rows.append(f"| {label} | {'not measured' if value is None else f'{value:.3g}'} | {target} | {expected} |")
    return "\n".join(rows)


def gpu_panels(result: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Frames and loops by backend, and how near the kernels come to a copy."""
    sections, panels = good_sections(result), dict[str, dict[str, float]]()
    frames = {n.removeprefix("frame, "): s for n, s in sections.items() if n.startswith("frame, ")}
    loops = {n.removeprefix("loop, "): s for n, s in sections.items() if n.startswith("loop, ")}
    if frames:
        panels["a frame asked for and waited for, us"] = {
            n: s["latency, graph"]["median_us"] for n, s in frames.items()
        }
    if loops:
        panels["photo to loop, ms"] = {n: s["photo_to_loop_ms"] for n, s in loops.items()}
    for name, section in sections.items():
        if name.startswith("kernels"):
            kernels = {f"{size} {k}": v for size, of in section.items() if isinstance(of, dict) for k, v in of.items()}
            panels[f"{name}, % of a copy's bandwidth"] = {k: v["percent_of_copy"] for k, v in kernels.items()}
    return panels


def main() -> None:
    folder = Path(__file__).parent / "results"
    results = {path.name: json.loads(path.read_text()) for path in sorted(folder.glob("gpu-*.json"))}
    print(gpu_table(results))
    model = json.loads(folder.joinpath("model-gpus.json").read_text())
    for name, result in results.items():
        print(f"\n{gpu_figures(result, model)}")
        if panels := gpu_panels(result):
            draw(folder / Path(name).with_suffix(".png"), panels, [])


if __name__ == "__main__":
    main()
