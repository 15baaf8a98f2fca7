package mcapfile

import (
	"errors"
	"fmt"
)

// ErrFormat says that a file is not an MCAP file.
var ErrFormat = errors.New("not an MCAP file")

// A TruncatedError says that a file has no regular end: its writer was killed, or the file was cut. Everything before
// Offset was read.
type TruncatedError struct {
	Offset int64
	Reason string
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("the recording was not closed: %s at byte %d; everything before that was read", e.Reason, e.Offset)
}

// An InvalidRecordError says that a record is invalid or does not match its CRC. The Reader continues after it.
type InvalidRecordError struct {
	Offset int64 // of the record, or of the chunk that holds it
	Record string
	Err    error
}

func (e *InvalidRecordError) Error() string {
	return fmt.Sprintf("%s at byte %d is damaged: %v", e.Record, e.Offset, e.Err)
}

func (e *InvalidRecordError) Unwrap() error { return e.Err }

// A MemoryLimitError says that a record needs more memory than Limits allow. The Reader continues after it.
type MemoryLimitError struct {
	Offset int64 // of the record, or of the chunk that holds it
	What   string
	Size   uint64 // bytes; the value of Limits.Memory with which the record could be read
	Limit  uint64 // bytes
}

func (e *MemoryLimitError) Error() string {
	remedy := "allow more (--memory)"
	if e.What == "a message" && e.Limit == MaxMessage {
		remedy = "no reader takes more"
	}
	return fmt.Sprintf("%s at byte %d needs %d bytes of memory, the limit is %d; %s", e.What, e.Offset, e.Size, e.Limit, remedy)
}

// A TrailingError says that bytes follow the end of a file and are not another MCAP file.
type TrailingError struct {
	Offset int64
	Bytes  uint64
}

func (e *TrailingError) Error() string {
	return fmt.Sprintf("%d bytes follow the end of the recording at byte %d, and are none", e.Bytes, e.Offset)
}

// A MessageSizeError says that a message is larger than the Writer accepts. The message is not in the file, and the Writer
// stays usable.
type MessageSizeError struct {
	Topic string
	Size  int // bytes of payload
	Limit int
}

func (e *MessageSizeError) Error() string {
	return fmt.Sprintf("a message of %d bytes on %.100q is not recorded: the limit is %d bytes; publish it in parts or exclude the topic",
		e.Size, e.Topic, e.Limit)
}

// A WriteError says that a recording ended because its file could not be written.
type WriteError struct {
	Messages uint64 // in the file
	Offset   int64  // bytes in the file, all of them readable
	Err      error
}

func (e *WriteError) Error() string {
	if e.Messages == 0 {
		return fmt.Sprintf("write the recording: %v; no message was written", e.Err)
	}
	return fmt.Sprintf("write the recording: %v; it ends after %d messages and %d bytes, which can be read", e.Err, e.Messages, e.Offset)
}

func (e *WriteError) Unwrap() error { return e.Err }

// Recoverable reports whether a Reader can continue after err.
func Recoverable(err error) bool {
	var corrupt *InvalidRecordError
	var limit *MemoryLimitError
	var trailing *TrailingError
	return errors.As(err, &corrupt) || errors.As(err, &limit) || errors.As(err, &trailing)
}
