#version 300 es
// Second pass: a mesh over the photo and a little beyond, each vertex moved by its displacement.
precision highp float;

uniform sampler2D displacement;
uniform ivec2 mesh;  // columns and rows of quads
uniform vec2 grid;   // columns and rows of the displacement

out vec2 place;      // in the photo, 0..1

const float MARGIN = 0.06;  // mirrored photo, which comes in where the edge moves away

void main() {
  ivec2 vertex = ivec2(gl_VertexID % (mesh.x + 1), gl_VertexID / (mesh.x + 1));
  place = mix(vec2(-MARGIN), vec2(1.0 + MARGIN), vec2(vertex) / vec2(mesh));
  vec3 moved = textureLod(displacement, place, 0.0).xyz;
  vec2 position = place + moved.xy / grid;
  // What moves more is in front (paper section 5).
  gl_Position = vec4(2.0 * position.x - 1.0, 1.0 - 2.0 * position.y, 0.9 - 1.8 * moved.z, 1.0);
}
