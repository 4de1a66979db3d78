// What was built, and which of the instruction sets this processor and its operating system run.
#include <string.h>

// Changes with any launcher's arguments, together with INTERFACE in _library.py.
extern "C" __attribute__((visibility("default"))) int stillwave_interface() { return 4; }

extern "C" __attribute__((visibility("default"))) int stillwave_supports(const char* isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (strcmp(isa, "avx512") == 0) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx2") &&
           __builtin_cpu_supports("fma");
  }
  // Every processor with AVX2 and FMA converts halves (F16C).
  if (strcmp(isa, "avx2") == 0) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  }
  return strcmp(isa, "baseline") == 0;
#elif defined(__aarch64__)
  return strcmp(isa, "neon") == 0;
#else
  return strcmp(isa, "baseline") == 0;
#endif
}

extern "C" __attribute__((visibility("default"))) const char* stillwave_compiler() {
  return STILLWAVE_COMPILER;
}
