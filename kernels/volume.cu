// CUDA kernels from the networks' coefficients to the volume that a frame is made of. A volume is
// (K, 4, height, width) float32; "slices" are its k >= 1.
#include "launch_cuda.h"
#include "volume.h"

namespace {

struct Planes {
  const float* planes;  // (slices, 4, rows.size, columns.size)
  float* out;           // (slices, 4, rows.size_out, columns.size_out)
  const float* scales;  // of coefficients, one a slice; or none
  Axis rows, columns;
  int slices;
  float to_x, to_y;  // factors of channels 0 and 1, and of 2 and 3
};

struct Blur {
  const float* planes;  // (count, height, width)
  float* out;
  const float* weights;  // (reach + 1,)
  const float* share;    // (height, width): the last factor, where lines run across; or none
  int count, height, width, reach;
};

struct Gains {
  const float* slices;     // (count, 4, height, width), px
  const float* amplitude;  // (count, rows, columns), expected
  float* gain;             // (count, rows, columns)
  int count, height, width, rows, columns;
  float to_px, quiet;  // of the amplitude's unit; px^2 that is nothing
};

struct Calibration {
  float* slices;
  const float* gain;
  Axis rows, columns;
  int count;
};

struct Paces {
  const float* volume;
  const float* circle;  // (num_frames, 2): cosine and sine
  float* pace;          // (num_frames,): mean length of the step from the frame before
  float* distance;      // (num_frames,): and from the mean of all
  int frequencies, num_frames, height, width, first, step;
};

struct Turning {
  float* volume;
  const float* turns;       // advance: (K, 2), cosine and sine of every frequency's angle
  const uint32_t* largest;  // start: bits of the largest of S_0
  Index pixels;
  int frequencies;
};

SW_BODY float block_sum(float value) {
  __shared__ float sums[kThreads];
  sums[threadIdx.x] = value;
  __syncthreads();
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  const float total = sums[0];
  __syncthreads();
  return total;
}

}  // namespace

// One thread a value: another grid. Of coefficients, those of the volume.
SW_KERNEL(interpolate, Planes) {
  const Planes& p = argument;
  const Index item = thread_number();
  const Index pixels = static_cast<Index>(p.rows.size_out) * p.columns.size_out;
  if (item >= 4 * p.slices * pixels) return;
  const int plane = static_cast<int>(item / pixels), pixel = static_cast<int>(item % pixels);
  const float* from = p.planes + static_cast<Index>(plane) * p.rows.size * p.columns.size;
  const float scale = p.scales ? p.scales[plane / 4] : 0.0f;
  const int y = pixel / p.columns.size_out, x = pixel % p.columns.size_out;
  const float to_px = plane % 4 < 2 ? p.to_x : p.to_y;
  p.out[item] = interpolated(from, scale, p.rows, p.columns, y, x) * to_px;
}

// One thread a value: down, or across and divided by what of the kernel lies within the plane.
SW_KERNEL(blur, Blur) {
  const Blur& b = argument;
  const Index item = thread_number(), pixels = static_cast<Index>(b.height) * b.width;
  if (item >= b.count * pixels) return;
  const int pixel = static_cast<int>(item % pixels), y = pixel / b.width, x = pixel % b.width;
  const float* plane = b.planes + (item - pixel);
  b.out[item] =
      b.share ? blurred(plane + (pixel - x), 1, x, b.width, b.weights, b.reach) * b.share[pixel]
              : blurred(plane + x, b.width, y, b.height, b.weights, b.reach);
}

// One thread a cell of the amplitude: what its power lacks.
SW_KERNEL(gain, Gains) {
  const Gains& g = argument;
  const Index item = thread_number(), cells = static_cast<Index>(g.rows) * g.columns;
  if (item >= g.count * cells) return;
  const int cell = static_cast<int>(item % cells), down = g.height / g.rows;
  const int across = g.width / g.columns, y = cell / g.columns, x = cell % g.columns;
  const Index plane = static_cast<Index>(g.height) * g.width;
  const float* pixels = g.slices + 4 * plane * (item / cells) +
                        static_cast<Index>(y) * down * g.width + x * across;
  const float expected = g.amplitude[item] * g.to_px;
  const float power = mean_power(pixels, plane, g.width, down, across);
  g.gain[item] = square_root((expected * expected + g.quiet) / (power + g.quiet));
}

// One thread a pixel of a slice.
SW_KERNEL(calibrate, Calibration) {
  const Calibration& c = argument;
  const Index item = thread_number();
  const Index plane = static_cast<Index>(c.rows.size_out) * c.columns.size_out;
  if (item >= c.count * plane) return;
  const int slice = static_cast<int>(item / plane), pixel = static_cast<int>(item % plane);
  const float* gain = c.gain + static_cast<Index>(slice) * c.rows.size * c.columns.size;
  const int y = pixel / c.columns.size_out, x = pixel % c.columns.size_out;
  const float factor = interpolated(gain, 0.0f, c.rows, c.columns, y, x);
  for (int channel = 0; channel < 4; ++channel) {
    c.slices[(4 * static_cast<Index>(slice) + channel) * plane + pixel] *= factor;
  }
}

// One block a frame: how far a few places of the grid move in it, and from where they mostly are.
SW_BLOCK_KERNEL(pace, Paces) {
  const Paces& p = argument;
  const int frame = static_cast<int>(blockIdx.x);
  const int before = (frame + p.num_frames - 1) % p.num_frames;
  const int rows = (p.height - p.first + p.step - 1) / p.step;
  const int columns = (p.width - p.first + p.step - 1) / p.step;
  const Index plane = static_cast<Index>(p.height) * p.width;
  float pace = 0.0f, distance = 0.0f;
  for (int i = static_cast<int>(threadIdx.x); i < rows * columns; i += kThreads) {
    const int y = p.first + i / columns * p.step, x = p.first + i % columns * p.step;
    const float* pixel = p.volume + static_cast<Index>(y) * p.width + x;
    float now[2], step[2];
    SW_UNROLL
    for (int axis = 0; axis < 2; ++axis, pixel += 2 * plane) {
      now[axis] = swing(pixel, plane, p.circle, p.frequencies, frame, p.num_frames);
      step[axis] = now[axis] - swing(pixel, plane, p.circle, p.frequencies, before, p.num_frames);
    }
    pace += square_root(step[0] * step[0] + step[1] * step[1]);
    distance += square_root(now[0] * now[0] + now[1] * now[1]);
  }
  const float share = 1.0f / static_cast<float>(rows * columns);
  const float mean_pace = block_sum(pace) * share, mean_distance = block_sum(distance) * share;
  if (threadIdx.x == 0) p.pace[frame] = mean_pace;
  if (threadIdx.x == 0) p.distance[frame] = mean_distance;
}

// One thread a pixel: the motion begun later, and S_0 such that it begins at the photo.
SW_KERNEL(advance, Turning) {
  const Turning& t = argument;
  const Index pixel = thread_number();
  if (pixel >= t.pixels) return;
  float* first = t.volume + pixel;
  for (int k = 1; k < t.frequencies; ++k) {
    const float cosine = t.turns[2 * k], sine = t.turns[2 * k + 1];
    float* slice = first + 4 * k * t.pixels;
    for (int axis = 0; axis < 2; ++axis, slice += 2 * t.pixels) {
      const float re = slice[0], im = slice[t.pixels];
      slice[0] = cosine * re - sine * im;
      slice[t.pixels] = sine * re + cosine * im;
    }
  }
  for (int axis = 0; axis < 2; ++axis, first += 2 * t.pixels) {
    first[0] = -2.0f * sum_of_slices(first, 4 * t.pixels, t.frequencies);
    first[t.pixels] = 0.0f;
  }
}

// One thread a pixel: F_0 taken off all frequencies alike, if S_0 says where the photo lies.
SW_KERNEL(start, Turning) {
  const Turning& t = argument;
  const Index pixel = thread_number();
  if (pixel >= t.pixels || *t.largest == 0) return;
  for (int axis = 0; axis < 2; ++axis) {
    float* first = t.volume + 2 * axis * t.pixels + pixel;
    const float off = first[0] + 2.0f * sum_of_slices(first, 4 * t.pixels, t.frequencies);
    const float each = off / static_cast<float>(2 * t.frequencies - 1);
    for (int k = 0; k < t.frequencies; ++k) first[4 * k * t.pixels] -= each;
  }
}
