//go:build !linux

package clock

import "errors"

// notifier stands in where the kernel does not tell that the clock was set.
type notifier struct{}

func newNotifier() (*notifier, error) { return nil, errors.ErrUnsupported }

func (*notifier) wait() error { return errors.ErrUnsupported }

func (*notifier) close() {}
