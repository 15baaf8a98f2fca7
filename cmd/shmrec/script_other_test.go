//go:build !unix

package main

import "github.com/rogpeppe/go-internal/testscript"

// terminate NAME sends a signal, which this system does not have.
func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("terminate: there are no signals here")
}
