// Package sigbus turns faults in the mapped files of other processes into panics that can be recovered.
//
// The owner of a file may truncate it. A load from a truncated page is a SIGBUS, which ends a Go program unless the goroutine asked for
// a panic instead. Code that reads foreign memory therefore does so under a guard:
//
//	defer end(sigbus.Guard(), ...)
//
//	func end(before sigbus.Mode, ...) {
//		before.Restore()
//		if e := recover(); e != nil {
//			if !sigbus.In(e, mapping) {
//				panic(e)
//			}
//			// detach from the owner of the mapping
//		}
//	}
//
// A fault anywhere else is a bug of the program and stays a panic.
package sigbus

import "runtime/debug"

// A Mode is what a goroutine does at a fault.
type Mode bool

// Guard makes faults of this goroutine panics, until Restore is called on what it returns.
func Guard() (before Mode) { return Mode(debug.SetPanicOnFault(true)) }

// Restore ends what Guard began. It is for the same goroutine.
func (m Mode) Restore() { debug.SetPanicOnFault(bool(m)) }
