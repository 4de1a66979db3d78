// A libcuda.so.1 that is no driver: the calls that runtime/device's two bindings make, on memory of
// the host, with the kernels that cuda_on_host.h compiles. It shows that the bindings are called as
// they want to be.
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
  kInvalidContext = 201,
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

thread_local std::vector<void*> context_stack;
size_t used_bytes = 0;
int retained = 0;
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
EXPORT cuDevicePrimaryCtxRetain(void** context, int) {
  return ++retained, *context = &used_bytes, kSuccess;
}
EXPORT cuDevicePrimaryCtxRelease(int) {
  if (--retained == 0) is_broken = false;  // the context is no more
  return used_bytes ? kInvalidValue : kSuccess;
}
EXPORT cuDevicePrimaryCtxReset(int) { return is_broken = false, kSuccess; }
EXPORT cuCtxSetCurrent(void* context) { return context == &used_bytes ? kSuccess : kInvalidValue; }
EXPORT cuDeviceComputeCapability(int* major, int* minor, int) {
  return *major = 8, *minor = 7, kSuccess;
}
EXPORT cuCtxPushCurrent(void* context) {
  return context_stack.push_back(context), context == &used_bytes ? kSuccess : kInvalidValue;
}
EXPORT cuCtxPopCurrent(void** context) {
  if (context_stack.empty()) return kInvalidContext;
  if (context) *context = context_stack.back();
  return context_stack.pop_back(), kSuccess;
}
EXPORT cuCtxGetDevice(int* device) {
  return *device = 0, context_stack.empty() ? kInvalidContext : kSuccess;
}
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
  if (bytes > kTotalBytes) return kOutOfMemory;
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
EXPORT cuModuleLoadDataEx(void** module, const void* image, unsigned, void*, void*) {
  return cuModuleLoadData(module, image);
}
EXPORT cuModuleUnload(void*) { return kSuccess; }
EXPORT cuModuleGetFunction(void** function, void* module, const char* name) {
  *function = dlsym(module, name);
  return *function ? kSuccess : kNotFound;
}
EXPORT cuFuncSetBlockShape(void*, int x, int y, int z) {
  return x == 256 && y == 1 && z == 1 ? kSuccess : kInvalidValue;
}
EXPORT cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                      unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                      Stream* stream, void** parameters, void** extra) {
  if (grid_y != 1 || grid_z != 1 || block_x != 256 || block_y != 1 || block_z != 1 ||
      shared_bytes || (parameters != nullptr) == (extra != nullptr)) {
    return kInvalidValue;
  }
  Dl_info found;
  dladdr(function, &found);
  const std::string bytes_of =
      "stillwave_argument_bytes_" + std::string(found.dli_sname + strlen("stillwave_"));
  const int bytes = reinterpret_cast<int (*)()>(dlsym(kernels, bytes_of.c_str()))();
  // One argument, in either of two ways: by pointer, or as {1, bytes, 2, their number, 0}.
  if (extra && *static_cast<size_t*>(extra[3]) != static_cast<size_t>(bytes)) return kInvalidValue;
  // A driver copies it at the call.
  const char* argument = static_cast<const char*>(extra ? extra[1] : parameters[0]);
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
