//go:build !linux

package clock

func namespaceOffset() int64 { return 0 }
