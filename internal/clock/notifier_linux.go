package clock

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// A notifier hears from the kernel that CLOCK_REALTIME was set. It is a timer of that clock which the kernel cancels then,
// also after a suspend.
type notifier struct{ timer *os.File }

func newNotifier() (*notifier, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	timer := os.NewFile(uintptr(fd), "timerfd") // in the runtime's poller, so that no thread sleeps for it
	never := unix.ItimerSpec{Value: unix.Timespec{Sec: math.MaxInt32}}
	if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &never, nil); err != nil {
		timer.Close()
		return nil, os.NewSyscallError("timerfd_settime", err)
	}
	return &notifier{timer}, nil
}

// wait returns when the clock was set, and perhaps at other times. It returns an error after close.
func (n *notifier) wait() error {
	var expirations [8]byte
	_, err := n.timer.Read(expirations[:])
	if errors.Is(err, unix.ECANCELED) {
		return nil
	}
	return err
}

func (n *notifier) close() { n.timer.Close() }
