// A libcuda.so.1 that is no driver: the calls that runtime/cuda_device.py makes, on memory of the
// host, with the kernels that cuda_on_host.h compiles. It shows that the binding is called as it
// wants to be.
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default"))) int

namespace {

enum Result {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotFound = 500,
  kIllegalAddress = 700
};
constexpr size_t kTotalBytes = size_t{1} << 30, kHeaderBytes = 256;

using Calls = std::vector<std::function<void()>>;
struct Stream {
  std::unique_ptr<Calls> captured;

  // At once, or kept while a graph is captured.
  int put(std::function<void()> call) {
    if (captured) {
      captured->push_back(call);
    } else {
      call();
    }
    return kSuccess;
  }
};

size_t used_bytes = 0;
bool is_broken = false;  // by a write to address 0, until the context is reset
void* kernels = nullptr;

void* allocated(size_t bytes) {
  char* memory =
      static_cast<char*>(aligned_alloc(kHeaderBytes, kHeaderBytes + (bytes + 255) / 256 * 256));
  memcpy(memory, &bytes, sizeof bytes);
  memset(memory + kHeaderBytes, 0xff, bytes);
  return memory + kHeaderBytes;
}
size_t freed(void* pointer) {
  char* memory = static_cast<char*>(pointer) - kHeaderBytes;
  size_t bytes;
  memcpy(&bytes, memory, sizeof bytes);
  free(memory);
  return bytes;
}

}  // namespace

EXPORT cuInit(unsigned) { return kSuccess; }
EXPORT cuDriverGetVersion(int* version) { return *version = 13000, kSuccess; }
EXPORT cuGetErrorString(int, const char** text) {
  return *text = "an error of no driver", kSuccess;
}
EXPORT cuGetErrorName(int, const char** text) { return *text = "ERROR", kSuccess; }
EXPORT cuDeviceGetCount(int* count) { return *count = 1, kSuccess; }
EXPORT cuDeviceGet(int* device, int index) { return *device = index, kSuccess; }
EXPORT cuDeviceGetName(char* name, int size, int) {
  return strncpy(name, "no GPU", size), kSuccess;
}
EXPORT cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? 8 : attribute == 76 ? 7 : 0;  // compute capability 8.7, not integrated
  return kSuccess;
}
EXPORT cuDevicePrimaryCtxRetain(void** context, int) { return *context = &used_bytes, kSuccess; }
EXPORT cuDevicePrimaryCtxRelease(int) { return used_bytes ? kInvalidValue : kSuccess; }
EXPORT cuDevicePrimaryCtxReset(int) { return is_broken = false, kSuccess; }
EXPORT cuCtxSetCurrent(void* context) { return context == &used_bytes ? kSuccess : kInvalidValue; }
EXPORT cuMemGetInfo(size_t* free_bytes, size_t* total) {
  *free_bytes = kTotalBytes - used_bytes;
  return *total = kTotalBytes, kSuccess;
}
EXPORT cuMemAlloc(void** pointer, size_t bytes) {
  if (bytes > kTotalBytes - used_bytes) return kOutOfMemory;
  used_bytes += bytes;
  return *pointer = allocated(bytes), kSuccess;
}
EXPORT cuMemFree(void* pointer) { return used_bytes -= freed(pointer), kSuccess; }
EXPORT cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
  return *pointer = allocated(bytes), kSuccess;
}
EXPORT cuMemFreeHost(void* pointer) { return freed(pointer), kSuccess; }

EXPORT cuStreamCreate(Stream** stream, unsigned flags) {
  return *stream = new Stream, flags == 1 ? kSuccess : kInvalidValue;
}
EXPORT cuStreamDestroy(Stream* stream) { return delete stream, kSuccess; }
EXPORT cuStreamSynchronize(Stream* stream) {
  return is_broken ? kIllegalAddress : stream->captured ? kInvalidValue : kSuccess;
}
EXPORT cuStreamBeginCapture(Stream* stream, int mode) {
  return stream->captured.reset(new Calls), mode == 2 ? kSuccess : kInvalidValue;
}
EXPORT cuStreamEndCapture(Stream* stream, Calls** graph) {
  return *graph = stream->captured.release(), kSuccess;
}
EXPORT cuGraphInstantiateWithFlags(Calls** executable, Calls* graph, unsigned long long) {
  return *executable = new Calls(*graph), kSuccess;
}
EXPORT cuGraphLaunch(Calls* executable, Stream* stream) {
  for (const auto& call : *executable) stream->put(call);
  return kSuccess;
}
EXPORT cuGraphDestroy(Calls* graph) { return delete graph, kSuccess; }
EXPORT cuGraphExecDestroy(Calls* executable) { return delete executable, kSuccess; }

EXPORT cuEventCreate(void** event, unsigned) { return *event = malloc(1), kSuccess; }
EXPORT cuEventDestroy(void* event) { return free(event), kSuccess; }
EXPORT cuEventRecord(void*, Stream*) { return kSuccess; }
EXPORT cuEventSynchronize(void*) { return kSuccess; }
EXPORT cuEventElapsedTime(float* ms, void*, void*) { return *ms = 1.5f, kSuccess; }

EXPORT cuMemcpyHtoDAsync(void* to, const void* from, size_t bytes, Stream* stream) {
  return stream->put([=] { memcpy(to, from, bytes); });
}
EXPORT cuMemcpyDtoHAsync(void* to, const void* from, size_t bytes, Stream* stream) {
  return stream->put([=] { memcpy(to, from, bytes); });
}
EXPORT cuMemcpyDtoDAsync(void* to, const void* from, size_t bytes, Stream* stream) {
  return stream->put([=] { memcpy(to, from, bytes); });
}
EXPORT cuMemsetD8Async(void* to, unsigned char value, size_t bytes, Stream* stream) {
  is_broken |= to == nullptr;
  if (is_broken) return kIllegalAddress;
  return stream->put([=] { memset(to, value, bytes); });
}

EXPORT cuModuleLoadData(void** module, const void* image) {
  kernels = dlopen(getenv("EMULATED_KERNELS"), RTLD_NOW);
  *module = kernels;
  return kernels && strcmp(static_cast<const char*>(image), "an image") == 0 ? kSuccess
                                                                             : kInvalidValue;
}
EXPORT cuModuleUnload(void*) { return kSuccess; }
EXPORT cuModuleGetFunction(void** function, void* module, const char* name) {
  *function = dlsym(module, name);
  return *function ? kSuccess : kNotFound;
}
EXPORT cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                      unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                      Stream* stream, void** parameters, void** extra) {
  if (grid_y != 1 || grid_z != 1 || block_x != 256 || block_y != 1 || block_z != 1 ||
      shared_bytes || extra) {
    return kInvalidValue;
  }
  Dl_info found;
  dladdr(function, &found);
  const std::string bytes_of =
      "stillwave_argument_bytes_" + std::string(found.dli_sname + strlen("stillwave_"));
  const int bytes = reinterpret_cast<int (*)()>(dlsym(kernels, bytes_of.c_str()))();
  const char* argument = static_cast<const char*>(parameters[0]);  // a driver copies it at the call
  const auto kept = std::make_shared<std::vector<char>>(argument, argument + bytes);
  return stream->put(
      [=] { reinterpret_cast<void (*)(const void*, unsigned)>(function)(kept->data(), grid_x); });
}

EXPORT cuGetProcAddress_v2(const char* name, void** function, int, uint64_t, int* found) {
  static void* self = [] {
    Dl_info here;
    dladdr(reinterpret_cast<void*>(&cuInit), &here);
    return dlopen(here.dli_fname, RTLD_NOW);
  }();
  *function = dlsym(self, name);
  if (found) *found = *function ? 0 : 1;
  return *function ? kSuccess : kNotFound;
}
EXPORT cuGetProcAddress(const char* name, void** function, int version, uint64_t flags) {
  return cuGetProcAddress_v2(name, function, version, flags, nullptr);
}
