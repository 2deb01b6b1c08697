// SPDX-License-Identifier: MIT
// says: frostline: a ResNet's OutputStride is 8, 16 or 32
#include <frostline/models/resnet.hpp>
namespace fl = frostline;
fl::ResNet50<64, fl::ClassifierHead<2048, 10>, fl::OutputStride{7}> network;
