//go:build !linux

package usage

import "errors"

func kernel() (Usage, error) { return Usage{}, errors.New("measuring needs Linux") }

// Size is unknown here.
func Size() (threads, rss uint64, err error) { return 0, 0, errors.New("measuring needs Linux") }

// Shared is unknown here.
func Shared(string) (uint64, error) { return 0, errors.New("measuring needs Linux") }
