//! Helpers shared by the end-to-end tests: fresh folders, real programs, processes that end with the test.
