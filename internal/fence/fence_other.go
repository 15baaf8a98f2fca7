//go:build !linux

package fence

import "errors"

// Register fails: this system has no fence between processes.
func Register() error { return errors.ErrUnsupported }

// Heavy fails: this system has no fence between processes.
func Heavy() error { return errors.ErrUnsupported }
