package service

import "encoding/binary"

// A control message is the newest state of a client's call, or what the client says of itself. Its topic is keyed by slot, so that the
// server misses none.
type control struct {
	slot      uint32 // of the call; helloSlot: about the client
	requests  uint32 // number of the client's request publisher
	number    uint64 // of the call; of a hello the number of calls that the client may have open
	credit    uint64 // responses of the stream that the client can take, from its beginning
	cancelled uint32 // 1: the client does not want a response any more
}

func (c control) bytes() []byte {
	b := make([]byte, controlSize)
	binary.NativeEndian.PutUint32(b[ctlOffSlot:], c.slot)
	binary.NativeEndian.PutUint32(b[ctlOffRequests:], c.requests)
	binary.NativeEndian.PutUint64(b[ctlOffNumber:], c.number)
	binary.NativeEndian.PutUint64(b[ctlOffCredit:], c.credit)
	binary.NativeEndian.PutUint32(b[ctlOffCancelled:], c.cancelled)
	return b
}

func parseControl(b []byte) (c control, ok bool) {
	if len(b) != controlSize {
		return c, false
	}
	c = control{
		slot: binary.NativeEndian.Uint32(b[ctlOffSlot:]), requests: binary.NativeEndian.Uint32(b[ctlOffRequests:]), number: binary.NativeEndian.Uint64(b[ctlOffNumber:]),
		credit: binary.NativeEndian.Uint64(b[ctlOffCredit:]), cancelled: binary.NativeEndian.Uint32(b[ctlOffCancelled:]),
	}
	return c, c.slot <= helloSlot
}

// ParseCancel reads the number of a call that a control message cancels, and the number of the client's publisher of requests, which
// belongs to the participant that sent the message. ok is false for every other message.
func ParseCancel(payload []byte) (number uint64, requests uint32, ok bool) {
	c, ok := parseControl(payload)
	return c.number, c.requests, ok && c.cancelled != 0 && c.slot < helloSlot
}
