package record

import (
	"fmt"
	"math"
	"time"
)

// An OffsetError says that an offset would move the messages of a recording out of the times that it can have, which are from 1970 to 2554.
type OffsetError struct {
	Path   string
	Time   uint64 // of the message in question, in ns since 1970
	Offset time.Duration
}

func (e *OffsetError) Error() string {
	at := time.Unix(int64(e.Time/1e9), int64(e.Time%1e9)).UTC().Format(time.RFC3339Nano)
	if e.Offset < 0 {
		return fmt.Sprintf("%s: an offset of %v would move its first message, of %s, before 1970; give one of at least -%v",
			e.Path, e.Offset, at, time.Duration(e.Time)) // less than the offset
	}
	return fmt.Sprintf("%s: an offset of %v would move its last message, of %s, beyond the year 2554, where the times of recordings end", e.Path, e.Offset, at)
}

// CheckOffset returns an *OffsetError if a recording with messages from first to last, in ns since 1970, cannot have the offset.
func CheckOffset(path string, first, last uint64, offset time.Duration) error {
	switch {
	case offset < 0 && first < -uint64(offset):
		return &OffsetError{path, first, offset}
	case offset > 0 && last > math.MaxUint64-uint64(offset):
		return &OffsetError{path, last, offset}
	}
	return nil
}
