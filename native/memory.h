// Large memory that calls borrow: what one gives back the next one has, with its pages.
//
// The system clears every page before it hands it out, which for the record of a long sequence
// takes as long as a tenth of the arithmetic. Kept blocks never add to the most that was lent at
// one time, and the system may take their pages back whenever it is short of memory.
#pragma once

#include <cstddef>

namespace clew {

struct Block {
  void* memory;  // at a multiple of 2 MiB, or null where there is no more
  std::size_t bytes;
};

// At least `bytes`, of whatever content. Any thread may borrow and give back.
Block borrow(std::size_t bytes);
void give_back(Block block);

// Bytes that are kept for those who come.
std::size_t kept_bytes();

// Asks the system for large pages where many bytes were just allocated and not yet written: fewer
// faults, and addresses that are found faster. A wish that may go unheard.
void use_large_pages(void* memory, std::size_t bytes);

}  // namespace clew
