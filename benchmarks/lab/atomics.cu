// The splat as one would write it first: every source adds to four pixels with float atomics. The
// result depends on chance in its last bits, needs clearing before and a division after. For
// comparison only.
extern "C" __global__ void scatter(const float* features, const float* motion, const float* weight,
                                   float* sums, float* totals, int height, int width,
                                   int channels) {
  const long long item = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  const long long source = item / channels;
  if (source >= static_cast<long long>(height) * width) return;
  const int channel = static_cast<int>(item % channels);
  const float x = source % width + motion[2 * source], y = source / width + motion[2 * source + 1];
  const float left = floorf(x), top = floorf(y), importance = expf(weight[source]);
  for (int corner = 0; corner < 4; ++corner) {
    const float column = left + corner % 2, row = top + corner / 2;
    if (column < 0 || column >= width || row < 0 || row >= height) continue;
    const float share = importance * (1 - fabsf(x - column)) * (1 - fabsf(y - row));
    const long long target = static_cast<long long>(row) * width + static_cast<long long>(column);
    atomicAdd(sums + target * channels + channel, share * features[source * channels + channel]);
    if (channel == 0) atomicAdd(totals + target, share);
  }
}

extern "C" __global__ void divide(float* sums, const float* totals, long long count, int channels) {
  const long long item = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (item >= count) return;
  const float total = totals[item / channels];
  sums[item] = total > 0 ? sums[item] / total : 0;
}
