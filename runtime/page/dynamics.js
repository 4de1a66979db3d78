// Touch: the spectral volume as modes of vibration (paper section 6, eq. 6). A displacement is the sum
// over modes of Re(q S), and every q is a damped oscillator of its own frequency:
//
//   q'' + g q' + w^2 q = 0        g = alpha + beta w^2
//
// Its solution is used in closed form, so the state after a time does not depend on the frame rate.
// Complex numbers are pairs: a Float64Array (modes, 2) holds Re and Im.

const ALPHA = 0.4, BETA = 0.08;  // of the paper
const FIRM = 0.02;     // of the pulled place's own mobility: it lags behind the pointer by so much
const ROOTED = 0.004;  // of the most mobile place's: what moves less than a tenth of that hardly follows
const REACH = 0.08;    // of the long side: as far as a drag pulls; a mesh stretched further looks it
const SYMPATHY = 1.25; // times as far as the pointer: the most that anything else moves with it
const WIND_S = 1;      // in which the wind rises or falls to what is asked

class Dynamics {
  /** period: seconds after which the volume's own motion repeats */
  constructor(count, period) {
    this.angular = Float64Array.from({ length: count }, (_, i) => 2 * Math.PI * (i + 1) / period);
    this.held = new Float64Array(2 * count);      // pose under the pointer
    this.position = new Float64Array(2 * count);  // of what swings freely
    this.velocity = new Float64Array(2 * count);  // a second
    this.wind = 0;
    this.clock = 0;
    this.isCalm = false;  // settle without swinging: for those who want less motion
  }

  /** Hold this pose; what swings already goes on swinging about it. */
  drag(pose) {
    this.held.set(pose);
  }

  /** Let go: the pose swings from where it is, at rest. */
  release() {
    this.position.forEach((value, i) => { this.position[i] = value + this.held[i]; });
    this.held.fill(0);
  }

  /** `dt` seconds later. The wind's strength nears `wind` within WIND_S. */
  advance(dt, wind) {
    this.clock += dt;
    this.wind = wind + (this.wind - wind) * Math.exp(-dt / WIND_S);
    this.angular.forEach((w, k) => {
      const half = this.isCalm ? w : (ALPHA + BETA * w * w) / 2;
      const [even, odd] = response(w, half, dt);
      for (const i of [2 * k, 2 * k + 1]) {
        const position = this.position[i], velocity = this.velocity[i];
        this.position[i] = even * position + odd * (velocity + half * position);
        this.velocity[i] = even * velocity - odd * (w * w * position + half * velocity);
      }
    });
  }

  /** Weights of the modes now: wind, what is held, what swings. */
  weights() {
    const weights = new Float64Array(this.held.length);
    this.angular.forEach((w, k) => {
      weights[2 * k] = 2 * this.wind * (Math.cos(w * this.clock) - 1);
      weights[2 * k + 1] = 2 * this.wind * Math.sin(w * this.clock);
    });
    return weights.map((ambient, i) => ambient + this.held[i] + this.position[i]);
  }

  /** Kinetic and potential, wind aside; never rises but by a drag. */
  energy() {
    let sum = 0;
    for (let i = 0; i < this.held.length; i++)
      sum += this.velocity[i] ** 2 + (this.angular[i >> 1] * (this.held[i] + this.position[i])) ** 2;
    return sum / 2;
  }
}

/** e^(-half dt) times the cosine and the sine over frequency of a damped oscillator. */
function response(w, half, dt) {
  const fall = Math.exp(-half * dt), square = w * w - half * half, root = Math.sqrt(Math.abs(square));
  if (root < 1e-9) return [fall, fall * dt];
  if (square > 0) return [fall * Math.cos(root * dt), fall * Math.sin(root * dt) / root];
  const up = Math.exp((root - half) * dt), down = Math.exp((-root - half) * dt);
  return [(up + down) / 2, (up - down) / (2 * root)];
}

/**
 * The pose that brings a place where it is pulled: q = conj(f . S), with the force f under which it
 * follows; in a direction in which it hardly ever moves it follows hardly, rather than at any price.
 *
 * x, y, pull  px of the grid
 */
function poseTowards(volume, x, y, pull) {
  const length = Math.hypot(...pull), reach = REACH * Math.max(volume.columns, volume.rows);
  const [dx, dy] = pull.map((side) => side * Math.min(1, reach / Math.max(length, 1e-9)));
  const modes = volume.modesAt(x, y);
  let xx = 0, xy = 0, yy = 0;
  for (let i = 0; i < modes.length; i += 4) {
    xx += modes[i] ** 2 + modes[i + 1] ** 2;
    xy += modes[i] * modes[i + 2] + modes[i + 1] * modes[i + 3];
    yy += modes[i + 2] ** 2 + modes[i + 3] ** 2;
  }
  const firmness = FIRM * (xx + yy) + ROOTED * volume.strongest ** 2;
  const pose = new Float64Array(2 * volume.count);
  if (!firmness) return pose;
  xx += firmness;
  yy += firmness;
  const determinant = xx * yy - xy * xy;
  const fx = (yy * dx - xy * dy) / determinant, fy = (xx * dy - xy * dx) / determinant;
  for (let k = 0; k < volume.count; k++) {
    pose[2 * k] = fx * modes[4 * k] + fy * modes[4 * k + 2];
    pose[2 * k + 1] = -(fx * modes[4 * k + 1] + fy * modes[4 * k + 3]);
  }
  const most = SYMPATHY * Math.hypot(dx, dy), farthest = volume.farthest(pose);
  return farthest > most ? pose.map((part) => part * most / farthest) : pose;
}
