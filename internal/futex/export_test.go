//go:build linux

package futex

// NewWaiter returns a Waiter, as of a kernel without futex_waitv if that is asked for.
func NewWaiter(without bool) *Waiter { return &Waiter{without: without} }
