//go:build !linux

package measure

import "errors"

func rusage() (Usage, error) { return Usage{}, errors.New("measuring needs Linux") }

// ProcessSize is unknown here.
func ProcessSize() (threads, rss uint64, err error) { return 0, 0, errors.New("measuring needs Linux") }

// SharedMemory is unknown here.
func SharedMemory(string) (uint64, error) { return 0, errors.New("measuring needs Linux") }
