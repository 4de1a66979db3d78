// Mouse, finger and keyboard: what is held, where, and how far it is pulled. Everything in px of the grid.

const NUDGE = 0.015;   // of the long side, for each press of an arrow key
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class Touch {
  /** wake: called after every change; pause: called when Space is pressed and nothing is held */
  constructor(canvas, marker, volume, dynamics, { wake, pause }) {
    Object.assign(this, { canvas, marker, volume, dynamics, wake, pause });
    this.grabbed = null;                  // { pointer, place, start } of what is held
    this.focus = volume.liveliest();      // where the keyboard pulls
    this.nudged = [0, 0];
    const listen = (kind, listener) => canvas.addEventListener(kind, listener);
    listen("pointerdown", (event) => this.grab(event));
    listen("pointermove", (event) => this.pull(event));
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture"])
      listen(kind, (event) => event.pointerId === this.grabbed?.pointer && this.letGo());
    listen("keydown", (event) => this.key(event));
    listen("blur", () => this.letGo());
  }

  grab(event) {
    if (this.grabbed || event.button !== 0) return;
    this.letGo();
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.classList.add("is-held");
    const start = this.placeOf(event);
    this.grabbed = { pointer: event.pointerId, start, place: this.sourceOf(start) };
  }

  pull(event) {
    if (event.pointerId !== this.grabbed?.pointer) return;
    const [x, y] = this.placeOf(event), { start, place } = this.grabbed;
    this.hold(place, [x - start[0], y - start[1]]);
  }

  key(event) {
    const side = Math.max(this.volume.columns, this.volume.rows), arrow = ARROWS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow && event.shiftKey) {
      this.letGo();
      this.focus = [0, 1].map((i) => this.within(this.focus[i] + 2 * NUDGE * side * arrow[i], i));
      this.wake();
    } else if (arrow) {
      this.nudged = this.nudged.map((pulled, i) => pulled + NUDGE * side * arrow[i]);
      this.hold(this.focus, this.nudged);
    } else if (event.key === " " && this.isHeld) {
      this.letGo();
    } else if (event.key === " ") {
      this.pause();
    } else if (event.key === "Escape") {
      this.letGo();
    } else {
      return;
    }
    event.preventDefault();
  }

  hold(place, by) {
    this.isHeld = true;
    this.dynamics.drag(poseTowards(this.volume, ...place, by));
    document.body.classList.add("is-touched");
    this.wake();
  }

  letGo() {
    this.grabbed = null;
    this.nudged = [0, 0];
    this.isHeld = false;
    this.canvas.classList.remove("is-held");
    this.dynamics.release();
    this.wake();
  }

  /** The ring sits on what it pulls. */
  showFocus(weights) {
    const [x, y] = this.focus, [dx, dy] = this.volume.displacementAt(weights, x, y);
    const box = this.canvas.getBoundingClientRect();
    this.marker.style.left = `${box.left + (x + dx + 0.5) / this.volume.columns * box.width}px`;
    this.marker.style.top = `${box.top + (y + dy + 0.5) / this.volume.rows * box.height}px`;
  }

  placeOf(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * this.volume.columns - 0.5,
            (event.clientY - box.top) / box.height * this.volume.rows - 0.5];
  }

  /** The place of the photo that is now shown at [x, y]: p with p + F(p) = [x, y]. */
  sourceOf([x, y]) {
    const weights = this.dynamics.weights();
    let place = [x, y];
    for (let i = 0; i < 4; i++) {
      const [dx, dy] = this.volume.displacementAt(weights, ...place);
      place = [x - dx, y - dy];
    }
    return place;
  }

  within(value, axis) {
    return Math.min(Math.max(value, 0), [this.volume.columns, this.volume.rows][axis] - 1);
  }
}
