#include "pool.h"

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

namespace {

struct Job {
  StillwaveTask task;
  const void* context;
  int64_t chunks;
  std::atomic<int64_t> next{0};

  void work() {
    for (int64_t chunk; (chunk = next.fetch_add(1, std::memory_order_relaxed)) < chunks;) {
      task(context, chunk);
    }
  }
};

class Pool {
 public:
  void run(Job& job, int threads) {
    std::unique_lock<std::mutex> owner(busy_, std::try_to_lock);
    if (!owner.owns_lock()) return job.work();
    {
      std::lock_guard<std::mutex> guard(state_);
      grow(threads - 1);
      job_ = &job;
      open_seats_ = threads - 1;
    }
    wake_.notify_all();
    job.work();
    // A worker that never woke holds no seat, so it is not waited for.
    std::unique_lock<std::mutex> guard(state_);
    job_ = nullptr;
    done_.wait(guard, [this] { return working_ == 0; });
  }

 private:
  void grow(int workers) {
    try {
      for (; size_ < workers; ++size_) std::thread(&Pool::serve, this).detach();
    } catch (const std::system_error&) {
      // No more threads to be had: those there are do the work.
    }
  }

  void serve() {
    std::unique_lock<std::mutex> guard(state_);
    for (;;) {
      wake_.wait(guard, [this] { return job_ != nullptr && open_seats_ > 0; });
      Job* job = job_;
      --open_seats_;
      ++working_;
      guard.unlock();
      job->work();
      guard.lock();
      if (--working_ == 0) done_.notify_all();
    }
  }

  std::mutex busy_;   // held by the caller whose job runs
  std::mutex state_;  // guards what follows
  std::condition_variable wake_;
  std::condition_variable done_;
  Job* job_ = nullptr;
  int open_seats_ = 0;
  int working_ = 0;
  int size_ = 0;
};

std::atomic<Pool*> shared_pool{nullptr};

// Never destroyed: workers still wait on it while the process exits. A forked child has none of its
// parent's threads, so it starts a pool of its own.
Pool& pool() {
  static const int registered = pthread_atfork(
      nullptr, nullptr, [] { shared_pool.store(nullptr, std::memory_order_release); });
  (void)registered;
  Pool* current = shared_pool.load(std::memory_order_acquire);
  if (current == nullptr) {
    Pool* fresh = new Pool;
    if (shared_pool.compare_exchange_strong(current, fresh)) return *fresh;
    delete fresh;
  }
  return *current;
}

}  // namespace

void stillwave_parallel(StillwaveTask task, const void* context, int64_t chunks, int threads) {
  Job job;
  job.task = task;
  job.context = context;
  job.chunks = chunks;
  if (threads > chunks) threads = static_cast<int>(chunks);
  if (threads <= 1) return job.work();
  pool().run(job, threads);
}
