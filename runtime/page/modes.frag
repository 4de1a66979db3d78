#version 300 es
// First pass: the displacement of every cell of the grid, the sum over k of Re(c_k S_k).
precision highp float;
precision highp sampler2DArray;

uniform sampler2DArray volume;  // layer k: Re x, Im x, Re y, Im y in -1..1 of the frequency's scale
uniform vec3 weights[MODES];    // Re c_k, Im c_k, 1; each times the scale, px of the grid
uniform float strongest;        // px, the largest that `reach` becomes

out vec4 displacement;          // x, y in px of the grid; z in 0..1: how far forward the cell is

void main() {
  ivec2 cell = ivec2(gl_FragCoord.xy);
  vec2 sum = vec2(0.0);
  float power = 0.0;
  for (int k = 0; k < MODES; k++) {
    vec4 mode = texelFetch(volume, ivec3(cell, k), 0);
    sum += weights[k].x * mode.xz - weights[k].y * mode.yw;
    power += weights[k].z * weights[k].z * dot(mode, mode);
  }
  displacement = vec4(sum, sqrt(power) / strongest, 1.0);
}
