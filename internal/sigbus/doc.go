// Package sigbus is the door to surviving other processes' files: memory that its owner takes away while it is mapped here.
//
// Whoever owns a file may cut it short. A load from what is no longer there is a SIGBUS, which ends a Go program, unless the
// goroutine asked for a panic instead. So code that reads foreign memory does it under a guard:
//
//	defer end(sigbus.Guard(), ...)
//
//	func end(before sigbus.Mode, ...) {
//		before.Restore()
//		if e := recover(); e != nil {
//			if !sigbus.In(e, mapping) {
//				panic(e)
//			}
//			// the owner of the mapping is to be given up
//		}
//	}
//
// A fault anywhere else is nobody's but the program's own and goes on as the panic that it is.
package sigbus
