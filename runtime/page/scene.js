// The page: reads what it carries, keeps the clock, and connects controls, touch and picture.

const LONGEST_STEP_S = 0.2;   // after a pause of the browser's own, motion goes on rather than jumps
const CROP = 1.35;            // the picture fills the window where no more than this is cut off
const SLOW_FRAME_S = 1 / 24, PATIENCE = 12;  // so many slow frames in a row: a coarser mesh
const AT_REST = 1e-5;         // energy, below which nothing visible moves

const element = (id) => document.getElementById(id);
const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");

class Scene {
  constructor(facts, volume) {
    this.facts = facts;
    this.volume = volume;
    this.canvas = element("picture");
    this.dynamics = new Dynamics(volume.count, facts.period);
    this.isPaused = false;
    this.slowFrames = 0;
    const asked = Number.parseInt(new URLSearchParams(location.search).get("q") ?? "", 10);
    this.isLevelFixed = Number.isFinite(asked);
    this.picture = new Picture(this.canvas, element("photo"), volume, this.isLevelFixed ? asked : 3);
    const wake = () => this.wake(), pause = () => this.pause(!this.isPaused);
    this.touch = new Touch(this.canvas, element("marker"), volume, this.dynamics, { wake, pause });
    element("pause").addEventListener("click", pause);
    element("wind").addEventListener("input", wake);
    element("controls").addEventListener("submit", (event) => event.preventDefault());
    addEventListener("resize", () => this.fit());
    lessMotion.addEventListener("change", () => this.respectMotion());
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => this.restore());
  }

  show() {
    document.body.classList.add("is-moving");
    this.canvas.hidden = element("controls").hidden = false;
    this.respectMotion();
    this.fit();
  }

  get wind() {
    return Number(element("wind").value);
  }

  /** Without a wish for less motion the scene's own wind blows; with it nothing moves by itself. */
  respectMotion() {
    this.dynamics.isCalm = lessMotion.matches;
    element("wind").value = lessMotion.matches ? 0 : 1;
    this.wake();
  }

  /** The picture fills the window, or else is seen whole; sharp, but not much sharper than it is. */
  fit() {
    const [width, height] = this.facts.size, { style } = this.canvas;
    const ratios = [innerWidth / width, innerHeight / height];
    const whole = Math.min(...ratios), filling = Math.max(...ratios);
    const scale = filling <= CROP * whole ? filling : whole;
    [style.width, style.height] = [`${width * scale}px`, `${height * scale}px`];
    const density = Math.min(scale * devicePixelRatio, 2);
    [this.canvas.width, this.canvas.height] = [width, height].map((side) => Math.round(side * density));
    this.draw();
  }

  draw() {
    const weights = this.dynamics.weights();
    this.picture.draw(weights);
    this.touch.showFocus(weights);
  }

  restore() {
    this.picture = new Picture(this.canvas, element("photo"), this.volume, this.picture.level);
    this.draw();
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    const button = element("pause");
    button.setAttribute("aria-pressed", String(isPaused));
    button.setAttribute("aria-label", isPaused ? "Play" : "Pause");
    this.wake();
  }

  /** `dt` seconds later. */
  advance(dt) {
    if (!this.isPaused) this.dynamics.advance(dt, this.wind);
    this.draw();
  }

  get isAtRest() {
    const { dynamics } = this, isWindless = Math.max(this.wind, Math.abs(dynamics.wind)) < 1e-3;
    return this.isPaused || (isWindless && !this.touch.isHeld && dynamics.energy() < AT_REST);
  }

  /** Frames are asked for while something moves, and not otherwise: a picture at rest costs nothing. */
  wake() {
    if (this.isDriven || this.isAwake) return;
    this.isAwake = true;
    let last;
    const tick = (now) => {
      const dt = last === undefined ? 1 / 60 : (now - last) / 1000;
      last = now;
      if (this.isDriven) return;
      this.coarsenIfSlow(dt);
      this.advance(Math.min(dt, LONGEST_STEP_S));
      this.isAwake = !this.isAtRest;
      if (this.isAwake) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  coarsenIfSlow(dt) {
    this.slowFrames = dt > SLOW_FRAME_S ? this.slowFrames + 1 : 0;
    if (this.isLevelFixed || this.slowFrames < PATIENCE || this.picture.level === 0) return;
    this.picture.refine(this.picture.level - 1);
    this.slowFrames = 0;
  }

  /** For tests and other clocks: from the first call on, time passes only here. */
  step(dt) {
    this.isDriven = true;
    this.advance(dt);
  }
}

try {
  await element("photo").decode();
  const facts = JSON.parse(element("scene").textContent);
  const volume = await Volume.read(element("volume").textContent, facts);
  globalThis.stillwave = new Scene(facts, volume);
  globalThis.stillwave.show();
} catch (error) {
  document.body.dataset.error = error.name;
  element("message").textContent = error instanceof NoWebGLError
    ? error.message : `This picture cannot be moved here: ${error.message}`;
  element("message").hidden = false;
}
