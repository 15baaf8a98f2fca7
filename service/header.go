package service

import (
	"encoding/binary"
	"fmt"
)

// HeaderSize is the size in bytes of the header before the value in each request and response. docs/format.md has its layout.
const HeaderSize = 32

// Offsets in the header.
const (
	offNumber   = 0
	offDeadline = 8
	offKind     = 16
	offCode     = 20
	offReserved = 24
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

// slotBits is the number of bits of a call number that name its slot.
const slotBits = 16

func slotOf(number uint64) int { return int(number & (1<<slotBits - 1)) }

func (h Header) put(b []byte) {
	binary.NativeEndian.PutUint64(b[offNumber:], h.Number)
	binary.NativeEndian.PutUint64(b[offDeadline:], uint64(h.Deadline))
	binary.NativeEndian.PutUint32(b[offKind:], uint32(h.Kind))
	binary.NativeEndian.PutUint32(b[offCode:], uint32(h.Code))
	binary.NativeEndian.PutUint64(b[offReserved:], 0)
}

// ParseHeader reads the header of a request or response, and returns the bytes after it: a value or, of an error, its description.
func ParseHeader(payload []byte) (h Header, value []byte, err error) {
	if len(payload) < HeaderSize {
		return h, nil, fmt.Errorf("parse a message of a service: it has %d bytes, the header alone has %d", len(payload), HeaderSize)
	}
	h = Header{
		Number:   binary.NativeEndian.Uint64(payload[offNumber:]),
		Deadline: int64(binary.NativeEndian.Uint64(payload[offDeadline:])),
		Kind:     Kind(binary.NativeEndian.Uint32(payload[offKind:])),
		Code:     int32(binary.NativeEndian.Uint32(payload[offCode:])),
	}
	if h.Kind < KindCall || h.Kind > KindClosed {
		return h, nil, fmt.Errorf("parse a message of a service: its kind is %d, must be %d to %d", uint32(h.Kind), KindCall, KindClosed)
	}
	return h, payload[HeaderSize:len(payload):len(payload)], nil
}

// A control message is the newest state of a client's call, or what the client says of itself. Its topic is keyed by slot, so that the
// server misses none.
type control struct {
	slot      uint32 // of the call; helloSlot: about the client
	requests  uint32 // number of the client's request publisher
	number    uint64 // of the call; of a hello the number of calls that the client may have open
	credit    uint64 // responses of the stream that the client can take, from its beginning
	cancelled uint32 // 1: the client does not want a response any more
}

const (
	controlSize = 32
	helloSlot   = 1<<slotBits - 1
)

func (c control) bytes() []byte {
	b := make([]byte, controlSize)
	binary.NativeEndian.PutUint32(b[0:], c.slot)
	binary.NativeEndian.PutUint32(b[4:], c.requests)
	binary.NativeEndian.PutUint64(b[8:], c.number)
	binary.NativeEndian.PutUint64(b[16:], c.credit)
	binary.NativeEndian.PutUint32(b[24:], c.cancelled)
	return b
}

func parseControl(b []byte) (c control, ok bool) {
	if len(b) != controlSize {
		return c, false
	}
	c = control{
		slot: binary.NativeEndian.Uint32(b[0:]), requests: binary.NativeEndian.Uint32(b[4:]), number: binary.NativeEndian.Uint64(b[8:]),
		credit: binary.NativeEndian.Uint64(b[16:]), cancelled: binary.NativeEndian.Uint32(b[24:]),
	}
	return c, c.slot <= helloSlot
}
