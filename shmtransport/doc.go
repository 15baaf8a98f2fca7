// Package shmtransport moves samples from publishers to subscriptions through shared memory. It does not know topic
// names, types, or which participants are alive; its callers tell it.
//
// A Writer is a publisher's end, a Reader a subscription's. Each shared byte has exactly one writing process: the
// publisher writes the publisher file, the reader's participant writes the reader file. No lock is shared between
// processes. docs/protocol.md has the steps, docs/correctness.md the argument for them, docs/format.md every shared
// byte.
//
// The ring runs over any memory. The tests run it over the heap for the race detector and the fuzzer.
package shmtransport
