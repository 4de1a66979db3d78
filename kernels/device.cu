// Every CUDA kernel, as one module.
#include "ddim.cu"
#include "frame.cu"
#include "importance.cu"
#include "motion.cu"
#include "splat.cu"
#include "volume.cu"
