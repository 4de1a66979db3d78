// The spectral volume as the page carries it: signed bytes with one scale a frequency. Row k is k + 1
// cycles a period; S_0 only anchors the first frame, which the weights of Dynamics do by themselves.

class Volume {
  /**
   * bytes   Int8Array (modes, rows, columns, 4): Re x, Im x, Re y, Im y
   * scales  px of the grid that a byte of 127 stands for, by mode
   */
  constructor(bytes, scales, columns, rows) {
    Object.assign(this, { bytes, scales, columns, rows, count: scales.length });
    this.strongest = Math.sqrt(this.largest(4, (cell) => this.power(cell)));  // px
  }

  /** The volume's bytes from base64 of deflated differences along rows. */
  static async read(text, { scales, grid: [columns, rows] }) {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const bytes = new Int8Array(await new Response(stream).arrayBuffer());
    const stride = 4 * columns;
    for (let row = 0; row < bytes.length; row += stride)
      for (let i = row + 4; i < row + stride; i++) bytes[i] += bytes[i - 4];
    return new Volume(bytes, scales, columns, rows);
  }

  /** Modes of a place, between cells: Float64Array (modes, 4), px of the grid. */
  modesAt(x, y) {
    const clamp = (value, side) => Math.min(Math.max(value, 0), side - 1);
    x = clamp(x, this.columns);
    y = clamp(y, this.rows);
    const left = Math.min(Math.floor(x), this.columns - 2), top = Math.min(Math.floor(y), this.rows - 2);
    const right = x - left, below = y - top;
    const corners = [[0, 0, (1 - right) * (1 - below)], [1, 0, right * (1 - below)],
                     [0, 1, (1 - right) * below], [1, 1, right * below]];
    const modes = new Float64Array(4 * this.count);
    for (const [across, down, share] of corners) {
      const cell = (top + down) * this.columns + left + across;
      for (let i = 0; i < modes.length; i++) modes[i] += share * this.value(cell, i);
    }
    return modes;
  }

  /** Displacement [x, y] of a place under weights (modes, 2), px of the grid. */
  displacementAt(weights, x, y) {
    const modes = this.modesAt(x, y), sum = [0, 0];
    for (let k = 0; k < this.count; k++)
      for (const axis of [0, 1])
        sum[axis] += weights[2 * k] * modes[4 * k + 2 * axis] - weights[2 * k + 1] * modes[4 * k + 2 * axis + 1];
    return sum;
  }

  /** The largest displacement of any cell under these weights, as the larger of |x| and |y|. */
  farthest(weights) {
    const { bytes, count, scales } = this, layer = 4 * this.rows * this.columns;
    const scaled = weights.map((weight, i) => weight * scales[i >> 1] / 127);
    return this.largest(4, (cell) => {  // asked at every move of the pointer: plain loops over bytes
      let x = 0, y = 0;
      for (let k = 0, i = 4 * cell; k < count; k++, i += layer) {
        const re = scaled[2 * k], im = scaled[2 * k + 1];
        x += re * bytes[i] - im * bytes[i + 1];
        y += re * bytes[i + 2] - im * bytes[i + 3];
      }
      return Math.max(Math.abs(x), Math.abs(y));
    });
  }

  /** The cell [x, y] that moves most. */
  liveliest() {
    let best = 0, most = -1;
    this.largest(4, (cell) => {
      const power = this.power(cell);
      if (power > most) [best, most] = [cell, power];
      return power;
    });
    return [best % this.columns, Math.floor(best / this.columns)];
  }

  /** The largest of a function of the cell; every `stride`-th is asked, the motion is that smooth. */
  largest(stride, of) {
    let most = 0;
    for (let y = stride >> 1; y < this.rows; y += stride)
      for (let x = stride >> 1; x < this.columns; x += stride)
        most = Math.max(most, of(y * this.columns + x));
    return most;
  }

  power(cell) {
    let sum = 0;
    for (let i = 0; i < 4 * this.count; i++) sum += this.value(cell, i) ** 2;
    return sum;
  }

  value(cell, i) {
    const mode = i >> 2;
    return this.bytes[(mode * this.rows * this.columns + cell) * 4 + (i & 3)] * this.scales[mode] / 127;
  }
}
