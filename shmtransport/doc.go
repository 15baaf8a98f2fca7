// Package shmtransport moves samples from publishers to subscriptions through shared memory. It knows nothing of topics'
// names, of types, or of who is alive; it is told.
//
// A Writer is a publisher's end, a Reader a subscription's. Every byte that two processes see is written by exactly one of
// them: the publisher file by the publisher, the reader file by the reader's participant. Nobody locks anything that another
// process could hold. docs/protocol.md has the steps, docs/correctness.md the argument for them, docs/format.md every shared byte.
//
// The ring runs over any memory it is given. Over the heap it is what the race detector and the fuzzer see.
package shmtransport
