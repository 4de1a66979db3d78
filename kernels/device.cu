// Every CUDA kernel, as one module.
#include "ddim.cu"
#include "frame.cu"
#include "importance.cu"
#include "motion.cu"
#include "splat.cu"
#include "volume.cu"

#ifdef STILLWAVE_SOURCES  // the build's: a name in the module that tells what it was made of
extern "C" __global__ void STILLWAVE_SOURCES() {}
#endif
