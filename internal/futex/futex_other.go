//go:build !linux

package futex

import (
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
)

const MaxWords = 128

const errUnsupported = errdefs.Unsupported("waiting on shared words needs Linux")

// Waiter cannot sleep here; every wait is an error.
type Waiter struct{}

func (*Waiter) Reset()                          {}
func (*Waiter) Add(*atomic.Uint32, uint32) bool { return false }
func (*Waiter) Append(*Words, int, int) bool    { return false }
func (*Waiter) Wait(time.Duration) error        { return errUnsupported }
func (*Waiter) WaitHolding(time.Duration) error { return errUnsupported }
func HasWaitv() bool                            { return false }
func Wake(*atomic.Uint32)                       {}
