package service

import (
	"encoding/binary"
	"fmt"
)

// A Kind says what a message is.
type Kind uint32

// Kinds of messages. The first three are requests.
const (
	KindCall     Kind = 1 + iota // a request for one response
	KindSend                     // a request for none
	KindStream                   // a request for any number of responses
	KindResponse                 // the last response, with a value
	KindItem                     // a response that others follow
	KindEnd                      // the end of the responses, without a value
	KindError                    // the end of the responses, with an error
	KindWelcome                  // the server takes requests of this client from now on
	KindClosed                   // the server has answered all requests that it has taken, and takes no other
)

var kindNames = [...]string{
	KindCall: "call", KindSend: "send", KindStream: "stream", KindResponse: "response", KindItem: "item", KindEnd: "end", KindError: "error", KindWelcome: "welcome", KindClosed: "closed",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint32(k))
}

// isRequest reports whether clients send messages of this kind.
func (k Kind) isRequest() bool { return k >= KindCall && k <= KindStream }

// isLast reports whether a response of this kind ends a call.
func (k Kind) isLast() bool { return k == KindResponse || k == KindEnd || k == KindError }

// A Header describes a request or response.
type Header struct {
	Number   uint64 // of the call: slot in the lowest 16 bits, and a counter
	Deadline int64  // of a request: nanoseconds of CLOCK_MONOTONIC; 0 = none
	Kind     Kind
	Code     int32 // of an error
}

func slotOf(number uint64) int { return int(number & (1<<slotBits - 1)) }

func (h Header) put(b []byte) {
	binary.NativeEndian.PutUint64(b[hdrOffNumber:], h.Number)
	binary.NativeEndian.PutUint64(b[hdrOffDeadline:], uint64(h.Deadline))
	binary.NativeEndian.PutUint32(b[hdrOffKind:], uint32(h.Kind))
	binary.NativeEndian.PutUint32(b[hdrOffCode:], uint32(h.Code))
	binary.NativeEndian.PutUint64(b[hdrOffCode+4:], 0)
}

// ParseHeader reads the header of a request or response, and returns the bytes after it: a value or, of an error, its description.
func ParseHeader(payload []byte) (h Header, value []byte, err error) {
	if len(payload) < HeaderSize {
		return h, nil, fmt.Errorf("parse a message of a service: it has %d bytes, the header alone has %d", len(payload), HeaderSize)
	}
	h = Header{
		Number:   binary.NativeEndian.Uint64(payload[hdrOffNumber:]),
		Deadline: int64(binary.NativeEndian.Uint64(payload[hdrOffDeadline:])),
		Kind:     Kind(binary.NativeEndian.Uint32(payload[hdrOffKind:])),
		Code:     int32(binary.NativeEndian.Uint32(payload[hdrOffCode:])),
	}
	if h.Kind < KindCall || h.Kind > KindClosed {
		return h, nil, fmt.Errorf("parse a message of a service: its kind is %d, must be %d to %d", uint32(h.Kind), KindCall, KindClosed)
	}
	return h, payload[HeaderSize:len(payload):len(payload)], nil
}
