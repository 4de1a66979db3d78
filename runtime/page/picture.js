// The photo on the canvas, moved: a pass that sums the modes into a small texture of displacements,
// then a mesh that reads it once a vertex. All modes at every vertex would be several times as slow.

class NoWebGLError extends Error {
  name = "NoWebGLError";
}

class Picture {
  /** level: 0..3, the mesh has 32 * 2^level columns */
  constructor(canvas, photo, volume, level) {
    const gl = canvas.getContext("webgl2", { alpha: false, antialias: false });
    if (!gl || !(gl.getExtension("EXT_color_buffer_float") || gl.getExtension("EXT_color_buffer_half_float")))
      throw new NoWebGLError("This picture moves with WebGL 2, which this browser does not offer here. "
        + "Try a current Firefox, Chrome, Edge or Safari, or turn on its hardware acceleration.");
    Object.assign(this, { gl, canvas, volume });
    this.modes = new Program(gl, "modes.vert", "modes.frag", volume.count);
    this.mesh = new Program(gl, "mesh.vert", "mesh.frag", volume.count);
    this.photo = this.photoTexture(photo);
    this.volumeTexture = this.modesTexture();
    this.displacement = texture(gl, gl.TEXTURE_2D, gl.LINEAR, gl.CLAMP_TO_EDGE);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA16F, volume.columns, volume.rows);
    this.frame = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.displacement, 0);
    gl.enable(gl.DEPTH_TEST);
    this.refine(level);
  }

  photoTexture(photo) {
    const { gl } = this;
    const made = texture(gl, gl.TEXTURE_2D, gl.LINEAR_MIPMAP_LINEAR, gl.MIRRORED_REPEAT);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, photo);
    gl.generateMipmap(gl.TEXTURE_2D);
    return made;
  }

  modesTexture() {
    const { gl, volume } = this;
    const made = texture(gl, gl.TEXTURE_2D_ARRAY, gl.NEAREST, gl.CLAMP_TO_EDGE);
    gl.texImage3D(gl.TEXTURE_2D_ARRAY, 0, gl.RGBA8_SNORM, volume.columns, volume.rows, volume.count, 0,
      gl.RGBA, gl.BYTE, volume.bytes);
    return made;
  }

  /** Choose the mesh's level. */
  refine(level) {
    const { gl, volume } = this;
    this.level = Math.min(Math.max(Math.round(level), 0), 3);
    const columns = 32 << this.level, rows = Math.max(1, Math.round(columns * volume.rows / volume.columns));
    const indices = new Uint32Array(6 * columns * rows);
    for (let quad = 0, row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++, quad++) {
        const corner = row * (columns + 1) + column, below = corner + columns + 1;
        indices.set([corner, below, corner + 1, corner + 1, below, below + 1], 6 * quad);
      }
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.indices ??= gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, indices, gl.STATIC_DRAW);
    this.meshSize = [columns, rows];
    this.indexCount = indices.length;
  }

  /** weights: (modes, 2), see Dynamics */
  draw(weights) {
    const { gl, volume, canvas } = this;
    const scaled = new Float32Array(3 * volume.count);
    volume.scales.forEach((scale, k) => scaled.set([scale * weights[2 * k], scale * weights[2 * k + 1], scale], 3 * k));

    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    gl.viewport(0, 0, volume.columns, volume.rows);
    gl.useProgram(this.modes.program);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.volumeTexture);
    gl.uniform3fv(this.modes.at("weights"), scaled);
    gl.uniform1f(this.modes.at("strongest"), Math.max(volume.strongest, 1e-6));
    gl.drawArrays(gl.TRIANGLES, 0, 3);

    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.useProgram(this.mesh.program);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.photo);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.displacement);
    gl.uniform1i(this.mesh.at("displacement"), 0);
    gl.uniform1i(this.mesh.at("photo"), 1);
    gl.uniform2iv(this.mesh.at("mesh"), this.meshSize);
    gl.uniform2f(this.mesh.at("grid"), volume.columns, volume.rows);
    gl.drawElements(gl.TRIANGLES, this.indexCount, gl.UNSIGNED_INT, 0);
  }
}

/** Two shaders of the page, linked. MODES in them becomes a number. */
class Program {
  constructor(gl, vertex, fragment, modes) {
    this.gl = gl;
    this.program = gl.createProgram();
    for (const [kind, id] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, document.getElementById(id).textContent.trim().replaceAll("MODES", modes));
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost())
        throw new Error(`${id}: ${gl.getShaderInfoLog(shader)}`);
    }
    gl.linkProgram(this.program);
    this.locations = {};
  }

  at(name) {
    return this.locations[name] ??= this.gl.getUniformLocation(this.program, name);
  }
}

/** A new texture, bound. */
function texture(gl, target, minify, wrap) {
  const made = gl.createTexture();
  gl.bindTexture(target, made);
  gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, minify);
  gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, minify === gl.NEAREST ? gl.NEAREST : gl.LINEAR);
  gl.texParameteri(target, gl.TEXTURE_WRAP_S, wrap);
  gl.texParameteri(target, gl.TEXTURE_WRAP_T, wrap);
  return made;
}
