// A library that is linked without a build id.
extern "C" __attribute__((visibility("default"))) int narke_test_nameless() {
  return 1;
}
