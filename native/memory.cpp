#include "memory.h"

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <vector>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

namespace clew {
namespace {

constexpr std::size_t large_page = std::size_t(1) << 21;

// Locked by trying only: who finds it taken (in a forked process perhaps for ever) does without.
std::mutex lock;
// Never destroyed: a tensor may be given back when everything else of the process is gone.
std::vector<Block>& kept = *new std::vector<Block>;
std::size_t kept_total = 0, lent = 0, most_lent = 0;

// The smallest kept block that is large enough, and not much too large; its place in `kept`.
std::size_t fitting(std::size_t bytes) {
  std::size_t best = kept.size();
  for (std::size_t k = 0; k < kept.size(); ++k)
    if (kept[k].bytes >= bytes && kept[k].bytes <= bytes + bytes / 4 &&
        (best == kept.size() || kept[k].bytes < kept[best].bytes))
      best = k;
  return best;
}

// No longer lent. What was borrowed while the lock was taken was never counted.
void returned(std::size_t bytes) { lent -= bytes < lent ? bytes : lent; }

Block remove(std::size_t place) {
  const Block block = kept[place];
  kept[place] = kept.back();
  kept.pop_back();
  kept_total -= block.bytes;
  return block;
}

// The system may have the pages of a kept block if it needs them; until then they stay.
void offer(Block block) {
#ifdef MADV_FREE
  madvise(block.memory, block.bytes, MADV_FREE);
#else
  (void)block;
#endif
}

}  // namespace

Block borrow(std::size_t bytes) {
  bytes = (bytes + large_page - 1) / large_page * large_page;
  {
    const std::unique_lock<std::mutex> held(lock, std::try_to_lock);
    if (held) {
      const std::size_t place = fitting(bytes);
      const bool found = place < kept.size();
      const Block block = found ? remove(place) : Block{nullptr, bytes};
      lent += block.bytes;
      if (lent > most_lent) most_lent = lent;
      while (!kept.empty() && lent + kept_total > most_lent)
        std::free(remove(kept.size() - 1).memory);
      if (found) return block;
    }
  }
  const Block block{std::aligned_alloc(large_page, bytes), bytes};
  if (block.memory) {
    use_large_pages(block.memory, bytes);
  } else {
    const std::unique_lock<std::mutex> held(lock, std::try_to_lock);
    if (held) returned(bytes);
  }
  return block;
}

void give_back(Block block) {
  if (!block.memory) return;
  {
    const std::unique_lock<std::mutex> held(lock, std::try_to_lock);
    if (held) {
      returned(block.bytes);
      if (lent + kept_total + block.bytes <= most_lent) {
        offer(block);
        kept.push_back(block);
        kept_total += block.bytes;
        return;
      }
    }
  }
  std::free(block.memory);
}

std::size_t kept_bytes() {
  const std::unique_lock<std::mutex> held(lock);
  return kept_total;
}

void use_large_pages(void* memory, std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  const auto from = (reinterpret_cast<std::uintptr_t>(memory) + large_page - 1) / large_page;
  const auto to = (reinterpret_cast<std::uintptr_t>(memory) + bytes) / large_page;
  if (memory && from < to)
    madvise(reinterpret_cast<void*>(from * large_page), (to - from) * large_page, MADV_HUGEPAGE);
#else
  (void)memory, (void)bytes;
#endif
}

}  // namespace clew
