// expect: conversion from
#include <narke/narke.hpp>

int main() {
  narke::object_ref<void> untyped = narke::put(1);
  narke::object_ref<int> typed = untyped;
}
