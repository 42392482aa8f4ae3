"""Which lines and branches of src the tests run."""
