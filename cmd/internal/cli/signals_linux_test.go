package cli

import (
	"syscall"
	"testing"
	"time"
)

// A program that gets the same signal several times at once, as from timeout(1), still ends in order. Else this test kills itself.
func TestSignalsAtOnceAreOneRequest(t *testing.T) {
	ctx, stop := untilAsked(time.Hour, syscall.SIGTERM)
	defer stop()
	for range 100 {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		time.Sleep(100 * time.Microsecond)
	}
}
