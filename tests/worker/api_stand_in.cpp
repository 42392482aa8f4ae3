#include <support/api_stand_in.hpp>
