// What changes from frame to frame, written by the host before each: a frame's graph stays the
// same.
#pragma once

#include "portable.h"

namespace {

struct FrameChoice {
  uint8_t*
      picture;  // where the frame goes instead, memory of the host that the device sees; or none
  int motion;   // which of the motions of the last pass
  float liveliness;  // what activity is multiplied by
};

}  // namespace
