package sigbus

import "runtime/debug"

// A Mode is what a goroutine does at a fault.
type Mode bool

// Guard makes faults of this goroutine panics, until Restore is called on what it returns.
func Guard() (before Mode) { return Mode(debug.SetPanicOnFault(true)) }

// Restore ends what Guard began. It is for the same goroutine.
func (m Mode) Restore() { debug.SetPanicOnFault(bool(m)) }
