//go:build !linux

package usage

import "errors"

func kernel() (Usage, error) { return Usage{}, errors.New("measuring needs Linux") }
