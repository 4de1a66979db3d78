// A brush for what may move: painted cells of a mask over the picture, white where it moves.

const LONGEST = 512;      // px of the mask's long side
const STEP = 0.03;        // the keyboard's

class Brush {
  /** canvas: shown over the picture; changed: called after every stroke; radius: of the long side */
  constructor(canvas, changed) {
    Object.assign(this, { canvas, changed, isErasing: false, radius: 0.06, place: [0.5, 0.5] });
    this.paint = canvas.getContext("2d");
    this.ring = document.createElement("i");  // where the brush is, and how large
    Object.assign(this.ring, { className: "ring", hidden: true });
    canvas.after(this.ring);
    const listen = (kind, listener) => canvas.addEventListener(kind, listener);
    listen("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); this.isDown = true; this.stroke(event); });
    listen("pointermove", (event) => (this.isDown ? this.stroke(event) : this.move(event)));
    for (const kind of ["pointerleave", "blur"]) listen(kind, () => { this.ring.hidden = true; });
    listen("focus", () => this.point());
    for (const kind of ["pointerup", "pointercancel"]) listen(kind, () => this.lift());
    listen("keydown", (event) => this.key(event));
  }

  /** Over a box of the window, for a picture of this shape; what is painted stays. */
  cover(box, width, height) {
    const scale = LONGEST / Math.max(width, height), { canvas } = this;
    const size = [width, height].map((side) => Math.round(side * scale));
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    for (const side of ["left", "top", "width", "height"]) canvas.style[side] = `${box[side]}px`;
  }

  move(event) {
    const box = this.canvas.getBoundingClientRect();
    this.place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    this.point();
  }

  /** Show where the brush is. */
  point() {
    const box = this.canvas.getBoundingClientRect(), side = 2 * this.radius * Math.max(box.width, box.height);
    const lengths = { left: box.left + this.place[0] * box.width, top: box.top + this.place[1] * box.height, width: side, height: side };
    for (const name in lengths) this.ring.style[name] = `${lengths[name]}px`;
    this.ring.hidden = false;
  }

  stroke(event) {
    this.move(event);
    this.dab();
  }

  dab() {
    const { paint, canvas } = this, [x, y] = [this.place[0] * canvas.width, this.place[1] * canvas.height];
    paint.globalCompositeOperation = this.isErasing ? "destination-out" : "source-over";
    paint.fillStyle = "#fff";
    paint.beginPath();
    paint.arc(x, y, this.radius * LONGEST, 0, 2 * Math.PI);
    paint.fill();
    this.isPainted = true;
  }

  lift() {
    if (this.isDown) this.changed();
    this.isDown = false;
  }

  key(event) {
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (by) this.place = this.place.map((at, i) => Math.min(Math.max(at + by[i], 0), 1));
    else if (event.key === " ") this.dab();
    else return;
    this.point();
    event.preventDefault();
    if (event.key === " ") this.changed();
  }

  clear() {
    this.paint.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.isPainted = this.isErasing = false;
  }

  /** The mask as a PNG: white on black. */
  picture() {
    const whole = new OffscreenCanvas(this.canvas.width, this.canvas.height), paint = whole.getContext("2d");
    paint.fillRect(0, 0, whole.width, whole.height);
    paint.drawImage(this.canvas, 0, 0);
    return whole.convertToBlob({ type: "image/png" });
  }
}
