// Package api asks a running server as programs in other languages do: a client
// in Python that is generated from its document, and schemathesis, which looks
// for answers that the document does not describe. Both are found in the folder
// that BELFRY_TEST_PYTHON names, a virtual environment's bin; without them
// nothing is tested, and that is said.
package api
