// kanmon: the command line. All of it is in control/cli.
#include <iostream>

#include "control/cli/commands.h"

int main(int argc, char** argv) {
  return kanmon::cli::run(argc, argv, std::cout, std::cerr);
}
