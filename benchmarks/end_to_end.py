"""`python benchmarks/end_to_end.py`: a photo to a looping video, every stage and the whole, verified first.

Times are medians and 90th percentiles of wall time, with the processor time of all threads beside
them. `--stages` runs some parts only; `--json` keeps the results, and a plot where matplotlib is.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import report
from machine import FOLDER, machine, result_path, write_result
from memory import measure_budgets, measure_growth, measure_reading, measure_refusal
from processes import text_of, time_clip, time_first_frame, time_start
from stages import Settings, time_stages, verify

from stillwave.runtime.cli import size as size_from_text

PARTS = ("stages", "first-frame", "clip", "start", "memory", "reading", "growth")
SIZES = [(1280, 720), (1024, 768)]  # measured against the budgets, beside --size
BUDGETS = ["128MiB", "256MiB", "512MiB"]


@dataclass(frozen=True)
class Effort:
    """How often."""

    photos: int = 7
    frames: int = 96
    processes: int = 5
    growth_frames: int = 2000
    clip_s: float = 5.0
    memory_clip_s: float = 2.0


QUICK = Effort(photos=2, frames=24, processes=2, growth_frames=300, memory_clip_s=1.0)


def main() -> None:
    args = parser().parse_args()
    settings = Settings(args.photo, args.size, args.backend, args.threads, args.memory_budget, args.bundle)
    effort = QUICK if args.quick else Effort()
    facts = machine()
    print(f"{facts['processor']}, {facts['cores']} cores, load {facts['load_average']:.1f}, commit {facts['commit']}")
    result: dict[str, Any] = {"machine": facts, "settings": settings.described(), "verified": verify(settings)}
    print(f"verified: first frame {result['verified']['first_frame_db']} dB from the photo, same bits on 1 thread")
    for part in args.stages:
        print(f"\n{part}, {text_of(settings.size)}", flush=True)
        result[part] = measure(part, settings, effort, args.quick)
        print("\n".join(report.lines(part, result[part])), flush=True)
    if args.json:
        write_result(args.json, result)
        report.plot(args.json.with_suffix(".png"), result)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = options.add_argument
    add("--photo", type=Path, default=FOLDER.parent / "examples" / "dandelion.jpg", help="default: %(default)s")
    add("--size", type=size_from_text, default="512x288", metavar="WxH", help="default: %(default)s")
    add("--backend", default="auto", help="default: %(default)s")
    add("--threads", type=int, default=0, help="default: one for each core")
    add("--memory-budget", default="512MiB", help="for all parts but memory (default: %(default)s)")
    add("--bundle", type=Path, help="default: the one installed")
    add("--stages", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}")
    add("--quick", action="store_true", help="fewer repeats: to see that it works")
    kept = result_path("end_to_end")
    add("--json", type=Path, nargs="?", const=kept, metavar="FILE", help=f"without FILE: results/{kept.name}")
    return options


def measure(part: str, settings: Settings, effort: Effort, is_quick: bool) -> Any:
    if part == "stages":
        return time_stages(settings, effort.photos, effort.frames)
    if part == "first-frame":
        return time_first_frame(settings, effort.processes)
    if part == "clip":
        return time_clip(settings, effort.processes, effort.clip_s)
    if part == "start":
        return time_start(2 * effort.processes)
    if part == "growth":
        return measure_growth(settings, effort.growth_frames)
    if part == "reading":
        return measure_reading(settings.photo)
    sizes = [settings.size] if is_quick else [settings.size, *SIZES]
    return {
        "budgets": measure_budgets(settings, sizes, BUDGETS, effort.memory_clip_s),
        "refusal": measure_refusal(settings, effort.memory_clip_s),
    }


if __name__ == "__main__":
    main()
